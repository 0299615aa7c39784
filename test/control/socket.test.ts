/** The socket as a file: who may hold its path, its mode, and what a client hears when nobody answers. */
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { createClient } from '../../src/control/client.js';
import { sendRequest } from '../../src/control/request.js';
import { BODY_MAX } from '../../src/control/routes.js';
import { startControlServer } from '../../src/control/server.js';
import { type Harness, startHarness } from './harness.js';
import { MemoryController } from './memory-controller.js';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'vxlane-socket-'));
});
after(() => rmSync(directory, { recursive: true }));

const start = (socket: string, gid?: number) => {
  const controller = new MemoryController();
  return startControlServer({
    socket,
    gid,
    controller,
    probes: controller,
    events: controller.eventLog,
    log: { error: () => {} },
  });
};

/** A socket file as a killed daemon leaves it. */
function leaveStaleSocket(path: string): void {
  const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  spawnSync(process.execPath, ['-e', script, path]);
  assert.ok(statSync(path).isSocket());
}

async function withHarness(action: (harness: Harness) => Promise<void>): Promise<void> {
  const harness = await startHarness();
  try {
    await action(harness);
  } finally {
    await harness.close();
  }
}

test('the socket has mode 0660 and its directory is made 0755', () =>
  withHarness(async ({ socket, directory: parent }) => {
    assert.equal((statSync(socket).mode & 0o777).toString(8), '660');
    assert.equal((statSync(join(parent, 'run')).mode & 0o777).toString(8), '755');
  }));

test('closing does not wait for a client that stays connected, and removes the socket', async () => {
  const socket = join(directory, 'closing.sock');
  const server = await start(socket);
  const idle = connect(socket);
  await new Promise((resolve) => idle.once('connect', resolve));
  await server.close();
  idle.destroy();
  assert.equal(existsSync(socket), false);
});

test('a stale socket is replaced', async () => {
  const socket = join(directory, 'stale.sock');
  leaveStaleSocket(socket);
  const server = await start(socket);
  assert.equal((await createClient(socket).daemon()).pid, process.pid);
  await server.close();
});

test('a socket on which a daemon answers is refused, and stays', () =>
  withHarness(async ({ socket, client }) => {
    await assert.rejects(start(socket), {
      message: `another vxlane daemon (pid ${process.pid}) answers on ${socket}; stop it or choose another --socket`,
    });
    assert.equal((await client.daemon()).pid, process.pid);
  }));

test('a socket on which something else answers is refused', async () => {
  const socket = join(directory, 'other.sock');
  const other = createServer((connection) =>
    connection
      .on('error', () => {})
      .resume()
      .end('220 hello\r\n'),
  );
  await new Promise<void>((resolve) => other.listen(socket, resolve));
  await assert.rejects(start(socket), {
    message: `another process answers on ${socket}; stop it or choose another --socket`,
  });
  await new Promise((resolve) => other.close(resolve));
});

test('a file that is not a socket is refused, and stays', async () => {
  const socket = join(directory, 'precious');
  writeFileSync(socket, 'data');
  await assert.rejects(start(socket), {
    message: `${socket} exists and is not a socket; remove it or choose another --socket`,
  });
  assert.equal(readFileSync(socket, 'utf8'), 'data');
});

test('a path longer than sun_path is refused before the kernel cuts it', async () => {
  const socket = join(directory, 'x'.repeat(120));
  const bytes = Buffer.byteLength(socket);
  await assert.rejects(start(socket), {
    message: `socket path ${socket} is ${bytes} bytes long; the kernel takes 107`,
  });
});

test('a directory in which others may put their own socket in its place is refused, a sticky one is not', async () => {
  const shared = join(directory, 'shared');
  mkdirSync(shared);
  chmodSync(shared, 0o777);
  const path = join(shared, 's');
  await assert.rejects(start(path), {
    code: 'socket_unusable',
    message: `cannot listen on ${path}: directory ${shared}: others may write to it, by mode 0777: chmod go-w`,
  });
  chmodSync(shared, 0o1777);
  await (await start(path)).close();
});

test('a directory that cannot be made is named', async () => {
  writeFileSync(join(directory, 'file'), '');
  const socket = join(directory, 'file', 'vxlane.sock');
  await assert.rejects(start(socket), { code: 'socket_unusable', message: /^cannot listen on .*file\/vxlane\.sock: / });
  // where the kernel has no such directory and never will
  await assert.rejects(start('/proc/none/vxlane.sock'), { code: 'socket_unusable', message: /ENOENT/ });
});

test('a client without a daemon says how to get one: no socket, and a stale one', async () => {
  const stale = join(directory, 'stale2.sock');
  leaveStaleSocket(stale);
  const advice = '(start one with "vxlane daemon", or name its socket with --socket)';
  for (const socket of [join(directory, 'absent.sock'), stale]) {
    await assert.rejects(createClient(socket).daemon(), {
      code: 'daemon_absent',
      message: `no vxlane daemon answers on ${socket} ${advice}`,
    });
  }
});

describe('who may connect', { skip: process.getuid?.() !== 0 && 'needs root to become somebody else' }, () => {
  /** What the user nobody gets who is a member of one group: the pid of the daemon, or the refusal. */
  async function askAs(gid: number, socket: string): Promise<string> {
    const module = new URL('../../src/control/client.js', import.meta.url);
    const script =
      `process.setgid(${gid}); process.setgroups([]); process.setuid(65534);` +
      `const { createClient } = await import(${JSON.stringify(module)});` +
      `await createClient(${JSON.stringify(socket)}).daemon()` +
      `.then(({ pid }) => console.log(pid), ({ message }) => console.log(message));`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    return stdout.trim();
  }

  test('a client that may not connect says so', () =>
    withHarness(async ({ socket, directory: parent }) => {
      chmodSync(parent, 0o755);
      const refusal = `permission denied on ${socket}: run as root or as a member of its group`;
      assert.equal(await askAs(65534, socket), refusal);
    }));

  test('members of the group that was named may, and no others', async () => {
    const socket = join(directory, 'group.sock');
    chmodSync(directory, 0o755);
    const server = await start(socket, 54321);
    const { mode, uid, gid } = statSync(socket);
    assert.deepEqual([(mode & 0o777).toString(8), uid, gid], ['660', 0, 54321]);
    assert.equal(await askAs(54321, socket), String(process.pid));
    assert.match(await askAs(54322, socket), /^permission denied/);
    await server.close();
  });
});

test('a client gives up on a daemon that is silent, and on one that hangs up', () =>
  withHarness(async ({ client, controller, socket }) => {
    await client.createOverlay({ name: 'o', encap: 'vxlan', vni: 1, search: 'files', properties: {} });
    let open = () => {};
    controller.lookupGate = new Promise((resolve) => {
      open = resolve;
    });
    const path = '/v1/overlays/o/lookup/de:ad:be:ef:00:01';
    await assert.rejects(sendRequest({ socket, method: 'GET', path, timeoutMs: 50 }), {
      code: 'daemon_silent',
      message: `the vxlane daemon on ${socket} did not answer within 0.05 s`,
    });
    open();
    const rude = join(directory, 'rude.sock');
    const server = createServer((connection) =>
      connection
        .on('error', () => {})
        .resume()
        .end(),
    );
    await new Promise<void>((resolve) => server.listen(rude, resolve));
    await assert.rejects(createClient(rude).daemon(), { code: 'daemon_failed' });
    await new Promise((resolve) => server.close(resolve));
  }));

test('a client waits for a daemon that has more connections to accept than Linux lets wait', async () => {
  const socket = join(directory, 'full.sock');
  const script = `require('http').createServer((_, response) => response.end('{}'))
    .listen({ path: process.argv[1], backlog: 1 }, () => console.log('listens'))`;
  const daemon = spawn(process.execPath, ['-e', script, socket], { stdio: ['ignore', 'pipe', 'inherit'] });
  const waiting: Socket[] = [];
  try {
    await once(daemon.stdout, 'data');
    daemon.kill('SIGSTOP');
    const refused = new Promise<NodeJS.ErrnoException>((resolve) => {
      for (let n = 0; n < 8; n++) waiting.push(connect(socket).once('error', resolve));
    });
    assert.equal((await refused).code, 'EAGAIN');
    const reply = sendRequest({ socket, method: 'GET', path: '/', timeoutMs: 20_000 });
    await assert.rejects(sendRequest({ socket, method: 'GET', path: '/', timeoutMs: 300 }), {
      message: /does not accept connections, and no more can wait/,
    });
    daemon.kill('SIGCONT');
    assert.deepEqual(await reply, {});
  } finally {
    for (const each of waiting) each.destroy();
    daemon.kill('SIGKILL');
  }
});

test('a client does not begin to send more than the daemon reads', async () => {
  await using harness = await startHarness();
  const post = (path: string, body: object) =>
    sendRequest({ socket: harness.socket, method: 'POST', path, body, timeoutMs: 600_000 });
  const around = Buffer.byteLength(JSON.stringify({ filling: '' }));
  const most = { filling: 'x'.repeat(BODY_MAX - around) };
  await assert.rejects(post('/v1/vnics', most), { code: 'bad_request', message: /unrecognized key: "filling"/ });
  await assert.rejects(post('/v1/vnics', { filling: `${most.filling}x` }), {
    code: 'bad_request',
    message: `bad request: a body of ${BODY_MAX + 1} bytes: expected at most ${BODY_MAX}`,
  });
});

test('a client tries again where the daemon closes the connection before it has read the request', async () => {
  const socket = join(directory, 'closing.sock');
  let left = 4;
  const server = createServer((connection) => {
    if (left > 0) {
      left--;
      connection.destroy();
    } else http.emit('connection', connection);
  });
  const http = createHttpServer((_, response) => response.end('{}'));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  try {
    const body = { filling: 'x'.repeat(BODY_MAX / 2) };
    assert.deepEqual(await sendRequest({ socket, method: 'POST', path: '/', body, timeoutMs: 20_000 }), {});
    assert.equal(left, 0);
    left = Infinity;
    await assert.rejects(sendRequest({ socket, method: 'POST', path: '/', body, timeoutMs: 300 }), {
      code: 'daemon_failed',
      message: /closes connections before it reads a request/,
    });
  } finally {
    server.close();
  }
});
