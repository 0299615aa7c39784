/** Clients that hold connections: neither others nor the daemon's own work lack a descriptor for them. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, afterEach, before, describe, it } from 'node:test';
import { createClient } from '../../src/control/client.js';
import { CONNECTIONS_MAX } from '../../src/control/connections.js';
import type { OverlayView } from '../../src/control/protocol.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { type Harness, startHarness } from './harness.js';
import '../support/own-process.js';

/** A client that has connected, and what the daemon said to it. */
interface Client {
  readonly socket: Socket;
  said: string;
  isClosed: boolean;
}

/**
 * Runs the action while this process may have so many descriptors more, clients' and the server's. A shell that was
 * there before sets the limits: to start a program takes a dozen descriptors, which this process then no longer has.
 */
async function withDescriptors(more: number, action: () => Promise<void>): Promise<void> {
  const soft = Number(/open files +(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]);
  const shell = spawn('sh', { stdio: ['pipe', 'pipe', 'inherit'] });
  const limit = async (most: number) => {
    shell.stdin.write(`prlimit --pid ${process.pid} --nofile=${most}:; echo $?\n`);
    assert.equal(String((await once(shell.stdout, 'data'))[0]), '0\n');
  };
  try {
    await limit(readdirSync('/proc/self/fd').length + more);
    try {
      await action();
    } finally {
      await limit(soft);
    }
  } finally {
    shell.stdin.end();
    await once(shell, 'exit');
  }
}

function openSockets(): number {
  const kinds = readdirSync('/proc/self/fd').map((each) => {
    try {
      return readlinkSync(`/proc/self/fd/${each}`);
    } catch {
      return ''; // the one by which the folder was read
    }
  });
  return kinds.filter((kind) => kind.startsWith('socket:')).length;
}

describe('connections to the control socket', () => {
  let harness: Harness;
  let clients: Client[] = [];
  let socketsBefore: number;
  before(async () => {
    harness = await startHarness();
    socketsBefore = openSockets();
  });
  afterEach(leave);
  after(() => harness.close());

  async function client(): Promise<Client> {
    const each: Client = { socket: connect(harness.socket), said: '', isClosed: false };
    clients.push(each);
    each.socket
      .on('data', (chunk) => {
        each.said += chunk;
      })
      .on('error', () => {})
      .on('close', () => {
        each.isClosed = true;
      });
    await new Promise((resolve) => each.socket.once('connect', resolve));
    return each;
  }

  /** Also the daemon's ends are closed: what has yet to be would be descriptors that the next test has besides. */
  async function leave(): Promise<void> {
    for (const { socket } of clients) socket.destroy();
    clients = [];
    await until(() => openSockets() <= socketsBefore);
  }

  const answers = async () => (await harness.client.daemon()).pid === process.pid;

  it('of idle ones the oldest give way, however many come', async () => {
    for (let n = 0; n < 5 * CONNECTIONS_MAX; n++) await client();
    assert(await answers());
    await until(() => clients.filter(({ isClosed }) => !isClosed).length < CONNECTIONS_MAX);
    assert(clients[0]?.isClosed);
    // Those that come while all the others are new are refused; on a slow machine there may be none.
    for (const { said } of clients) assert.match(said, /^$|^HTTP\/1.1 503 .*"code":"too_many_connections"/s);
  });

  it('idle ones give way where descriptors run short', { skip: needsRoot() }, async () => {
    await withDescriptors(90, async () => {
      for (let n = 0; n < 40; n++) await client();
      assert(await answers());
      await until(() => clients.some(({ isClosed }) => isClosed));
    });
  });

  it('a single client is served however few descriptors are left', { skip: needsRoot() }, () =>
    withDescriptors(12, async () => assert(await answers())),
  );

  it('clients that come together are all served, as the client asks again', async () => {
    const pids = await Promise.all(Array.from({ length: 4 * CONNECTIONS_MAX }, () => harness.client.daemon()));
    assert.deepEqual(new Set(pids.map(({ pid }) => pid)), new Set([process.pid]));
  });

  it('one more than all that are at work is refused in words, and what it asks for is not done', async () => {
    let finish = () => {};
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    let atWork = 0;
    harness.controller.reload = async () => {
      atWork++;
      await finished;
      return harness.controller.status();
    };
    for (let n = 0; n < CONNECTIONS_MAX; n++)
      (await client()).socket.write('POST /v1/reload HTTP/1.1\r\nhost: x\r\n\r\n');
    await until(() => atWork === CONNECTIONS_MAX);
    const other = await client();
    other.socket.write('PUT /v1/log-level HTTP/1.1\r\nhost: x\r\ncontent-length: 17\r\n\r\n{"level":"error"}');
    await until(() => other.isClosed);
    assert.match(other.said, /^HTTP\/1.1 503 .*the daemon serves 64 connections already, all it can; try again later/s);
    assert.equal(harness.controller.logLevel, 'info');
    finish();
    await until(() => clients.every((each) => each === other || each.said.startsWith('HTTP/1.1 200')));
    assert(await answers());
  });

  it('those that do not read their replies give way', async () => {
    let asked = 0;
    harness.controller.overlays = () => {
      asked++;
      // More than the kernel keeps of what nobody reads.
      return [{ name: 'x'.repeat(1 << 20) } as OverlayView];
    };
    for (let n = 0; n < CONNECTIONS_MAX; n++) {
      const { socket } = await client();
      socket.pause();
      socket.write('GET /v1/overlays HTTP/1.1\r\nhost: x\r\n\r\n');
    }
    await until(() => asked === CONNECTIONS_MAX);
    assert(await answers());
  });

  it('a request that does not arrive whole within ten seconds is told so', async () => {
    const slow = await client();
    slow.socket.write('POST /v1/vnics HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{');
    await new Promise((resolve) => slow.socket.once('close', resolve));
    assert.match(slow.said, /^HTTP\/1.1 408 .*"message":"the request did not arrive whole within 10 s"/s);
  });

  it('one that was told so does not hold its connection open', async () => {
    const socket = connect({ path: harness.socket, allowHalfOpen: true }).resume();
    socket.write('hello\r\n\r\n');
    await new Promise((resolve) => socket.once('end', resolve));
    const fault = new Promise<NodeJS.ErrnoException>((resolve) => socket.once('error', resolve));
    socket.write('and more');
    assert.equal((await fault).code, 'EPIPE');
  });

  it('who works for a client that goes is told', async () => {
    const { controller, socket } = harness;
    const tellings: AbortSignal[] = [];
    const { ping } = controller;
    controller.ping = (...args) => {
      tellings.push(args[2]!);
      return args[0] === 'slow' ? new Promise(() => {}) : ping.apply(controller, args);
    };
    const leaving = new AbortController();
    const request = { size: 64, timeoutMs: 1000, discover: false, echo: false };
    const asked = createClient(socket, leaving.signal).ping('slow', request);
    await until(() => tellings.length === 1);
    assert.equal(tellings[0]!.aborted, false);
    leaving.abort();
    await assert.rejects(asked);
    await until(() => tellings[0]!.aborted);
    await assert.rejects(harness.client.ping('none', request), { code: 'no_such_overlay' });
    assert.equal(tellings[1]!.aborted, false, 'it has its answer');
    controller.ping = ping;
  });

  it('what is no HTTP is told so', async () => {
    const other = await client();
    other.socket.write('hello\r\n\r\n');
    await until(() => other.isClosed);
    assert.match(other.said, /^HTTP\/1.1 400 .*"code":"bad_request"/s);
  });
});
