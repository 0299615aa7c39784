/** `vxlane doctor`: nothing is found on a healthy pair, and of each fault that is provoked that one alone. */
import assert from 'node:assert/strict';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKS } from '../../src/doctor/checks/index.js';
import type { Diagnosis } from '../../src/doctor/finding.js';
import { MAIN } from '../cli/vxlane.js';
import {
  BORDERS,
  buildDoctorPair,
  type DoctorPair,
  finds,
  findsNothing,
  findsOnly,
  INNER,
  UNDERLAY,
} from './doctor-lab.js';
import { type Host, type LabTest, labTest, mac, pingAll } from './support.js';

const NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];

labTest('doctor', async (test) => {
  const pair = await buildDoctorPair(test.lab);
  const { ours, other } = pair;
  await test.step('a healthy pair: nothing, and the command says so', async () => {
    if (BORDERS[1].length === 0) test.note('not with the TAP as border, which this kernel lacks');
    await findsNothing(ours);
    await findsNothing(other);
    const { stdout, code } = await ours.tryVxlane('doctor', '--seconds', '1');
    assert.deepEqual([stdout, code], ['nothing is wrong\n', 0]);
  });
  await underlayFaults(test, pair);
  await vnicFaults(test, pair);
  await daemonFaults(test, pair);
  await withoutDaemon(test, pair);
});

async function underlayFaults({ lab, step }: LabTest, { ours, other }: DoctorPair): Promise<void> {
  const endpoint = `endpoint ${UNDERLAY[1]}`;

  await step('the packet filter drops the port', async () => {
    await ours.exec('nft', 'table inet f { chain i { type filter hook input priority 0; udp dport 4789 drop; }; }');
    const { severity, mend } = await findsOnly(ours, 'firewall', 'overlay ov0');
    assert.equal(severity, 'fault');
    await ours.exec('sh', '-c', mend);
    await findsNothing(ours);
  });
  await step('a policy of drop, and no rule for the port', async () => {
    await ours.exec('nft', 'flush ruleset');
    const chain =
      'type filter hook input priority 0; policy drop; meta l4proto icmp accept; ct state established accept;';
    await ours.exec('nft', `table inet f { chain i { ${chain} }; }`);
    const { mend } = await findsOnly(ours, 'firewall', 'overlay ov0');
    await ours.exec('sh', '-c', mend);
    await findsNothing(ours);
    await ours.exec('nft', 'flush ruleset');
  });

  await step('the MTU of the underlay', async () => {
    await ours.exec('ip', 'link', 'set', 'eth0', 'mtu', '1400');
    const { found } = await findsOnly(ours, 'underlay-mtu', 'overlay ov0');
    assert.match(found, /1500.*1400/);
    await ours.exec('ip', 'link', 'set', 'eth0', 'mtu', '1500');
  });
  await step('something on the way takes less, and says nothing', async () => {
    const cable = ['-n', ours.netns.replace(/^ours/, 'underlay'), 'link', 'set', 'other', 'mtu'];
    await lab.ip(...cable, '1400');
    await findsOnly(ours, 'path-mtu', endpoint);
    await lab.ip(...cable, '1500');
  });
  await step('no route', async () => {
    await ours.exec('ip', 'route', 'add', 'unreachable', UNDERLAY[1]);
    await findsOnly(ours, 'no-route', endpoint);
    await ours.exec('ip', 'route', 'del', 'unreachable', UNDERLAY[1]);
  });
  await step('the endpoint does not answer ARP', async () => {
    await other.exec('ip', 'addr', 'del', `${UNDERLAY[1]}/24`, 'dev', 'eth0');
    await ours.exec('ip', 'neigh', 'flush', 'all');
    await findsOnly(ours, 'neighbour-failed', endpoint);
    await findsOnly(other, 'listen-address', 'overlay ov0');
    await other.exec('ip', 'addr', 'add', `${UNDERLAY[1]}/24`, 'dev', 'eth0');
  });
  await step('the strict reverse path filter', async () => {
    await ours.exec('ip', 'link', 'add', 'side', 'type', 'veth', 'peer', 'name', 'side1');
    await ours.exec('sysctl', '-q', '-w', 'net.ipv4.conf.eth0.rp_filter=1');
    for (const name of ['side', 'side1']) await ours.exec('ip', 'link', 'set', name, 'up', 'arp', 'off');
    await ours.exec('ip', 'route', 'add', UNDERLAY[1], 'dev', 'side');
    await findsOnly(ours, 'rp-filter', endpoint);
    await ours.exec('ip', 'link', 'del', 'side');
  });
  await step('checksums that somebody on the way has spoilt', async () => {
    await other.exec('ethtool', '-K', 'eth0', 'tx', 'off');
    const rule = 'udp dport 4789 @th,48,16 set 0xdead';
    await other.exec('nft', `table inet m { chain o { type filter hook output priority 0; ${rule}; }; }`);
    const socket = "const s = require('dgram').createSocket('udp4')";
    const send = `${socket}; setInterval(() => s.send('x', 4789, '${UNDERLAY[0]}'), 20)`;
    const sender = other.spawn([process.execPath, '-e', send]);
    const { found } = await findsOnly(ours, 'checksums-wrong', 'host');
    assert.match(found, /^the kernel threw \d+ UDP datagrams away/);
    await sender.stop();
    await other.exec('nft', 'flush', 'ruleset');
    await other.exec('ethtool', '-K', 'eth0', 'tx', 'on');
  });
  await step('and nothing is left of all that', async () => {
    await pingAll(ours, INNER[1]);
    await findsNothing(ours);
  });
}

async function vnicFaults({ lab, step }: LabTest, { ours, other, file }: DoctorPair): Promise<void> {
  await step('set down', async () => {
    await ours.exec('ip', 'link', 'set', 'v0', 'down');
    const { mend } = await findsOnly(ours, 'vnic-down', 'vnic v0');
    assert.equal(mend, 'ip link set v0 up');
    await ours.exec('sh', '-c', mend);
    await findsNothing(ours);
  });
  await step('renamed', async () => {
    await ours.exec('ip', 'link', 'set', 'v0', 'down', 'name', 'w0', 'up');
    const { mend } = await findsOnly(ours, 'vnic-renamed', 'vnic v0');
    await ours.exec('sh', '-c', mend);
    await findsNothing(ours);
  });
  await step('with another MAC', async () => {
    await ours.vxlane('modify-vnic', '--protection', 'mac-nospoof', 'v0');
    await ours.exec('ip', 'link', 'set', 'v0', 'address', mac(5));
    const { mend } = await findsOnly(ours, 'vnic-mac', 'vnic v0');
    await ours.exec('sh', '-c', mend);
    await ours.vxlane('modify-vnic', '--protection', 'none', 'v0');
    await pingAll(ours, INNER[1]);
    await findsNothing(ours);
  });
  await step('in a bridge', async () => {
    await ours.exec('ip', 'link', 'add', 'br0', 'type', 'bridge');
    await ours.exec('ip', 'link', 'set', 'v0', 'master', 'br0');
    await findsOnly(ours, 'behind-bridge', 'vnic v0');
    await ours.exec('ip', 'link', 'del', 'br0');
  });
  await step('asks for an address that nobody knows', async () => {
    // The kernel asks once a second for each.
    const asked = [91, 92, 93, 94].map((last) => ours.spawn(['ping', '-q', '-w', '60', `10.9.0.${last}`]));
    await findsOnly(ours, 'unknown-addresses', 'overlay ov0');
    await Promise.all(asked.map((each) => each.stop()));
  });
  await step('deleted', async () => {
    await ours.exec('ip', 'link', 'del', 'v0');
    await findsOnly(ours, 'vnic-deleted', 'vnic v0');
    await ours.vxlane('reload');
    await ours.exec('sysctl', '-q', '-w', 'net.ipv6.conf.v0.disable_ipv6=1');
  });
  await step('its namespace is gone', async () => {
    const guest = await lab.addMachine('guest');
    await ours.vxlane('create-vnic', '-m', mac(7), '-l', 'ov0', '-n', guest.netns, 'v7');
    await lab.ip('netns', 'del', guest.netns);
    await findsOnly(ours, 'netns-gone', 'vnic v7');
    await ours.vxlane('delete-vnic', 'v7');
  });

  await step('a stranger sends', async () => {
    const whole = readFileSync(file, 'utf8');
    const { [mac(2)]: _, ...left } = JSON.parse(whole) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify(left));
    await ours.vxlane('reload');
    await other.try(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '0.3', INNER[0]]);
    const { mend } = await findsOnly(ours, 'source-refused', 'overlay ov0');
    assert.equal(mend, `vxlane modify-overlay -p source-allow=${UNDERLAY[1]} ov0`);
    writeFileSync(file, whole);
    await ours.vxlane('reload');
    await pingAll(ours, INNER[1]);
  });
}

async function daemonFaults({ lab, step }: LabTest, { ours, other }: DoctorPair): Promise<void> {
  const stateDir = join(ours.dir, 'state');
  const kept = join(stateDir, 'overlays', 'ov0.json');

  await step('a file of the state directory is from the future', async () => {
    const then = Date.now() / 1000 + 86_400;
    utimesSync(kept, then, then);
    await findsOnly(ours, 'state-clock', 'host');
    utimesSync(kept, Date.now() / 1000, Date.now() / 1000);
  });
  await step('a file of the state directory is damaged', async () => {
    const text = readFileSync(kept, 'utf8');
    writeFileSync(kept, text.slice(0, -20));
    await findsOnly(ours, 'state-damaged', 'overlay ov0');
    writeFileSync(kept, text);
    await findsNothing(ours);
  });
  await step('a second daemon beside it', async () => {
    const words = ['--socket', join(ours.dir, 'second.sock'), '--state-dir', join(ours.dir, 'second')];
    const second = ours.spawn([process.execPath, MAIN, 'daemon', ...words]);
    await findsOnly(ours, 'two-daemons', 'daemon');
    await second.stop();
    await findsNothing(ours);
  });
  await step('the port is taken', async () => {
    await ours.stopDaemon();
    await ours.exec('ip', 'link', 'add', 'vx9', 'type', 'vxlan', 'id', '9', 'dstport', '4789', 'dev', 'eth0');
    await ours.exec('ip', 'link', 'set', 'vx9', 'up');
    await ours.startDaemon('--underlay', 'socket');
    const { found } = await findsOnly(ours, 'port-taken', 'overlay ov0');
    assert.match(found, /the kernel/);
    await ours.exec('ip', 'link', 'del', 'vx9');
  });
  await step('without most capabilities, which leaves its sockets small buffers', async () => {
    const third = await lab.addHost('third', { addresses: [] });
    await third.exec('chown', 'nobody:', third.dir);
    await third.startDaemon('--user', 'nobody', '--capabilities', 'net_raw,bpf', '--underlay', 'socket');
    assert.match(
      (await finds(third, 'udp-buffers-small', 'host')).found,
      /^without CAP_NET_ADMIN, sockets get \d+ of /,
    );
    assert.equal((await finds(third, 'capabilities-missing', 'daemon')).severity, 'fault');
    await third.stopDaemon();
  });
  await step('without capabilities', async () => {
    await other.stopDaemon();
    await other.exec('chown', '-R', 'nobody:', other.dir);
    await other.startDaemon('--user', 'nobody', '--capabilities', 'net_admin,bpf', '--underlay', 'socket');
    const { found, severity } = await findsOnly(other, 'capabilities-missing', 'daemon');
    assert.match(found, /CAP_NET_RAW/);
    assert.equal(severity, 'note');
  });
}

/** As the command says it inside the host. */
async function doctorInside(host: Host, before: readonly string[], ...more: string[]) {
  const words = [...before, process.execPath, MAIN, 'doctor', '--json', '--seconds', '1', ...more];
  const { stdout, stderr, code } = await host.try(words, { env: { VXLANE_SOCKET: host.socket } });
  assert.ok(stdout !== '', stderr);
  const { findings, unseen } = JSON.parse(stdout) as Diagnosis;
  return { code, findings, unseen, found: findings.map(({ check }) => check).sort() };
}

/** `other` runs, and `ours` is killed. */
async function withoutDaemon({ lab, step }: LabTest, { ours, other }: DoctorPair): Promise<void> {
  const state = ['--state-dir', join(ours.dir, 'state')];

  await step('a user who may see little is told so, and not that all is well', async () => {
    const { code, found, unseen } = await doctorInside(ours, NOBODY);
    assert.deepEqual([code, found], [2, []]);
    const hidden = unseen.flatMap(({ checks }) => checks);
    const seen = CHECKS.map(({ name }) => name).filter((name) => !hidden.includes(name));
    // What everybody can look at; that permission is denied on the socket is said by all the others.
    assert.deepEqual(seen.sort(), ['daemon-absent', 'tun-missing']);
    for (const { reason } of unseen) assert.doesNotMatch(reason, /\n/);
  });
  await step('it does not run', async () => {
    await ours.stopDaemon('SIGKILL');
    const { code, findings } = await doctorInside(ours, [], ...state);
    assert.deepEqual([code, findings.map(({ mend }) => mend)], [1, ['systemctl restart vxlane']]);
  });
  await step('nor could it carry frames if it did', async () => {
    const bound = "require('dgram').createSocket('udp4').bind(4789, () => console.log('bound'))";
    const holder = ours.spawn([process.execPath, '-e', bound]);
    await holder.printed(/bound/);
    await ours.exec('nft', 'table inet f { chain i { type filter hook input priority 0; udp dport 4789 drop; }; }');
    await ours.exec('ip', 'link', 'set', 'eth0', 'mtu', '1400');
    const { found, findings } = await doctorInside(ours, ['setpriv', '--bounding-set=-net_raw'], ...state);
    const expected = ['capabilities-missing', 'daemon-absent', 'firewall', 'port-taken', 'underlay-mtu'];
    assert.deepEqual(found, expected, JSON.stringify(findings, null, 1));
    const textOf = (name: string) => findings.find(({ check }) => check === name)!.found;
    assert.match(textOf('port-taken'), new RegExp(`port 4789 of ${UNDERLAY[0]} is held by pid \\d+ \\(.*dgram`));
    assert.match(textOf('capabilities-missing'), /^a daemon that user 0 starts has no CAP_NET_RAW: /);
    await holder.stop();
    await ours.exec('nft', 'flush', 'ruleset');
    await ours.exec('ip', 'link', 'set', 'eth0', 'mtu', '1500');
  });
  await step('and the default state directory has other overlays', async () => {
    const kept = join(ours.dir, 'state', 'overlays');
    const into = '/var/lib/vxlane';
    const script = `mount -t tmpfs none /var/lib && mkdir ${into} && cp -r ${kept} ${into} && "$0" "$@"`;
    const { found, findings } = await doctorInside(
      other,
      ['unshare', '-m', 'sh', '-c', script],
      '--state-dir',
      join(other.dir, 'state'),
    );
    assert.deepEqual(
      found.filter((name) => name !== 'capabilities-missing'),
      ['state-forgotten'],
      lab.dir,
    );
    assert.match(findings.find(({ check }) => check === 'state-forgotten')!.mend, /--state-dir \/var\/lib\/vxlane/);
  });
}
