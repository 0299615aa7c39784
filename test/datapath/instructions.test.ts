// What a frame costs, in Wasm instructions that are executed (support/executed.ts), all but the system calls: a change
// that makes the packet path much longer does not go unnoticed. Whoever has a reason to raise a bound says it in the
// commit. Times are the benches' (`npm run bench encap decap`).

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ring } from '../../bench/ring.js';
import type { OverlayConfig } from '../../src/datapath/types.js';
import { PROTECTIONS } from '../../src/link-protection.js';
import { slowChecksum } from '../support/bytes.js';
import { Core, OVERLAY } from '../support/core.js';
import { countExecuted } from '../support/executed.js';
import { datagram, frame } from '../support/frames.js';
import { concat, pseudoHeader } from '../support/super-frames.js';
import { member, trunkOf } from './trunk-members.js';

const A = '02:00:00:00:00:0a';
const FAR = Array.from({ length: 64 }, (_, n) => `02:00:00:00:01:${n.toString(16).padStart(2, '0')}`);
const ETH_P_IP = 0x0800;
const ENOBUFS = 105;
/** IP headers, as far as the datapath looks at them for a frame that is neither TCP nor UDP, and payload. */
const SMALL = Buffer.concat([Buffer.from([0x45]), Buffer.alloc(45)]);
const LARGE = Buffer.concat([Buffer.from([0x45]), Buffer.alloc(1399)]);

/** Source ports of a daemon that is not told otherwise. */
const SOURCES = 16;

function setUp(endpoints: number, config: Partial<OverlayConfig> = {}, sources = 1) {
  const core = new Core('release', 1024, 3, countExecuted);
  core.quiet = true;
  const descriptors = Array.from({ length: sources }, () => ({ withChecksum: 3, withoutChecksum: 3 }));
  const socket = sources === 1 ? OVERLAY.socket : core.tables.addSocket({ listeners: [3], sources: [descriptors] });
  const overlay = core.overlay({
    segment: true,
    coalesceTcp: true,
    coalesceUdp: true,
    acceptPartial: true,
    socket,
    ...config,
  });
  const vnic = core.vnic(overlay, A);
  for (const [n, mac] of FAR.entries()) core.remote(overlay, mac, { ip: `10.0.0.${n % endpoints}`, port: 4789 });
  return { core, overlay, vnic };
}

/** Instructions a frame, where `step` takes 64 of them. */
function perFrame(core: Core, step: () => void): number {
  step(); // what comes once, comes here
  return instructionsOf(core, step) / FAR.length;
}

function instructionsOf(core: Core, step: () => void): number {
  const { executed } = core.module as unknown as { executed: WebAssembly.Global };
  const before = executed.value as bigint;
  step();
  return Number((executed.value as bigint) - before);
}

/** A datagram of UDP in IPv4 or IPv6, of the flow with that number, from an address that its VNIC may use. */
const UDP = Buffer.from('4500002e00004000401100000a0000030a000009c0000035001a0000'.padEnd(92, '0'), 'hex');
const UDP6 = Buffer.from(`60000000001a1140${'fd00'.padEnd(64, '0')}c0000035001a0000`.padEnd(132, '0'), 'hex');
const ofFlow = (payload: Buffer, at: number, flow: number): Buffer => {
  const copy = Buffer.from(payload);
  copy[at + 1] = flow; // the low byte of its source port
  return copy;
};
const udp = (flow: number): Buffer => ofFlow(UDP, 20, flow);
/** The same with its checksum, so that it may be joined to others of its flow. */
const wholeUdp = (flow: number): Buffer => {
  const packet = udp(flow);
  const pseudo = pseudoHeader(packet.subarray(12, 20), 17, packet.length - 20);
  packet.writeUInt16BE(slowChecksum(concat(pseudo, packet.subarray(20))), 26);
  return packet;
};
/** VLAN 100, and the EtherType of IPv4. */
const TAG = Buffer.from('00640800', 'hex');
const udp6 = (flow: number): Buffer => ofFlow(UDP6, 40, flow);

interface Encap {
  readonly payload?: (n: number) => Buffer;
  readonly endpoints?: number;
  readonly etherType?: number;
  readonly sources?: number;
}

const encap: [name: string, shape: Encap, bound: number][] = [
  ['to one endpoint', {}, 380],
  ['to 64 endpoints', { endpoints: 64 }, 380],
  ['of IPv6 to 64 endpoints', { endpoints: 64, etherType: 0x86dd, payload: udp6 }, 475],
  ['of another protocol to 64 endpoints', { endpoints: 64, etherType: 0x88b5, payload: () => SMALL }, 390],
  ['to one endpoint from one source port', { sources: 1 }, 270],
  ['to 64 endpoints from one source port', { sources: 1, endpoints: 64 }, 320],
  ['with a tag to one endpoint', { etherType: 0x8100, payload: (n) => Buffer.concat([TAG, udp(n)]) }, 615],
  ['of 1414 bytes to one endpoint from one source port', { sources: 1, payload: () => LARGE }, 255],
];
for (const [name, shape, bound] of encap) {
  test(`encap, frames ${name}: at most ${bound} instructions each`, (t) => {
    const { payload = udp, endpoints = 1, etherType = ETH_P_IP, sources = SOURCES } = shape;
    const { core, vnic } = setUp(endpoints, {}, sources);
    const frames = FAR.map((mac, n) => frame(mac, A, { etherType, payload: payload(n) }));
    const count = perFrame(core, () => core.encap(vnic, frames));
    t.diagnostic(`${count.toFixed(0)} instructions a frame`);
    assert.ok(count <= bound, `${count.toFixed(0)} instructions a frame`);
  });
}

const LOCAL = 275;
test(`small frames to 64 VNICs here: at most ${LOCAL} instructions each`, (t) => {
  const { core, overlay, vnic } = setUp(1);
  const here = FAR.map((_, n) => `02:00:00:00:02:${n.toString(16)}`);
  for (const mac of here) core.vnic(overlay, mac);
  const frames = here.map((mac) => frame(mac, A, { etherType: ETH_P_IP, payload: SMALL }));
  const count = perFrame(core, () => core.encap(vnic, frames));
  t.diagnostic(`${count.toFixed(0)} instructions a frame`);
  assert.ok(count <= LOCAL, `${count.toFixed(0)} instructions a frame`);
  assert.equal(core.counters.totals().delivered, 2 * FAR.length);
});

const ALLOWED = ['10.0.0.1/32', '10.0.0.2/32', 'fd00::/64', '10.0.0.3/32'];

// A guarded VNIC's frames take the steps of encap one by one, where others may be passed over.
test('link protection costs a VNIC that has it at most 315 instructions a frame of UDP', (t) => {
  const { core, vnic } = setUp(64);
  const frames = FAR.map((mac) => frame(mac, A, { etherType: 0x0800, payload: UDP }));
  const count = () => perFrame(core, () => core.encap(vnic, frames));
  const without = count();
  core.tables.setVnicProtection(vnic, { kinds: PROTECTIONS, allowed: ALLOWED });
  const price = count() - without;
  t.diagnostic(`${without.toFixed(0)} instructions a frame, and ${price.toFixed(0)} for protection`);
  assert.ok(price > 0 && price <= 315, `${price.toFixed(0)} instructions a frame`);
  core.tables.setVnicProtection(vnic, { kinds: [], allowed: [] });
  assert.equal(count(), without, 'nothing of it stays');
});

interface Decap {
  readonly payload?: (n: number) => Buffer;
  readonly sourceCheck?: 'vtep';
  /** Known VTEPs, which send one after the other. */
  readonly vteps?: number;
  /** VNICs of this host. */
  readonly vnics?: number;
}

// Off the path of ordinary datagrams: a tag goes in between two pieces of a frame (decision 36).
const TRUNK: [who: string, bound: number][] = [
  ['the VNIC of a VLAN of a trunk', 695],
  ['a VNIC without a tag beside it', 670],
];
for (const [index, [who, bound]] of TRUNK.entries()) {
  test(`decap, small datagrams to ${who}: at most ${bound} instructions each`, (t) => {
    const { core, overlay } = setUp(1);
    member(core, trunkOf(core), 100, overlay, '02:00:00:00:00:0b');
    const to = ['02:00:00:00:00:0b', A][index]!;
    const datagrams = FAR.map((mac) => datagram(23, frame(to, mac, { etherType: ETH_P_IP, payload: SMALL })));
    const count = perFrame(core, () => core.decap(datagrams));
    t.diagnostic(`${count.toFixed(0)} instructions a datagram`);
    assert.ok(count <= bound, `${count.toFixed(0)} instructions a datagram`);
    assert.equal(core.counters.totals().delivered, 2 * FAR.length);
  });
}

const decap: [name: string, shape: Decap, bound: number][] = [
  ['decap, small datagrams', {}, 270],
  ['decap, large datagrams', { payload: () => LARGE }, 270],
  ['decap, small datagrams of 64 flows of UDP', { payload: wholeUdp }, 555],
  ['decap, small datagrams of 64 flows of UDP without checksums', { payload: udp }, 455],
  ['decap, small datagrams of 64 flows of UDP to 64 VNICs', { payload: wholeUdp, vnics: 64 }, 550],
  ['decap, small datagrams of a known VTEP', { sourceCheck: 'vtep' }, 315],
  ['decap, small datagrams of 4 known VTEPs', { sourceCheck: 'vtep', vteps: 4 }, 505],
  ['decap, small datagrams to 64 VNICs', { vnics: 64 }, 268],
];
for (const [name, { payload = () => SMALL, sourceCheck = 'off', vteps = 1, vnics = 1 }, bound] of decap) {
  test(`${name}: at most ${bound} instructions each`, (t) => {
    const { core, overlay } = setUp(1, { sourceCheck });
    const here = [A, ...Array.from({ length: vnics - 1 }, (_, n) => `02:00:00:00:02:${(n + 1).toString(16)}`)];
    for (const mac of here.slice(1)) core.vnic(overlay, mac);
    const from = FAR.map((_, n) => `10.0.0.${n % vteps}`);
    for (const ip of from.slice(0, vteps)) assert.ok(core.fdb.putVtep(overlay, ip, core.nowMs));
    const datagrams = FAR.map((mac, n) =>
      datagram(23, frame(here[n % vnics]!, vnics > 1 ? FAR[0]! : mac, { etherType: ETH_P_IP, payload: payload(n) })),
    );
    const count = perFrame(core, () => core.decap(datagrams, { from }));
    t.diagnostic(`${count.toFixed(0)} instructions a datagram`);
    assert.ok(count <= bound, `${count.toFixed(0)} instructions a datagram`);
    assert.equal(core.counters.totals().dropped, 0);
  });
}

// A flood that takes all buffers ends a read in every turn.
const REARM = 950;
test(`a turn that arms a read anew: at most ${REARM} instructions, as no other VNIC is looked at`, (t) => {
  const { core, vnic } = setUp(1);
  const ring = new Ring(core.views, core.module);
  ring.endRead(vnic, ENOBUFS);
  ring.turn();
  const count = instructionsOf(core, () => ring.turn());
  t.diagnostic(`${count} instructions`);
  assert.ok(count <= REARM, `${count} instructions`);
});

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
