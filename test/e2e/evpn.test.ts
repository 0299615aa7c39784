/** A host in somebody else's fabric: FRR and the kernel's vxlan device on a leaf, GoBGP and vxlane on ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from '../../src/control/client.js';
import { pasted } from '../support/evpn-manual.js';
import { needsPrograms } from '../support/server-process.js';
import { Frr, HostGoBgp, NEEDED, tcpRates } from './evpn-lab.js';
import { plug } from './plugged.js';
import { SteadyFlows } from './steady-flows.js';
import { eventually, type Host, type Lab, type LabTest, labTest, mac, pingAll, untilUsable } from './support.js';
import { hostAnswersAlone } from './vtep-ping.js';

const [OURS, THEIRS, MOVING, BEHIND, TWICE] = [mac(1), mac(2), mac(3), mac(4), mac(5)] as const;
const MOVES = 20;

interface Fabric {
  readonly ours: Host;
  readonly leaf: Host;
  readonly far: Host;
  readonly frr: Frr;
  readonly gobgp: HostGoBgp;
}

/** What the manual has its reader type, but for `vxlane` itself. */
async function build(lab: Lab): Promise<Fabric> {
  const ours = await lab.addHost('ours', { addresses: ['10.0.0.1/24'] });
  const leaf = await lab.addHost('leaf', { addresses: ['10.0.0.2/24'] });
  const far = await lab.addMachine('far');
  const [plain, graceful] = [pasted('toml'), pasted('toml', 1)];
  const gobgp = new HostGoBgp(lab, ours, plain.slice(0, plain.indexOf('  [[neighbors.afi-safis]]')) + graceful);
  const startOurs = async () => {
    await Promise.all([gobgp.start(), ours.startDaemon()]);
    const [overlay, vnic] = pasted('vxlane').trim().split('\n') as [string, string];
    await ours.vxlane(...overlay.replace('overlay0', '-p evpn/ageing=5 overlay0').split(' ').slice(1));
    await ours.vxlane(...vnic.split(' ').slice(1));
    await ours.exec('ip', 'link', 'set', 'foo0', 'up');
    await untilUsable(ours, 'foo0');
  };
  const startLeaf = async () => {
    for (const line of pasted('sh').trim().split('\n')) await leaf.exec(...line.split(' '));
    await plug(leaf, far, 'br23', THEIRS, ['10.9.0.2/24', 'fd09::2/64']);
    const [head, ...lines] = pasted('frr').split('\n');
    return Frr.start(lab, leaf, [head, pasted('frr', 1), ...lines].join('\n'));
  };
  const [frr] = await Promise.all([startLeaf(), startOurs()]);
  return { ours, leaf, far, frr, gobgp };
}

async function statusOf(host: Host): Promise<{ status: string; details: string }> {
  const [overlay] = await host.vxlaneJson<{ status: string; details: string }[]>('show-overlay', '-f', 'overlay0');
  return overlay!;
}

/** Asks, as a frame would. */
const isFoundAt = (host: Host, of: string, destination: string) => async () =>
  (await createClient(host.socket).lookup('overlay0', of)).destination === destination;

async function withFrr({ lab, step, note }: LabTest): Promise<void> {
  const fabric = await build(lab);
  const { ours, leaf, far, frr, gobgp } = fabric;

  await step('both tell each other where their MACs are, and every pair pings over IPv4 and IPv6', async () => {
    await untilStatus(ours, 'ONLINE');
    await eventually('the MAC of the container is known', isFoundAt(ours, THEIRS, '10.0.0.2:4789'), 60_000);
    await eventually('the MAC of the VNIC is known', async () => (await frr.mac(OURS))[1] === 'remote', 60_000);
    assert.match(
      await leaf.exec('bridge', 'fdb', 'show', 'dev', 'vx23'),
      new RegExp(`${OURS} dst 10.0.0.1 self.* extern_learn`),
    );
    for (const address of ['10.9.0.2', 'fd09::2']) await pingAll(ours, address);
    for (const address of ['10.9.0.1', 'fd09::1']) await pingAll(far, address);
    assert.match(await frr.show('show evpn arp-cache vni 23'), /10\.9\.0\.1 +remote/);
  });

  await step(
    "the leaf's VTEP is asked, by a MAC behind it too; the kernel does not answer, its host does",
    async () => {
      for (const to of ['10.0.0.2', THEIRS]) await hostAnswersAlone(ours, 'overlay0', to, '10.0.0.2:4789');
    },
  );
  await step('TCP flows both ways', async () => note(await tcpRates(ours, far, '10.9.0.2')));

  // Its answers would take another way than what is looked at: while FRR knows no way back, the flow goes on.
  await ours.exec('ip', 'neigh', 'replace', '10.9.0.2', 'lladdr', THEIRS, 'dev', 'foo0', 'nud', 'permanent');

  await step('from evpn to flood and back under traffic nothing is lost', async () => {
    const flows = await SteadyFlows.start(ours, far, [{ name: 'ours to far', address: '10.9.0.2' }]);
    await ours.vxlane('modify-overlay', '--search', 'flood', '-p', 'flood/endpoints=10.0.0.2', 'overlay0');
    await eventually('what was told is withdrawn', async () => (await frr.mac(OURS)).length === 0);
    await ours.vxlane('modify-overlay', '--search', 'evpn', '-p', 'evpn/ageing=5', 'overlay0');
    await eventually('it is told again', async () => (await frr.mac(OURS))[1] === 'remote');
    note(`${await flows.end()} datagrams meanwhile`);
  });

  await step('without GoBGP traffic goes on; with it again, what was known is confirmed', async () => {
    const flows = await SteadyFlows.start(ours, far, [{ name: 'ours to far', address: '10.9.0.2' }]);
    await gobgp.kill();
    const { details } = await untilStatus(ours, 'DEGRADED');
    assert.match(details, /evpn\/gobgp 127\.0\.0\.1:50051: .*what was known stays in use/);
    await gobgp.start();
    await untilStatus(ours, 'ONLINE');
    await eventually('it was told what is here', async () => (await frr.mac(OURS))[1] === 'remote', 60_000);
    note(`${await flows.end()} datagrams meanwhile`);
    await pingAll(far, '10.9.0.1');
  });

  await step('where two VTEPs tell of a MAC, one gets its frames, and lookup says the other', async () => {
    for (const vtep of ['10.0.0.9', '10.0.0.8']) await gobgp.tell(TWICE, vtep);
    await eventually('both are known', async () => {
      const { destination, alternatives } = await createClient(ours.socket).lookup('overlay0', TWICE);
      return destination === '10.0.0.8:4789' && alternatives?.join() === '10.0.0.9:4789';
    });
    const client = createClient(ours.socket);
    await client.setTarget('overlay0', TWICE, { destination: '10.0.0.9:4789' });
    assert.deepEqual(
      (await client.lookup('overlay0', TWICE)).alternatives,
      ['10.0.0.8:4789'],
      'by the operator’s word',
    );
    await client.deleteTarget('overlay0', TWICE);
    for (const vtep of ['10.0.0.9', '10.0.0.8']) await gobgp.tell(TWICE, vtep, 'del');
  });

  await step('what is behind a bridge of ours is told while it is heard', async () => {
    const behind = await lab.addMachine('behind');
    await ours.vxlane('create-vnic', '-m', mac(9), '-l', 'overlay0', '--allow-any-mac', 'up0');
    await ours.exec('ip', 'link', 'add', 'inner', 'type', 'bridge');
    await ours.exec('ip', 'link', 'set', 'inner', 'up');
    await ours.exec('ip', 'link', 'set', 'up0', 'master', 'inner', 'up');
    await plug(ours, behind, 'inner', BEHIND, ['10.9.0.4/24', 'fd09::4/64']);
    await pingAll(behind, '10.9.0.2');
    await eventually('it is told', async () => (await frr.mac(BEHIND))[1] === 'remote');
    await pingAll(far, '10.9.0.4');
    await ours.exec('ip', 'link', 'del', 'p-behind');
  });

  await step('a container moves to our host and back', () => moves(lab, fabric, note));

  await step('what is silent behind a bridge, or gone from the leaf, is forgotten', async () => {
    await eventually('it is silent, and withdrawn', async () => (await frr.mac(BEHIND)).length === 0, 60_000);
    await leaf.exec('ip', 'link', 'del', 'p-far');
    await eventually('the route of the leaf is withdrawn', isFoundAt(ours, THEIRS, 'no_such_mac'));
  });

  // GoBGP 3.10 does not outlive a neighbour that dies while it has MACs of this host.
  for (const vnic of ['foo0', 'up0']) await ours.vxlane('delete-vnic', vnic);
  const isToldNoMac = async () => (await gobgp.routes('rd:10.0.0.1:23')).every((line) => !line.includes('macadv'));
  await eventually('no MAC is told any more', isToldNoMac);

  await step('routes of a leaf that dies are used for as long as GoBGP keeps them', async () => {
    await frr.killBgp();
    const lost = 'no BGP session that is up (neighbours: 10.0.0.2); routes are used as it keeps them';
    await eventually(lost, async () => (await statusOf(ours)).details.includes(lost), 60_000);
    assert.ok(await isFoundAt(ours, MOVING, '10.0.0.2:4789')());
    // It would keep them for the two minutes that the leaf asked for.
    await gobgp.forget('10.0.0.2');
    await eventually('forgotten', isFoundAt(ours, MOVING, 'no_such_mac'), 60_000);
  });

  await step('all that was told is withdrawn with the overlay', async () => {
    await ours.vxlane('delete-overlay', 'overlay0');
    assert.deepEqual(await gobgp.routes('rd:10.0.0.1:23'), []);
    assert.doesNotMatch(ours.daemonLog(), /was not taken/);
  });
}

const untilStatus = (host: Host, wanted: string) =>
  eventually(
    wanted,
    async () => {
      const now = await statusOf(host);
      return now.status === wanted && now;
    },
    60_000,
  );

/**
 * Each time it is in the new place before it has left the old one, as a virtual machine is, and silent in the old one:
 * a namespace for each of the two, of which one has the address.
 */
async function moves(lab: Lab, { ours, leaf, far, frr }: Fabric, note: (line: string) => void): Promise<void> {
  const [there, here] = [await lab.addMachine('there'), await lab.addMachine('here')];
  for (const place of [there, here]) {
    await place.exec('sysctl', '-q', '-w', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
  }
  const client = createClient(ours.socket);
  const isLocal = (place: string) => async () => (await frr.mac(MOVING))[1] === place;
  await plug(leaf, there, 'br23', MOVING, ['10.9.0.3/24']);
  await pingAll(there, '10.9.0.2');
  await eventually('it is at the leaf', isFoundAt(ours, MOVING, '10.0.0.2:4789'));
  // Every 10 ms one, the whole time: how long nothing came back when it moved.
  const steady = far.spawn(['ping', '-n', '-D', '-i', '0.01', '10.9.0.3'], { timeoutMs: 200_000 });
  const startedAt: number[] = [];
  const announced: Promise<unknown>[] = [];
  let before = -1;
  for (let move = 1; move <= MOVES; move++) {
    startedAt.push(Date.now());
    const isHere = move % 2 === 1;
    if (isHere) {
      await there.exec('ip', 'addr', 'flush', 'dev', 'eth0');
      const addresses = ['10.9.0.3/24'];
      await client.createVnic({ name: 'mv0', mac: MOVING, overlay: 'overlay0', netns: here.netns, addresses });
      await here.exec('ip', 'link', 'set', 'mv0', 'up');
      await eventually(`move ${move}: the leaf knows`, isLocal('remote'));
      await there.exec('ip', 'link', 'del', 'eth0');
    } else {
      await here.exec('ip', 'addr', 'flush', 'dev', 'mv0');
      await plug(leaf, there, 'br23', MOVING, ['10.9.0.3/24']);
      announced.push(there.try(['arping', '-c', '1', '-U', '-I', 'eth0', '-s', '10.9.0.3', '10.9.0.3']));
      await eventually(`move ${move}: the leaf knows`, isLocal('local'));
      await client.deleteVnic('mv0');
      await eventually(`move ${move}: we know`, isFoundAt(ours, MOVING, '10.0.0.2:4789'));
    }
    const reached = async () => (await far.try(['ping', '-n', '-c', '1', '-W', '1', '10.9.0.3'])).code === 0;
    await eventually(`move ${move}: it answers`, reached, 20_000);
    const sequence = Math.max(...(await frr.sequences(MOVING)));
    assert.ok(sequence > before, `move ${move}: sequence number ${sequence} after ${before}`);
    before = sequence;
  }
  const { stdout } = await steady.stop('SIGINT');
  const gaps = outages(stdout, startedAt);
  const median = gaps[gaps.length >> 1];
  note(`${MOVES} moves, of each the longest time without an answer: ${gaps[0]} to ${gaps.at(-1)} ms, median ${median}`);
  await Promise.all(announced);
}

/** In milliseconds and ascending: of each move, from what `ping -D` printed, the longest time between two answers. */
function outages(printed: string, startedAt: readonly number[]): number[] {
  const answers = [...printed.matchAll(/^\[(\d+\.\d+)\] \d+ bytes/gm)].map(([, at]) => Number(at) * 1000);
  const gaps = startedAt.map((from, move) => {
    const until = startedAt[move + 1] ?? Number.POSITIVE_INFINITY;
    const between = answers.slice(1).map((at, index) => ({ at, gap: at - answers[index]! }));
    return Math.round(Math.max(...between.filter(({ at }) => at >= from && at < until).map(({ gap }) => gap)));
  });
  return gaps.sort((a, b) => a - b);
}

const missing = needsPrograms(...NEEDED);
if (missing !== false) test('a host in the fabric of FRR', { skip: missing }, () => {});
else labTest('a host in the fabric of FRR', withFrr);
