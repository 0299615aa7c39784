/** NVGRE between two daemons, over IPv4 and IPv6: raw sockets, which two workers share, and no ports anywhere. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Capture } from './capture.js';
import { Captured } from './captured.js';
import { drops, eventually, type Host, labTest, mac, pingAll, readStats } from './support.js';
import { streamBothWays } from './traffic.js';
import '../support/each-engine.js';

const UNDERLAY = { 4: ['10.88.88.1', '10.88.88.2'], 6: ['fd88::1', 'fd88::2'] } as const;
const VSID = 4242;

const given = (...properties: string[]): string[] => properties.flatMap((each) => ['-p', each]);

/** With a VNIC that has the address 10.9.INDEX.N. */
async function addOverlay(host: Host, n: 1 | 2, index: number, search: string, ...properties: string[]): Promise<void> {
  const [overlay, vnic] = [`ov${index}`, `v${index}`];
  const argv = ['-v', String(VSID + index), '-e', 'nvgre', '-s', search, ...given(...properties)];
  await host.vxlane('create-overlay', ...argv, overlay);
  await host.vxlane('create-vnic', '-m', mac(16 * index + n), '-l', overlay, vnic);
  await host.exec('ip', 'addr', 'add', `10.9.${index}.${n}/24`, 'dev', vnic);
}

labTest('NVGRE between two daemons of two workers', async ({ lab, step }) => {
  const addresses = (side: 0 | 1) => [`${UNDERLAY[4][side]}/24`, `${UNDERLAY[6][side]}/64`];
  const one = await lab.addHost('one', { addresses: addresses(0) });
  const two = await lab.addHost('two', { addresses: addresses(1) });
  const hosts = [
    [one, 1],
    [two, 2],
  ] as const;
  for (const [host] of hosts) await host.startDaemon('--workers', '2');

  await step('over IPv6, point to point', async () => {
    for (const [host, n] of hosts) {
      const [own, peer] = [UNDERLAY[6][n - 1]!, UNDERLAY[6][2 - n]!];
      await addOverlay(host, n, 0, 'direct', `nvgre/listen_ip=${own}`, `direct/dest_ip=${peer}`);
    }
    const capture = await Capture.start(one, 'eth0', 'ip6 proto 47');
    await pingAll(one, '10.9.0.2', '-M', 'do', '-s', String(1500 - 40 - 8 - 14 - 28));
    await streamBothWays(one, two, '10.9.0.2');
    const seen = await capture.stop(['gre.key', '_ws.malformed'], 'gre.proto == 0x6558 && icmp');
    assert.ok(seen.length >= 6);
    for (const packet of seen) {
      assert.equal(Number(packet['gre.key']![0]) >> 8, VSID);
      assert.deepEqual(packet['_ws.malformed'], []);
    }
  });

  await step('over IPv4, by a table whose ports mean nothing, beside another overlay on the same sockets', async () => {
    for (const [host, n] of hosts) {
      const [own, peer] = [UNDERLAY[4][n - 1]!, UNDERLAY[4][2 - n]!];
      const table = join(host.dir, 'hosts.json');
      writeFileSync(table, JSON.stringify({ [mac(16 + 3 - n)]: { ip: peer, arp: `10.9.1.${3 - n}`, port: 4790 } }));
      await addOverlay(host, n, 1, 'files', `nvgre/listen_ip=${own}`, `files/config=${table}`);
      await addOverlay(host, n, 2, 'flood', `nvgre/listen_ip=${own}`, `flood/endpoints=${peer}:4789`);
    }
    for (const index of [1, 2]) {
      await pingAll(one, `10.9.${index}.2`, '-M', 'do', '-s', String(1500 - 20 - 8 - 14 - 28));
      await streamBothWays(one, two, `10.9.${index}.2`);
    }
    for (const index of [1, 2]) {
      const found = await one.vxlaneJson<{ destination: string }>('lookup', `ov${index}`, mac(16 * index + 2));
      assert.equal(found.destination, UNDERLAY[4][1]);
    }
  });

  await step('a capture has GRE where the wire has it, and both flows of a ping', async () => {
    const captured = await Captured.start(one, '--overlay', 'ov1');
    await pingAll(one, '10.9.1.2');
    const { packets } = await captured.stop();
    const outer = packets.filter((packet) => packet['ip.src']?.length === 2 && packet['icmp.type'] !== undefined);
    const sources = new Set(outer.map((packet) => packet['ip.src']!.join(' ')));
    assert.deepEqual(sources, new Set([`${UNDERLAY[4][0]} 10.9.1.1`, `${UNDERLAY[4][1]} 10.9.1.2`]));
    for (const packet of outer) assert.equal(packet['_ws.malformed'], undefined);
  });

  await step('each datagram was received once, and by its own worker alone', async () => {
    for (const [host] of hosts) {
      const { totals, drops: all, endpoints } = await readStats(host);
      const refused = all.filter(({ reason }) => /header|ethernet|truncated/.test(reason));
      assert.deepEqual(refused, []);
      assert.ok(totals.decapIn! > 0);
      assert.ok(
        endpoints.every(({ endpoint }) => !/:\d{4}$/.test(endpoint)),
        JSON.stringify(endpoints),
      );
    }
    const { endpoints: there } = await readStats(one);
    const { endpoints: here } = await readStats(two);
    const sent = there.reduce((sum, { encap }) => sum + encap.frames, 0);
    const came = here.reduce((sum, { decap }) => sum + decap.frames, 0);
    assert.ok(came <= sent, `${came} of ${sent}`);
  });

  await step('a VTEP answers, and a smaller path is found out and told', async () => {
    const { vteps } = await one.vxlaneJson<{ vteps: { endpoint: string }[] }>('ping', '-c', '1', 'ov1', UNDERLAY[4][1]);
    assert.deepEqual(
      vteps.map(({ endpoint }) => endpoint),
      [UNDERLAY[4][1]],
    );
    // Else the MTU follows the route, and nothing is too long for it.
    for (const overlay of ['ov1', 'ov2']) await one.vxlane('modify-overlay', '-p', 'mtu=1400', overlay);
    await one.exec('ip', 'route', 'add', `${UNDERLAY[4][1]}/32`, 'dev', 'eth0', 'mtu', '1000');
    await eventually('the path takes 1000 bytes', async () => {
      await one.try(['ping', '-n', '-c', '1', '-W', '1', '-M', 'do', '-s', '1200', '10.9.1.2']);
      return (await drops(one, 'exceeds_pmtu')) > 0;
    });
    await pingAll(one, '10.9.1.2', '-M', 'do', '-s', String(1000 - 20 - 8 - 14 - 28));
    await one.vxlane('modify-overlay', '-p', 'nvgre/df=unset', 'ov2');
    await pingAll(one, '10.9.2.2', '-s', '1300');
  });

  await step('what cannot be is refused in one line', async () => {
    const refuses = (pattern: RegExp, ...argv: string[]) => assert.rejects(one.vxlane(...argv), pattern);
    const create = (vni: number, search: string, ...properties: string[]) => [
      ...['create-overlay', '-v', String(vni), '-e', 'nvgre', '-s', search],
      ...[...given(`nvgre/listen_ip=${UNDERLAY[4][0]}`, ...properties), 'ov9'],
    ];
    const there = `direct/dest_ip=${UNDERLAY[4][1]}`;
    await refuses(/id 23: expected 4096 to 16777214 with nvgre/, ...create(23, 'direct', there));
    await refuses(/id 16777215: expected 4096/, ...create(0xffffff, 'direct', there));
    await refuses(/unknown property "nvgre\/listen_port"/, ...create(5000, 'direct', there, 'nvgre/listen_port=1'));
    await refuses(/unknown property "direct\/dest_port"/, ...create(5000, 'direct', there, 'direct/dest_port=1'));
    await refuses(/evpn does not go with encapsulation nvgre/, ...create(5000, 'evpn', 'evpn/vtep=10.0.0.1'));
    const target = `${mac(9)}=${UNDERLAY[4][1]}:4789`;
    await refuses(/nvgre has no ports, expected IP alone/, 'modify-overlay', '-s', target, 'ov1');
  });
});
