/** `vxlane doctor`: nothing is found on a healthy pair, and of each fault that is provoked that one alone. */
import assert from 'node:assert/strict';
import { readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { MAIN } from '../cli/vxlane.js';
import { buildDoctorPair, findsNothing, findsOnly, INNER, UNDERLAY } from './doctor-lab.js';
import { labTest, mac, pingAll } from './support.js';

labTest('faults of the underlay', async ({ lab, step }) => {
  const { ours, other } = await buildDoctorPair(lab, ['--underlay', 'socket']);
  const endpoint = `endpoint ${UNDERLAY[1]}`;
  await step('a healthy pair, border socket: nothing', async () => {
    await findsNothing(ours);
    await findsNothing(other);
    assert.equal((await ours.tryVxlane('doctor', '--seconds', '1')).stdout, 'nothing is wrong\n');
  });

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
  await step('and nothing is left of all that', async () => {
    await pingAll(ours, INNER[1]);
    await findsNothing(ours);
  });
});

labTest('faults of VNICs and tables', async ({ lab, step, note }) => {
  const probe = probeUnderlayTap();
  const { ours, other, file } = await buildDoctorPair(lab, probe.ok ? ['--underlay', 'tap'] : []);
  await step('a healthy pair, border tap: nothing', async () => {
    if (!probe.ok) note(`not the TAP: ${probe.reason}`);
    await findsNothing(ours);
    await findsNothing(other);
  });

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
    const { [mac(2)]: _, ...left } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    writeFileSync(file, JSON.stringify(left));
    await ours.vxlane('reload');
    await other.try(['ping', '-n', '-c', '3', '-i', '0.2', '-W', '0.3', INNER[0]]);
    const { mend } = await findsOnly(ours, 'source-refused', 'overlay ov0');
    assert.equal(mend, `vxlane modify-overlay -p source-allow=${UNDERLAY[1]} ov0`);
  });
});

labTest('faults of the daemon', async ({ lab, step }) => {
  const { ours, other } = await buildDoctorPair(lab, ['--underlay', 'socket']);
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
  await step('without capabilities', async () => {
    await other.stopDaemon();
    await other.exec('chown', '-R', 'nobody:', other.dir);
    await other.startDaemon('--user', 'nobody', '--capabilities', 'net_admin,bpf', '--underlay', 'socket');
    const { found, severity } = await findsOnly(other, 'capabilities-missing', 'daemon');
    assert.match(found, /CAP_NET_RAW/);
    assert.equal(severity, 'note');
  });
  await step('it does not run', async () => {
    await ours.stopDaemon('SIGKILL');
    const { mend } = await findsOnly(ours, 'daemon-absent', 'daemon', '--state-dir', stateDir);
    assert.equal(mend, 'systemctl restart vxlane');
  });
});
