// Broadcast to more VNICs than a turn makes copies for, with real TAPs and either engine's loop: nothing announces the
// copies that wait, so it is the loop that goes on.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { COPIES_MAX } from '../../assembly/layout.js';
import { macFromNumber } from '../../src/address.js';
import { Datapath } from '../../src/datapath/datapath.js';
import { setsockopt } from '../../src/system/libc.js';
import { withNetns } from '../../src/system/netns.js';
import { openTap, type Tap } from '../../src/system/tap.js';
import { openUnderlay, type Underlay } from '../../src/system/udp.js';
import { OVERLAY } from '../support/core.js';
import { ENGINE } from '../support/engine.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_TAP } from '../support/tap.js';
import { PLAIN_UDP } from '../support/udp.js';
import { until } from '../support/until.js';
import { sendOne } from '../system/messages.js';
import '../support/each-engine.js';

const COUNT = COPIES_MAX + 60;
const FRAMES = 30;
const SOL_SOCKET = 1;
const SO_BROADCAST = 6;

describe(`${COUNT} VNICs on an overlay`, { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  const taps: Tap[] = [];
  let datapath: Datapath;
  let underlay: Underlay;
  const vnics: number[] = [];

  before(async () => {
    netns.exec('sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1'); // nobody sends of his own accord
    const log = { info() {}, warn() {}, error: (message: string) => assert.fail(message) };
    datapath = await Datapath.start({ fdbSize: 1024, workers: 1, busyPollUs: 0, engine: ENGINE, log });
    underlay = withNetns(netns.name, () => openUnderlay({ listen: { ip: '127.0.0.1', port: 4789 }, ...PLAIN_UDP }));
    const overlay = datapath.addOverlay({ ...OVERLAY, socket: datapath.addSocket(underlay) });
    for (let n = 0; n < COUNT; n++) {
      const mac = macFromNumber(0x020000000000 + n);
      const options = { name: `tap${n}`, mac, mtu: 1400, netns: netns.name, persist: false, ...PLAIN_TAP };
      taps.push(openTap(options));
      vnics.push(datapath.addVnic({ overlay, fds: taps[n]!.fds, mac, allowAnyMac: false }));
    }
    netns.exec('ip', 'addr', 'add', '10.9.0.1/24', 'broadcast', '10.9.0.255', 'dev', 'tap0');
  });
  after(async () => {
    await datapath.close();
    for (const tap of taps) tap.close();
    underlay.close();
    netns.delete();
  });

  it(`each gets one copy of each of ${FRAMES} broadcasts`, async () => {
    const inside = withNetns(netns.name, () => openUnderlay({ listen: { ip: '10.9.0.1', port: 4000 }, ...PLAIN_UDP }));
    const fd = inside.listeners[0]!;
    assert.equal(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, Uint8Array.of(1, 0, 0, 0), 4), 0);
    for (let n = 0; n < FRAMES; n++) assert.equal(sendOne(fd, '10.9.0.255', 9, Buffer.alloc(100, n)), 1);
    inside.close();
    await until(() => datapath.totals().delivered === FRAMES * (COUNT - 1));
    assert.deepEqual(datapath.drops(), { no_flood_list: FRAMES }, 'what becomes of each beside its copies');
    const received = netns.json('-s', 'link').flatMap((link) => {
      return /^tap[1-9]/.test(link.ifname) ? [link.stats64.rx.packets as number] : [];
    });
    assert.deepEqual(received, Array(COUNT - 1).fill(FRAMES));
    await datapath.removeVnic(vnics[1]!);
  });
});
