/** The `flood` plugin with a multicast group of the underlay, against two of the kernel's vxlan devices. */
import assert from 'node:assert/strict';
import { Capture } from './capture.js';
import { buildFloodLab, echoesIn, INNER, learnedAt, PORT } from './flood-lab.js';
import { labTest, mac, pingAll, pingNone } from './support.js';

const GROUPS = [
  { family: 4, group: '239.1.1.1', field: 'ip', hops: 'ip.ttl' },
  { family: 6, group: 'ff05::42', field: 'ipv6', hops: 'ipv6.hlim' },
] as const;

for (const { family, group, field, hops } of GROUPS) {
  labTest(`flood: the multicast group ${group} and two kernel VTEPs`, async ({ lab, step }) => {
    const { ours, kernels, addresses } = await buildFloodLab(lab, { family, group });
    const [first, second] = kernels;
    const joined = () => ours.exec('ip', 'maddr', 'show', 'dev', 'eth0');
    assert.match(await joined(), new RegExp(`\\s${group}(\\s|$)`));

    await step('everyone reaches everyone', async () => {
      await pingAll(ours, INNER[1]);
      await pingAll(second, INNER[0]);
      await learnedAt(ours, mac(2), addresses[1]);
      await learnedAt(ours, mac(3), addresses[2]);
    });

    await step('a broadcast of ours leaves once, to the group, and does not come back', async () => {
      const outward = await Capture.start(ours, 'eth0', `udp dst port ${PORT}`, 'out');
      const inside = await Capture.start(ours, 'v0', 'arp', 'in');
      await pingNone(ours, '10.9.0.99');
      const asked = await inside.stop(['arp.dst.proto_ipv4'], 'arp.dst.proto_ipv4 == 10.9.0.99');
      assert.deepEqual(asked, [], 'v0 received what it sent');
      const sent = await outward.stop([`${field}.dst`, hops], 'arp.dst.proto_ipv4 == 10.9.0.99');
      assert.ok(sent.length > 0 && sent.length <= 3, `${sent.length} datagrams for 3 requests`);
      for (const packet of sent) assert.deepEqual([packet[`${field}.dst`], packet[hops]?.[0]], [[group], '1']);
    });

    await step('a broadcast of a kernel reaches us once', async () => {
      const inside = await Capture.start(ours, 'v0', 'arp', 'in');
      const outcome = await first.try(['ping', '-n', '-c', '1', '-W', '1', '10.9.0.98']);
      assert.equal(outcome.code, 1);
      const asked = await inside.stop(['frame.number'], 'arp.dst.proto_ipv4 == 10.9.0.98');
      const sent = await first.exec('ip', '-s', 'neigh', 'show', '10.9.0.98');
      const probes = Number(/probes (\d+)/.exec(sent)?.[1] ?? 0);
      assert.ok(asked.length > 0 && asked.length <= Math.max(probes, 1), `${asked.length} of ${probes}: ${sent}`);
    });

    await step('what goes to a learned MAC does not go to the group', async () => {
      const elsewhere = await Capture.start(second, 'eth0', `udp dst port ${PORT}`, 'in');
      await pingAll(ours, INNER[1]);
      assert.equal(await echoesIn(elsewhere, INNER[1]), 0);
    });

    await step('the group changes with the property, and is left with the overlay', async () => {
      const other = family === 4 ? '239.1.1.2' : 'ff05::43';
      await ours.vxlane('modify-overlay', '-p', `flood/group=${other}`, 'ov0');
      assert.match(await joined(), new RegExp(`\\s${other}(\\s|$)`));
      assert.doesNotMatch(await joined(), new RegExp(`\\s${group}(\\s|$)`));
      await ours.vxlane('delete-vnic', 'v0');
      await ours.vxlane('delete-overlay', 'ov0');
      assert.doesNotMatch(await joined(), new RegExp(`\\s${other}(\\s|$)`));
    });
  });
}

labTest('flood: what cannot be is refused in one line', async ({ lab }) => {
  const ours = await lab.addHost('ours', { addresses: ['10.88.88.1/24'] });
  await ours.startDaemon();
  const refusal = async (...properties: string[]): Promise<string> => {
    const given = properties.flatMap((property) => ['-p', property]);
    const outcome = await ours.tryVxlane('create-overlay', '-v', '7', '-e', 'vxlan', '-s', 'flood', ...given, 'ov0');
    assert.equal(outcome.code, 1, outcome.stdout);
    return outcome.stderr.trim();
  };
  assert.match(
    await refusal('vxlan/listen_ip=0.0.0.0', 'flood/group=239.1.1.1'),
    /group 239\.1\.1\.1: no interface here has listen_ip=0\.0\.0\.0; expected this host's own address$/,
  );
  assert.match(await refusal('vxlan/listen_ip=10.88.88.1'), /neither flood\/endpoints nor flood\/group is set/);
  assert.match(
    await refusal('vxlan/listen_ip=10.88.88.1', 'flood/endpoints=fd00::1'),
    /fd00::1 cannot be reached: the overlay listens on an IPv4 address$/,
  );
});
