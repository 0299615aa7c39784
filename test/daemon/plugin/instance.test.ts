/** An instance that warms up in a thread of its own, by a clock that every look moves on. */
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { PluginInstance } from '../../../src/daemon/plugin/instance.js';
import { configurationOf } from '../../../src/overlay-properties/overlay-properties.js';
import { findPlugin } from '../../../src/search/find.js';
import { Deadlines } from '../../../src/search/host/deadlines.js';
import { Placement } from '../../../src/search/host/placement.js';
import { PluginCounts } from '../../../src/search/host/types.js';
import { openDirectory } from '../../support/open-directory.js';
import { until } from '../../support/until.js';
import { MAC, PEER, silentLog } from '../harness.js';

const directory = openDirectory('instance');
after(() => rmSync(directory, { recursive: true }));

const ASKED = '02:00:00:00:00:01';
const LEFT = '02:00:00:00:00:02';
/** A walk that comes to no end and fills no table, and says so when it is left. */
const ENDLESS = `
  const target = ${JSON.stringify(PEER)};
  function* entries(context) {
    try {
      while (true) yield { mac: '${MAC}', target };
    } finally {
      context.put('${LEFT}', target);
    }
  }
  export default { name: 'mine', mode: 'dynamic', properties: [],
    create: (context) => ({ start() {}, stop() {}, lookup: () => ({ target }), entries: () => entries(context) }) };`;

/** Each look at the clock takes `lookMs`. */
async function instanceOf(lookMs: number, pushesMax: number): Promise<PluginInstance> {
  const path = join(directory, 'endless.mjs');
  writeFileSync(path, ENDLESS);
  let nowMs = 0;
  const deadlines = new Deadlines(() => 0);
  const found = await findPlugin(path, 'thread', deadlines);
  const configuration = configurationOf('vxlan', found.manifest, { 'vxlan/listen_ip': '127.0.0.1' });
  const instance = new PluginInstance({
    ...{ overlay: 'overlay0', vni: 23, found, configuration, log: silentLog, counts: new PluginCounts(), deadlines },
    ...{ epoch: 0, pushesMax, onDeath: () => {}, placement: new Placement({ now: () => 0 }), spare: null, owner: {} },
    now: () => (nowMs += lookMs),
  });
  after(() => instance.stop('for_good'));
  await instance.start();
  return instance;
}

describe('an instance whose entries come to no end', () => {
  it('is taken as it is when its time is up, asked for nothing more, and may end its walk', async () => {
    const instance = await instanceOf(5000, 1024);
    const { answers } = instance.relay.early;
    await instance.warm([ASKED]);
    assert.deepEqual(answers.get(MAC), { target: PEER });
    assert.equal(answers.has(ASKED), false);
    await until(() => answers.has(LEFT));
  });

  it('is walked no further when no more pushes are kept', async () => {
    const instance = await instanceOf(0, 1);
    await instance.warm([ASKED]);
    assert.deepEqual([...instance.relay.early.answers.keys()], [MAC]);
  });
});
