/** A daemon whose place another one is about to take: it is gone, it never begins, or it may not. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { createClient } from '../../src/control/client.js';
import { Daemon } from '../../src/daemon/daemon.js';
import { Predecessor } from '../../src/daemon/handover/predecessor.js';
import { BEGINS_WITHIN_MS } from '../../src/daemon/handover/successor.js';
import { claimStateDir } from '../../src/daemon/state/lock.js';
import { State } from '../../src/daemon/state/store.js';
import { Datapath } from '../../src/datapath/datapath.js';
import { MAIN } from '../cli/vxlane.js';
import { startHarness } from '../control/harness.js';
import { ENGINE } from '../support/engine.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { RecordingLog, StateDirectory } from './running.js';
import '../support/own-process.js';

const GONE = 'warn the daemon that was taking over is gone: this one goes on';
const directory = new StateDirectory();
after(() => directory.delete());

interface Waiting {
  readonly daemon: Daemon;
  readonly log: RecordingLog;
  /** Moves its clock forward. */
  pass(ms: number): void;
}

async function withDaemon(action: (waiting: Waiting) => Promise<void>): Promise<void> {
  const log = new RecordingLog();
  let nowMs = 0;
  const pass = (ms: number) => {
    nowMs += ms;
  };
  const state = await State.open(directory.path, log);
  const datapath = await Datapath.start({ fdbSize: 16, workers: 1, busyPollUs: 0, engine: ENGINE, log });
  const claim = claimStateDir(directory.path);
  const daemon = new Daemon({ datapath, state, claim, log, now: () => nowMs });
  try {
    await action({ daemon, log, pass });
  } finally {
    await daemon.stop();
    claim.release();
  }
}

function endOf(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it has ended by itself
  }
}

/** `action` with a program in the place of the daemon's own, that does nothing; `started`: its pid. */
async function withIdleSuccessor(action: (started: () => Promise<number>) => Promise<void>): Promise<void> {
  const [program, pidFile] = [join(directory.path, 'idle.cjs'), join(directory.path, 'pid')];
  writeFileSync(
    program,
    `const { renameSync, writeFileSync } = require('node:fs');
     writeFileSync('${pidFile}.new', String(process.pid));
     renameSync('${pidFile}.new', '${pidFile}');
     setInterval(() => {}, 1000);`,
  );
  const command = process.argv;
  process.argv = [process.execPath, program];
  const started = async () => {
    await until(() => existsSync(pidFile));
    return Number(readFileSync(pidFile, 'utf8'));
  };
  try {
    await action(started);
  } finally {
    process.argv = command;
    if (existsSync(pidFile)) endOf(Number(readFileSync(pidFile, 'utf8')));
    rmSync(pidFile, { force: true });
  }
}

it('cannot see that, and time goes on; it can, and takes commands', async () => {
  await withDaemon(async ({ daemon, log, pass }) => {
    await daemon.handover({ pid: process.pid, workers: 1 });
    chmodSync(directory.path, 0o777); // a directory that others may write to is not locked, and that throws
    pass(60_000);
    daemon.tick();
    assert.ok(!log.lines.includes(GONE));
    await assert.rejects(daemon.deleteOverlay('overlay0'), /another daemon is taking the place/);
    chmodSync(directory.path, 0o700);
    daemon.tick();
    assert.ok(log.lines.includes(GONE));
    await assert.rejects(daemon.deleteOverlay('overlay0'), /overlay0/);
    assert.throws(() => daemon.endHandover(), /no other daemon is taking over/);
  });
});

it('awaits one at a time that it has started, and hears it begin', async () => {
  await withDaemon(async ({ daemon, log, pass }) => {
    await withIdleSuccessor(async (started) => {
      const replaced = daemon.replace();
      const pid = await started();
      await assert.rejects(daemon.replace(), { code: 'being_replaced' });
      await daemon.handover({ pid, workers: 1 });
      assert.deepEqual(await replaced, { pid });
      process.kill(pid, 'SIGKILL');
      pass(60_000);
      daemon.tick();
      assert.ok(log.lines.includes(GONE));
    });
  });
});

it('kills one that does not begin in time', async () => {
  await withDaemon(async ({ daemon, pass }) => {
    await withIdleSuccessor(async (started) => {
      const replaced = daemon.replace();
      const pid = await started();
      const refused = assert.rejects(replaced, {
        code: 'successor_failed',
        message: /has ended \(it has not begun: no answer within 100 s\), its log says why; this one goes on/,
      });
      pass(BEGINS_WITHIN_MS);
      daemon.tick();
      await refused;
      await until(() => !existsSync(`/proc/${pid}`));
    });
  });
});

it('does not hand over what would end with it: a container', { skip: needsRoot() }, async () => {
  const socket = join(directory.path, 'vxlane.sock');
  const options = ['--socket', socket, '--state-dir', join(directory.path, 'state'), '--fdb-size', '16'];
  const container = ['--pid', '--fork', '--kill-child', '--mount-proc', process.execPath, MAIN, 'daemon', ...options];
  const child = spawn('unshare', container, { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const client = createClient(socket);
  try {
    await until(() =>
      client.daemon().then(
        () => true,
        () => false,
      ),
    );
    assert.equal((await client.daemon()).pid, 1);
    await assert.rejects(client.replace(), {
      code: 'handover_refused',
      message: /it is process 1 of its container, which ends with it: start one of the new version$/,
    });
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
});

it('one that ends before its descriptors are taken is no predecessor; other failures are told', async () => {
  await using harness = await startHarness();
  const ended = spawn('true');
  await once(ended, 'exit');
  const handed = { sockets: [], vnics: { v0: [0] }, learned: {} };
  const log = new RecordingLog();
  harness.controller.handover = () => ({ ...handed, pid: ended.pid! });
  assert.equal(await Predecessor.find(harness.socket, 1, log), null);
  assert.deepEqual(log.lines, ['info the daemon to replace has ended']);
  harness.controller.handover = () => ({ ...handed, pid: process.pid, vnics: { v0: [100_000] } });
  await assert.rejects(Predecessor.find(harness.socket, 1, log), { errnoName: 'EBADF' });
});

it('one that ends while it is asked for its descriptors is no predecessor', async () => {
  const path = join(directory.path, 'ends.sock');
  const server = createServer((request, response) => {
    if (request.method === 'POST') request.socket.destroy();
    else response.end(JSON.stringify({ pid: process.pid }));
  });
  await once(server.listen(path), 'listening');
  const log = new RecordingLog();
  try {
    assert.equal(await Predecessor.find(path, 1, log), null);
  } finally {
    server.close();
  }
  assert.deepEqual(log.lines, ['info the daemon to replace has ended']);
});
