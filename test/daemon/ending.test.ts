/** The end of a daemon that is not done with its beginning. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { Daemon } from '../../src/daemon/daemon.js';
import { State } from '../../src/daemon/state/store.js';
import { STATE_VERSION } from '../../src/daemon/state/stored.js';
import { Datapath } from '../../src/datapath/datapath.js';
import { ENGINE } from '../support/engine.js';
import { freePort } from '../support/ports.js';
import { RecordingLog, StateDirectory } from './running.js';
import '../support/each-engine.js';

const directory = new StateDirectory();
const sleepy = join(directory.path, 'sleepy.mjs');
writeFileSync(
  sleepy,
  `export default { name: 'sleepy', mode: 'dynamic', properties: [],
     create: ({ log }) => ({ start: () => new Promise(() => log.info('asleep')), stop() {}, lookup: () => null }) };`,
);
after(() => directory.delete());

it('a plugin that never starts does not hold up the end, and no clock need pass', async () => {
  const log = new RecordingLog();
  const state = await State.open(directory.path, log);
  const properties = { 'vxlan/listen_ip': '127.0.0.1', 'vxlan/listen_port': String(freePort()) };
  const overlay = { version: STATE_VERSION, name: 'overlay0', vni: 23, encap: 'vxlan', search: sleepy, properties };
  writeFileSync(directory.file('overlays', 'overlay0'), JSON.stringify({ ...overlay, targets: {} }));
  const datapath = await Datapath.start({ fdbSize: 16, workers: 1, busyPollUs: 0, engine: ENGINE, log });
  const daemon = new Daemon({ datapath, state, log, now: () => 0 });
  const restored = daemon.restore();
  while (daemon.overlays().length === 0) await new Promise(setImmediate);
  while (!log.lines.includes('info asleep')) await new Promise(setImmediate);
  await daemon.stop();
  await restored;
  assert.deepEqual(
    log.lines.filter((line) => !line.startsWith('info')),
    [],
  );
});
