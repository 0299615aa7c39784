/** A daemon whose place another one was about to take, and that is gone. */
import assert from 'node:assert/strict';
import { chmodSync } from 'node:fs';
import { after, it } from 'node:test';
import { Daemon } from '../../src/daemon/daemon.js';
import { claimStateDir } from '../../src/daemon/state/lock.js';
import { State } from '../../src/daemon/state/store.js';
import { Datapath } from '../../src/datapath/datapath.js';
import { ENGINE } from '../support/engine.js';
import { RecordingLog, StateDirectory } from './running.js';

const GONE = 'warn the daemon that was taking over is gone: this one goes on';
const directory = new StateDirectory();
after(() => directory.delete());

it('cannot see that, and time goes on; it can, and takes commands', async () => {
  const log = new RecordingLog();
  let nowMs = 0;
  const state = await State.open(directory.path, log);
  const datapath = await Datapath.start({ fdbSize: 16, workers: 1, busyPollUs: 0, engine: ENGINE, log });
  const claim = claimStateDir(directory.path);
  const daemon = new Daemon({ datapath, state, claim, log, now: () => nowMs });
  try {
    await daemon.handover({ pid: process.pid, workers: 1 });
    chmodSync(directory.path, 0o777); // a directory that others may write to is not locked, and that throws
    nowMs += 60_000;
    daemon.tick();
    assert.ok(!log.lines.includes(GONE));
    await assert.rejects(daemon.deleteOverlay('overlay0'), /another daemon is taking the place/);
    chmodSync(directory.path, 0o700);
    daemon.tick();
    assert.ok(log.lines.includes(GONE));
    await assert.rejects(daemon.deleteOverlay('overlay0'), /overlay0/);
    assert.throws(() => daemon.endHandover(), /no other daemon is taking over/);
  } finally {
    await daemon.stop();
    claim.release();
  }
});
