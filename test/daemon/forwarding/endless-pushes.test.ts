/** A search plugin that pushes more MACs than the table has room for: other overlays keep theirs, and find room. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { macFromNumber } from '../../../src/address.js';
import { TARGETS_DEFAULT } from '../../../src/control/protocol.js';
import type { Daemon } from '../../../src/daemon/daemon.js';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { daemonFixture } from '../fixture.js';

const ENTRIES = 1024; // of the fixture's daemon
const PUSHED = 4 * ENTRIES;
const FIRST = 0x02_00_00_00_00_00;
const LAST = macFromNumber(FIRST + PUSHED - 1);
/** Fewer than half of the table: the share of an overlay where two want all. */
const QUIET = 400;

/** Pushes when it is asked for LAST. */
const NOISY = `
  const mac = (number) => number.toString(16).padStart(12, '0').match(/../g).join(':');
  export default { name: 'noisy', mode: 'dynamic', properties: [], create: (context) => ({
    start() {}, stop() {},
    lookup(asked) {
      if (asked.mac !== '${LAST}') return null;
      for (let n = 0; n < ${PUSHED}; n++) context.put(mac(${FIRST} + n), { ip: '127.0.0.9', port: 4789 });
      return { target: { ip: '127.0.0.9', port: 4789 } };
    } }) };`;
const KNOWS_ALL = `export default { name: 'quiet', mode: 'dynamic', properties: [],
  create: () => ({ start() {}, stop() {}, lookup: () => ({ target: { ip: '127.0.0.8', port: 4789 } }) }) };`;

function macsOf(daemon: Daemon, name: string): Set<string> {
  const macs = new Set<string>();
  for (let after: string | null | undefined; after !== null; ) {
    const page = daemon.targets(name, { limit: TARGETS_DEFAULT, ...(after !== undefined && { after }) });
    for (const { mac } of page.targets) macs.add(mac);
    after = page.next;
  }
  return macs;
}

describe('a plugin that pushes without end', { skip: needsRoot() }, () => {
  const fixture = daemonFixture();

  it('fills the table with its own and pushes out none of an overlay that has less than its share', async () => {
    const { daemon, directory } = fixture();
    const [noisy, quiet] = ['noisy', 'quiet'].map((name) => join(directory.path, `${name}.mjs`)) as [string, string];
    writeFileSync(noisy, NOISY);
    writeFileSync(quiet, KNOWS_ALL);
    await daemon.createOverlay({ ...fixture().module(noisy), name: 'noisy' });
    await daemon.createOverlay({ ...fixture().module(quiet), name: 'quiet', vni: 24 });
    const known = Array.from({ length: QUIET }, (_, n) => macFromNumber(FIRST + n));
    const half = known.slice(0, QUIET / 2);
    for (const mac of half) await daemon.lookup('quiet', mac);
    const pushed = async () => {
      await daemon.lookup('noisy', LAST);
      await until(() => macsOf(daemon, 'noisy').size >= ENTRIES - QUIET);
    };
    await pushed();
    const kept = macsOf(daemon, 'quiet');
    assert.deepEqual(
      half.filter((mac) => !kept.has(mac)),
      [],
    );

    // the table is full, and the others find room for what is new
    for (const mac of known) assert.equal((await daemon.lookup('quiet', mac)).destination, '127.0.0.8:4789');
    await pushed();
    const all = macsOf(daemon, 'quiet');
    assert.deepEqual(
      known.filter((mac) => !all.has(mac)),
      [],
    );
    assert.ok(macsOf(daemon, 'noisy').size + all.size <= ENTRIES);
    assert.equal(daemon.overlay('quiet').status, 'ONLINE');
  });
});
