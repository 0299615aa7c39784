/** /v1/events and the stream of it: bounded on both sides, and resumed by the id of the last event. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { followEvents, type StreamWord } from '../../src/control/follow-events.js';
import type { EventView } from '../../src/control/protocol.js';
import { EVENTS_KEPT, EventLog } from '../../src/daemon/events/event-log.js';
import { until } from '../support/until.js';
import { type Harness, startHarness } from './harness.js';

describe('the log of events', () => {
  it('keeps so many, and what is frequent pushes out nothing else', () => {
    const log = new EventLog(1000);
    log.tell('daemon_started', { object: 'daemon' });
    const first = log.last;
    for (let n = 0; n < EVENTS_KEPT + 10; n++) log.tell('mac_learned', { object: `mac ${n}`, overlay: 'o' });
    assert.equal(log.after(null).length, EVENTS_KEPT + 1);
    assert.equal(log.after(null)[0]?.kind, 'daemon_started');
    assert.ok(log.hasLost(first));
    assert.equal(log.hasLost(first + 10), false, 'the last that was pushed out');
    assert.deepEqual(
      log.after(log.last - 2).map(({ object }) => object),
      [`mac ${EVENTS_KEPT + 8}`, `mac ${EVENTS_KEPT + 9}`],
    );
  });

  it('of another daemon is known to be lost, before and after', () => {
    const [earlier, later] = [new EventLog(1000), new EventLog(2000)];
    earlier.tell('daemon_started', { object: 'daemon' });
    assert.ok(later.hasLost(earlier.last));
    assert.ok(earlier.hasLost(later.last));
    assert.equal(later.hasLost(later.last), false);
  });
});

describe('events over the control socket', () => {
  let harness: Harness;
  before(async () => {
    harness = await startHarness();
  });
  after(() => harness.close());

  const tell = (overlay: string, object = `overlay ${overlay}`) =>
    harness.controller.eventLog.tell('overlay_status', {
      object,
      overlay,
      old: 'ONLINE',
      new: 'DEGRADED',
      reason: 'x',
    });

  /** Reads until there are so many, then leaves. */
  async function follow(count: number, after: number, overlays: string[] = []): Promise<(EventView | StreamWord)[]> {
    const controller = new AbortController();
    const seen: (EventView | StreamWord)[] = [];
    for await (const event of followEvents(harness.socket, { overlays, after, signal: controller.signal })) {
      seen.push(event);
      if (seen.length === count) controller.abort();
    }
    return seen;
  }

  it('what came before is caught up with, what comes is followed, each once and in order', async () => {
    const { last } = await harness.client.events();
    tell('a');
    const seen = follow(4, last, ['a']);
    tell('b');
    for (let n = 0; n < 3; n++) {
      await new Promise(setImmediate);
      tell('a', `n ${n}`);
    }
    const objects = (await seen).map((event) => ('object' in event ? event.object : event.kind));
    assert.deepEqual(objects, ['overlay a', 'n 0', 'n 1', 'n 2']);
    const page = await harness.client.events({ after: last, overlay: ['b'] });
    assert.deepEqual([page.events.length, page.events[0]?.reason, page.lost], [1, 'x', false]);
  });

  it('a reader who was away for too long is told, and gets what is kept', async () => {
    const [word, event] = await follow(2, 1);
    assert.deepEqual(word, { kind: 'lost', reason: 'events in between are not kept any more' });
    assert.ok(event && 'id' in event);
    assert.equal((await harness.client.events({ after: 1 })).lost, true);
  });

  /** A client that asks for the stream, and reads nothing. */
  function deaf(headers = '') {
    const socket = connect(harness.socket);
    socket.pause();
    socket.on('error', () => {});
    socket.write(`GET /v1/events/stream HTTP/1.1\r\nhost: x\r\n${headers}\r\n`);
    return socket;
  }

  it('one who does not read is let go with a word, and costs no more than a megabyte or so', async () => {
    const socket = deaf();
    await until(() => harness.controller.eventLog.listeners > 0);
    for (let n = 0; harness.controller.eventLog.listeners > 0; n++) {
      assert.ok(n < 100_000, 'it was never let go');
      tell('a', 'x'.repeat(1000));
      if (n % 100 === 0) await new Promise(setImmediate);
    }
    let said = '';
    socket.on('data', (part) => {
      said += part;
    });
    socket.resume();
    await until(() => said.includes('event: dropped'));
    assert.ok(said.length < 8 << 20, `${said.length} bytes`);
    socket.destroy();
  });

  it('seventeen at a time are one too many, and a place that is left is free', async () => {
    const sockets = Array.from({ length: 16 }, () => deaf());
    await until(() => harness.controller.eventLog.listeners === 16);
    await assert.rejects(follow(1, 0), { code: 'too_many_streams', message: /^16 clients follow events already/ });
    for (const socket of sockets) socket.destroy();
    await until(() => harness.controller.eventLog.listeners === 0);
    assert.equal((await follow(1, 1)).length, 1);
  });

  it('Last-Event-ID says where to go on', async () => {
    const { last } = await harness.client.events();
    tell('resumed');
    const socket = deaf(`last-event-id: ${last}\r\n`);
    let said = '';
    socket.on('data', (part) => {
      said += part;
    });
    socket.resume();
    await until(() => said.includes('"overlay":"resumed"'));
    assert.ok(said.includes(`id: ${last + 1}\nevent: overlay_status\n`));
    assert.match(said, /content-type: text\/event-stream/);
    socket.destroy();
  });
});
