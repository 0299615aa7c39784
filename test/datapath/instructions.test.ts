// What a frame costs, in Wasm instructions that are executed (support/executed.ts), all but the system calls: a change
// that makes the packet path much longer does not go unnoticed. Whoever has a reason to raise a bound says it in the
// commit. Times are the benches' (`npm run bench encap decap`).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PROTECTIONS } from '../../src/link-protection.js';
import { Core } from '../support/core.js';
import { countExecuted } from '../support/executed.js';
import { datagram, frame } from '../support/frames.js';

const A = '02:00:00:00:00:0a';
const FAR = Array.from({ length: 64 }, (_, n) => `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`);
const LARGE = Buffer.alloc(1400, 7);

function setUp(endpoints: number): { core: Core; vnic: number } {
  const core = new Core('release', 1024, 3, countExecuted);
  core.quiet = true;
  const overlay = core.overlay({ segment: true, coalesceTcp: true, coalesceUdp: true, acceptPartial: true });
  const vnic = core.vnic(overlay, A);
  for (const [n, mac] of FAR.entries()) core.remote(overlay, mac, { ip: `10.0.0.${n % endpoints}`, port: 4789 });
  return { core, vnic };
}

/** Instructions a frame, where `step` takes 64 of them. */
function perFrame(core: Core, step: () => void): number {
  const { executed } = core.module as unknown as { executed: WebAssembly.Global };
  step(); // what comes once, comes here
  const before = executed.value as bigint;
  step();
  return Number((executed.value as bigint) - before) / FAR.length;
}

const encap: [name: string, endpoints: number, payload: Buffer, bound: number][] = [
  ['encap, small frames to one endpoint', 1, Buffer.alloc(46), 430],
  ['encap, small frames to 64 endpoints', 64, Buffer.alloc(46), 510],
  ['encap, large frames to one endpoint', 1, LARGE, 410],
];
for (const [name, endpoints, payload, bound] of encap) {
  test(`${name}: at most ${bound} instructions each`, (t) => {
    const { core, vnic } = setUp(endpoints);
    const frames = FAR.map((mac) => frame(mac, A, { payload }));
    const count = perFrame(core, () => core.encap(vnic, frames));
    t.diagnostic(`${count.toFixed(0)} instructions a frame`);
    assert.ok(count <= bound, `${count.toFixed(0)} instructions a frame`);
  });
}

const UDP = Buffer.from('4500002e00004000401100000a0000030a000009c0000035001a0000'.padEnd(92, '0'), 'hex');
const ALLOWED = ['10.0.0.1/32', '10.0.0.2/32', 'fd00::/64', '10.0.0.3/32'];

test('link protection costs a VNIC that has it at most 190 instructions a frame of UDP', (t) => {
  const { core, vnic } = setUp(64);
  const frames = FAR.map((mac) => frame(mac, A, { etherType: 0x0800, payload: UDP }));
  const count = () => perFrame(core, () => core.encap(vnic, frames));
  const without = count();
  core.tables.setVnicProtection(vnic, { kinds: PROTECTIONS, allowed: ALLOWED });
  const price = count() - without;
  t.diagnostic(`${without.toFixed(0)} instructions a frame, and ${price.toFixed(0)} for protection`);
  assert.ok(price > 0 && price <= 190, `${price.toFixed(0)} instructions a frame`);
  core.tables.setVnicProtection(vnic, { kinds: [], allowed: [] });
  assert.equal(count(), without, 'nothing of it stays');
});

const decap: [name: string, payload: Buffer, bound: number][] = [
  ['decap, small datagrams', Buffer.alloc(46), 435],
  ['decap, large datagrams', LARGE, 435],
];
for (const [name, payload, bound] of decap) {
  test(`${name}: at most ${bound} instructions each`, (t) => {
    const { core } = setUp(1);
    const datagrams = FAR.map((mac) => datagram(23, frame(A, mac, { payload })));
    const count = perFrame(core, () => core.decap(datagrams, { from: '10.0.0.0' }));
    t.diagnostic(`${count.toFixed(0)} instructions a datagram`);
    assert.ok(count <= bound, `${count.toFixed(0)} instructions a datagram`);
  });
}

test('the count is exact: of a loop that ends by a branch', () => {
  // (func (export "run") (param i32) (loop (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  const sections = ['01050160017f00', '03020100', '0606017f0141000b', '07070103' + '72756e0000'];
  const code = '0a10010e00' + '0340' + '200041016b2200' + '0d00' + '0b0b';
  const wasm = Buffer.from(`0061736d01000000${sections.join('')}${code}`, 'hex');
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(countExecuted(wasm)));
  const { run, executed } = exports as unknown as { run(n: number): void; executed: WebAssembly.Global };
  run(5);
  assert.equal(executed.value, 10n, 'i32.sub and br_if, five times');
});
