/** /v1/captures: who reads, and who does not; a capture is ended by whoever has its id, or by the end of its client. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { CaptureFeed, CaptureSink } from '../../src/control/capture-stream.js';
import { createClient, VxlaneError } from '../../src/control/client.js';
import { followCapture } from '../../src/control/follow-capture.js';
import { sendRequest } from '../../src/control/request.js';
import type { CaptureRequest } from '../../src/control/requests.js';
import { startControlServer } from '../../src/control/server.js';
import { until } from '../support/until.js';
import { type Harness, startHarness } from './harness.js';
import { MemoryController } from './memory-controller.js';

/** Of one capture: what was asked for, where it writes to, and how often it was ended. */
interface Opened {
  readonly request: CaptureRequest;
  readonly sink: CaptureSink;
  ended: number;
}

class Feed implements CaptureFeed {
  readonly opened: Opened[] = [];

  open(request: CaptureRequest, sink: CaptureSink) {
    if (request.overlay === 'nope') throw new VxlaneError('no_such_overlay', 'no such overlay: nope');
    const opened: Opened = { request, sink, ended: 0 };
    this.opened.push(opened);
    sink.write(Buffer.from('begin '));
    const end = async () => {
      if (opened.ended++ === 0) sink.write(Buffer.from('end'));
      sink.end();
    };
    return { end };
  }
}

describe('captures over the control socket', () => {
  let harness: Harness;
  let feed: Feed;
  let socket: string;
  let server: { close(): Promise<void> };
  beforeEach(async () => {
    harness = await startHarness();
    feed = new Feed();
    socket = `${harness.directory}/captures.sock`;
    const controller = new MemoryController();
    const log = { error: (message: string) => assert.fail(message) };
    const served = { controller, probes: controller, events: controller.eventLog, captures: feed };
    server = await startControlServer({ socket, log, ...served });
  });
  afterEach(async () => {
    await server.close();
    await harness.close();
  });

  async function textOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
    let text = '';
    for await (const part of bytes) text += Buffer.from(part).toString();
    return text;
  }

  it('goes on until its client ends it, and has its end then', async () => {
    const { bytes, end } = await followCapture(socket, { vnic: 'foo0', mac: 'DE-AD-BE-EF-0-1' });
    const text = textOf(bytes);
    const [{ request, sink }] = feed.opened as [Opened];
    const defaults = { dropped: false, reasons: [], snapLength: 262_144 };
    assert.deepEqual(request, { vnic: 'foo0', mac: 'de:ad:be:ef:00:01', ...defaults });
    sink.write(Buffer.from('frame '));
    await end();
    assert.equal(await text, 'begin frame end');
    await end();
    await assert.rejects(sendRequest({ socket, method: 'DELETE', path: '/v1/captures/7', timeoutMs: 5000 }), {
      code: 'no_such_capture',
      message: 'no such capture: 7; it may have ended',
    });
  });

  it('refuses before anything is written, field by field', async () => {
    await assert.rejects(followCapture(socket, { overlay: 'nope' }), { code: 'no_such_overlay' });
    await assert.rejects(followCapture(socket, { snapLength: 1 }), { code: 'bad_request', message: /snapLength/ });
    await assert.rejects(followCapture(socket, { mac: 'x' }), { code: 'bad_request', message: /mac/ });
    await assert.rejects(followCapture(socket, { colour: 'red' } as object), {
      code: 'bad_request',
      message: /colour/,
    });
    assert.equal(feed.opened.length, 0);
  });

  it('is not served where it is not offered, as over a port', async () => {
    await assert.rejects(followCapture(harness.socket, {}), { code: 'no_such_route' });
    await assert.rejects(followCapture(`${harness.directory}/none`, {}), { code: 'daemon_absent' });
  });

  it('a client that reads nothing has no room after some megabytes; when it is gone the capture is ended', async () => {
    const deaf = connect(socket);
    deaf.pause();
    deaf.on('error', () => {});
    const head =
      'POST /v1/captures HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}';
    deaf.write(head);
    await until(() => feed.opened.length === 1);
    const [opened] = feed.opened as [Opened];
    let written = 0;
    for (; opened.sink.hasRoom(); written += 1 << 16) {
      opened.sink.write(Buffer.alloc(1 << 16));
      if (written % (1 << 20) === 0) await new Promise(setImmediate);
      assert.ok(written < 16 << 20, `${written} bytes`);
    }
    assert.ok(written >= 4 << 20, `${written} bytes`);
    assert.equal((await createClient(socket).status()).overlays.length, 0, 'others are served');
    deaf.destroy();
    await until(() => opened.ended > 0);
    assert.equal(opened.sink.hasRoom(), false);
    opened.sink.write(Buffer.from('to nobody'));
  });

  it('has its end also for a reader that is slow, and waits for none that reads nothing', async () => {
    const SIZE = 3 << 20; // more than a socket holds
    const slow = await followCapture(socket, {});
    const deaf = await followCapture(socket, {});
    for (const { sink } of feed.opened) sink.write(Buffer.alloc(SIZE, 'x'));
    const closed = server.close();
    await until(() => feed.opened.every(({ ended }) => ended > 0));
    const text = await textOf(slow.bytes);
    assert.equal(text.length, 'begin '.length + SIZE + 'end'.length);
    assert.ok(text.endsWith('end'));
    await closed;
    await assert.rejects(textOf(deaf.bytes));
  });

  it('ends with the daemon, and its file is whole', async () => {
    const { bytes } = await followCapture(socket, {});
    const text = textOf(bytes);
    await server.close();
    assert.equal(await text, 'begin end');
  });
});
