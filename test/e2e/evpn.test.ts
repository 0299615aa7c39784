/** A host in somebody else's fabric: FRR and the kernel's vxlan device on a leaf, GoBGP and vxlane on ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsPrograms } from '../support/server-process.js';
import { Frr, HostGoBgp, NEEDED, pasted, plug, tcpRates } from './evpn-lab.js';
import { SteadyFlows } from './steady-flows.js';
import { eventually, type Host, type Lab, type LabTest, labTest, mac, pingAll, untilUsable } from './support.js';
import { hostAnswersAlone } from './vtep-ping.js';

const [OURS, THEIRS, MOVING, BEHIND] = [mac(1), mac(2), mac(3), mac(4)] as const;
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
  for (const line of pasted('sh').trim().split('\n')) await leaf.exec(...line.split(' '));
  await plug(leaf, far, 'br23', THEIRS, ['10.9.0.2/24', 'fd09::2/64']);
  const frr = await Frr.start(lab, leaf, pasted('frr'));
  const gobgp = new HostGoBgp(lab, ours, pasted('toml'));
  await gobgp.start();
  await ours.startDaemon();
  const [overlay, vnic] = pasted('vxlane').trim().split('\n') as [string, string];
  await ours.vxlane(...overlay.replace('overlay0', '-p evpn/ageing=5 overlay0').split(' ').slice(1));
  await ours.vxlane(...vnic.split(' ').slice(1));
  await ours.exec('ip', 'link', 'set', 'foo0', 'up');
  await untilUsable(ours, 'foo0');
  return { ours, leaf, far, frr, gobgp };
}

async function statusOf(host: Host): Promise<{ status: string; details: string }> {
  const [overlay] = await host.vxlaneJson<{ status: string; details: string }[]>('show-overlay', '-f', 'overlay0');
  return overlay!;
}

async function destinationOf(host: Host, of: string): Promise<string | undefined> {
  const rows = await host.vxlaneJson<{ mac: string; destination: string }[]>('show-overlay', '-t', 'overlay0');
  return rows.find((row) => row.mac === of)?.destination;
}

const isAt = (host: Host, of: string, destination: string | undefined) => async () =>
  (await destinationOf(host, of)) === destination;

/** Asks, as a frame would. */
const isFoundAt = (host: Host, of: string, destination: string) => async () =>
  (await host.tryVxlane('lookup', 'overlay0', of)).stdout.includes(destination);

async function withFrr({ lab, step, note }: LabTest): Promise<void> {
  const fabric = await build(lab);
  const { ours, leaf, far, frr, gobgp } = fabric;

  await step('both tell each other where their MACs are, and every pair pings over IPv4 and IPv6', async () => {
    await eventually('ONLINE', async () => (await statusOf(ours)).status === 'ONLINE', 60_000);
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
    const { details } = await eventually('DEGRADED', async () => {
      const now = await statusOf(ours);
      return now.status === 'DEGRADED' && now;
    });
    assert.match(details, /evpn\/gobgp 127\.0\.0\.1:50051: .*what was known stays in use/);
    await gobgp.start();
    await eventually('ONLINE', async () => (await statusOf(ours)).status === 'ONLINE', 60_000);
    await eventually('it was told what is here', async () => (await frr.mac(OURS))[1] === 'remote', 60_000);
    note(`${await flows.end()} datagrams meanwhile`);
    await pingAll(far, '10.9.0.1');
  });

  await step('a container moves to our host and back', () => moves(lab, fabric, note));

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
    await eventually('it is silent, and withdrawn', async () => (await frr.mac(BEHIND)).length === 0, 60_000);
  });

  await step('a route that is withdrawn is forgotten', async () => {
    await leaf.exec('ip', 'link', 'del', 'p-far');
    await eventually('forgotten', isAt(ours, THEIRS, undefined));
    const { stdout, stderr } = await ours.tryVxlane('lookup', 'overlay0', THEIRS);
    assert.match(stdout + stderr, /no such MAC|no_such_mac|unknown/i);
  });

  await step('all that was told is withdrawn with the overlay', async () => {
    for (const vnic of ['foo0', 'up0']) await ours.vxlane('delete-vnic', vnic);
    await ours.vxlane('delete-overlay', 'overlay0');
    assert.deepEqual(await gobgp.routes('rd:10.0.0.1:23'), []);
    assert.doesNotMatch(ours.daemonLog(), /was not taken/);
  });
}

/** Each time it is in the new place before it has left the old one, as a virtual machine is. */
async function moves(lab: Lab, { ours, leaf, far, frr }: Fabric, note: (line: string) => void): Promise<void> {
  const moving = await lab.addMachine('moving');
  // Silent where it has no address: what it sends from there would be news of it.
  await moving.exec('sysctl', '-q', '-w', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
  await plug(leaf, moving, 'br23', MOVING, ['10.9.0.3/24']);
  await pingAll(moving, '10.9.0.2');
  await eventually('it is at the leaf', isFoundAt(ours, MOVING, '10.0.0.2:4789'));
  // Every 10 ms one, the whole time: how long nothing came back when it moved.
  const steady = far.spawn(['ping', '-n', '-D', '-i', '0.01', '10.9.0.3'], { timeoutMs: 200_000 });
  const startedAt: number[] = [];
  let before = -1;
  for (let move = 1; move <= MOVES; move++) {
    startedAt.push(Date.now());
    const isHere = move % 2 === 1;
    if (isHere) {
      await moving.exec('ip', 'addr', 'flush', 'dev', 'eth0');
      await ours.vxlane(
        'create-vnic',
        '-m',
        MOVING,
        '-l',
        'overlay0',
        '-n',
        moving.netns,
        '--address',
        '10.9.0.3/24',
        'mv0',
      );
      await moving.exec('ip', 'link', 'del', 'eth0');
      await moving.exec('ip', 'link', 'set', 'mv0', 'up');
    } else {
      // Before anything speaks from there, and in its stead: what is still sent from here would be news of it.
      await moving.exec('ip', 'addr', 'flush', 'dev', 'mv0');
      await plug(leaf, moving, 'br23', MOVING, ['10.9.0.3/24']);
      const announced = moving.exec('arping', '-c', '1', '-U', '-I', 'eth0', '-s', '10.9.0.3', '10.9.0.3');
      await eventually('the leaf has it', async () => (await frr.mac(MOVING))[1] === 'local');
      await ours.vxlane('delete-vnic', 'mv0');
      await announced; // it ends a second after it has spoken
    }
    const place = isHere ? 'remote' : 'local';
    await eventually(`move ${move}: the leaf knows`, async () => (await frr.mac(MOVING))[1] === place);
    const reached = async () => (await far.try(['ping', '-n', '-c', '1', '-W', '1', '10.9.0.3'])).code === 0;
    await eventually(`move ${move}: it answers`, reached, 20_000);
    if (!isHere) await eventually(`move ${move}: we know`, isFoundAt(ours, MOVING, '10.0.0.2:4789'));
    const sequence = Math.max(...(await frr.sequences(MOVING)));
    assert.ok(sequence > before, `move ${move}: sequence number ${sequence} after ${before}`);
    before = sequence;
  }
  const { stdout } = await steady.stop('SIGINT');
  const gaps = outages(stdout, startedAt);
  const median = gaps[gaps.length >> 1];
  note(`${MOVES} moves, of each the longest time without an answer: ${gaps[0]} to ${gaps.at(-1)} ms, median ${median}`);
  await moving.exec('ip', 'link', 'del', 'eth0');
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
