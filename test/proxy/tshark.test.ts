/** What tshark says of every frame the proxies make: well-formed, right checksums, right meaning. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { arpAnnouncement, arpReply } from '../../src/proxy/arp.js';
import { redirect } from '../../src/proxy/dhcp.js';
import { neighbourAdvertisement, unsolicitedAdvertisement } from '../../src/proxy/ndp.js';
import { pcap } from '../support/pcap.js';
import { ARP_PROBE, ARP_REQUEST, DHCP_DISCOVER, NS } from '../wire/frames.js';
import { NS_DAD, tagged } from './frames.js';

const OWNER = '02:00:00:00:00:0b';
const HOST = { router: false };
const BAD =
  '_ws.malformed || _ws.expert.severity >= "Warning" || icmpv6.checksum.status == Bad || udp.checksum.status == Bad';
const CHECKS = ['ip', 'udp'].flatMap((protocol) => ['-o', `${protocol}.check_checksum:TRUE`]);

const FRAMES: [name: string, frame: Uint8Array, summary: RegExp][] = [
  ['reply', arpReply(ARP_REQUEST, OWNER), /^02:00:00:00:00:0a\t.*10\.0\.0\.2 is at 02:00:00:00:00:0b/],
  ['reply, tagged', arpReply(tagged(ARP_REQUEST), OWNER), /^02:00:00:00:00:0a\t7\t.*10\.0\.0\.2 is at/],
  ['reply to a probe', arpReply(ARP_PROBE, OWNER), /10\.0\.0\.9 is at 02:00:00:00:00:0b/],
  ['ARP announcement', arpAnnouncement('10.0.0.7', OWNER), /^ff:ff:ff:ff:ff:ff\t.*ARP Announcement for 10\.0\.0\.7/],
  [
    'advertisement',
    neighbourAdvertisement(NS, OWNER, HOST),
    /^02:00:00:00:00:0a\t.*Neighbor Advertisement fe80::ff:fe00:b \(sol\) is at 02:00:00:00:00:0b/,
  ],
  ['advertisement, tagged', neighbourAdvertisement(tagged(NS), OWNER, HOST), /^02:00:00:00:00:0a\t7\t.*\(sol\) is at/],
  [
    'advertisement of a router',
    neighbourAdvertisement(NS, OWNER, { router: true }),
    /Neighbor Advertisement fe80::ff:fe00:b \(rtr, sol\) is at/,
  ],
  [
    'advertisement to DAD',
    neighbourAdvertisement(NS_DAD, OWNER, HOST),
    /^33:33:00:00:00:01\t.*Neighbor Advertisement fe80::ff:fe00:a \(ovr\) is at 02:00:00:00:00:0b/,
  ],
  [
    'unsolicited advertisement',
    unsolicitedAdvertisement('fd00::7', OWNER, HOST),
    /^33:33:00:00:00:01\t.*Neighbor Advertisement fd00::7 \(ovr\) is at 02:00:00:00:00:0b/,
  ],
  ['redirected DHCP', redirect(DHCP_DISCOVER, OWNER), /^02:00:00:00:00:0b\t.*DHCP Discover/],
];

async function tshark(file: string, ...options: string[]): Promise<string[]> {
  const { stdout } = await promisify(execFile)('tshark', ['-r', file, '-n', ...CHECKS, ...options], {
    timeout: 60_000,
  });
  return stdout.split('\n').filter((line) => line !== '');
}

test('tshark reads every frame of the proxies as it is meant', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'vxlane-tshark-'));
  t.after(() => rm(dir, { recursive: true }));
  const file = join(dir, 'frames.pcap');

  await writeFile(file, pcap(FRAMES.map(([, frame]) => frame)));
  const columns = ['eth.dst', 'vlan.id', '_ws.col.Info'].flatMap((field) => ['-e', field]);
  const lines = await tshark(file, '-T', 'fields', ...columns);
  assert.equal(lines.length, FRAMES.length);
  for (const [i, [name, , summary]] of FRAMES.entries()) assert.match(lines[i] as string, summary, name);
  assert.deepEqual(await tshark(file, '-Y', BAD), []);

  const spoiled = Uint8Array.from(neighbourAdvertisement(NS, OWNER, HOST));
  spoiled[spoiled.length - 1]! ^= 1;
  await writeFile(file, pcap([spoiled]));
  assert.equal((await tshark(file, '-Y', BAD)).length, 1, 'the check itself sees a wrong checksum');
});
