/** DF of outer IPv4 headers: what is too long for a link is told inside, or fragmented by the router or this host. */
import assert from 'node:assert/strict';
import {
  build,
  cut,
  dfOf,
  forget,
  INNER,
  LARGE,
  LINK,
  learned,
  NETS,
  pathMtu,
  SMALL,
  setDf,
  UNDERLAYS,
} from './df-lab.js';
import { eventually, labTest, pingAll, pingNone } from './support.js';
import { streamBothWays } from './traffic.js';
import '../support/each-engine.js';

const [IS_SET, IS_UNSET] = [new Set([true]), new Set([false])];

for (const underlay of UNDERLAYS) {
  labTest(`DF over IPv4, --underlay ${underlay}`, async ({ lab, step }) => {
    const hosts = await build(lab, 4, underlay);
    const { ours, kernels } = hosts;
    const stream = () => streamBothWays(ours, kernels, INNER[0], { bytes: 1 << 19 });

    await step('set: every datagram has it, and what is too long for the link is lost', async () => {
      assert.deepEqual(await dfOf(hosts, 'icmp', () => pingAll(ours, INNER[0], ...SMALL)), IS_SET);
      await cut(hosts, [0, 0], () => pingNone(ours, INNER[0], '-M', 'dont', ...LARGE));
      await eventually('the path is known', async () => (await pathMtu(ours)) === LINK);
      await forget(hosts);
    });

    await step('unset: none has it, the router makes fragments, and nobody inside is told', async () => {
      await setDf(hosts, 'unset');
      const pings = async () => {
        for (const address of INNER) await pingAll(ours, address, '-M', 'do', ...LARGE);
      };
      assert.deepEqual(await dfOf(hosts, 'icmp or icmpv6', pings), IS_UNSET);
      await cut(hosts, [0, 12], pings); // two of each of six requests
      assert.deepEqual(await dfOf(hosts, 'tcp', stream), IS_UNSET);
      for (const address of INNER) assert.equal(await learned(hosts, address), undefined);
      assert.equal(await pathMtu(ours), null);
    });

    await step('inherit: it is that of the packet inside; IPv6 is as with it, what is not IP as without', async () => {
      await setDf(hosts, 'inherit');
      await forget(hosts);
      // The requests alone: IPv6 looks for its neighbours whenever it wants to.
      const ping = (address: string, ...how: string[]) =>
        dfOf(hosts, 'icmp.type == 8 or icmpv6.type == 128', () => pingAll(ours, address, ...how));
      assert.deepEqual(await ping(INNER[0], '-M', 'do', ...SMALL), IS_SET);
      assert.deepEqual(await ping(INNER[0], '-M', 'dont', ...SMALL), IS_UNSET);
      assert.deepEqual(await ping(INNER[1], ...SMALL), IS_SET);
      await ours.exec('ip', 'neigh', 'flush', 'dev', 'v0');
      assert.deepEqual(await dfOf(hosts, 'arp', () => pingAll(ours, INNER[0], ...SMALL)), IS_UNSET);
      await cut(hosts, [0, 6], () => pingAll(ours, INNER[0], '-M', 'dont', ...LARGE));
    });

    await step('inherit: who must not be fragmented learns of the link, the others do not have to', async () => {
      await forget(hosts);
      await stream(); // TCP has DF
      assert.equal(await learned(hosts, INNER[0]), LINK - 50);
      assert.equal(await pathMtu(ours), LINK);
      // What was learned is of one address inside, and of the path outside: this host makes the fragments now.
      await kernels.exec('ip', 'addr', 'add', '10.9.0.3/24', 'dev', 'vx0');
      await cut(hosts, [6, 6], () => pingAll(ours, '10.9.0.3', '-M', 'dont', ...LARGE));
      assert.equal(await learned(hosts, '10.9.0.3'), undefined);
    });

    await step('unset: this host makes the fragments where it knows that the path takes less', async () => {
      await ours.vxlane('modify-overlay', '-p', 'vxlan/df=unset', '-p', 'mtu=1450', 'ov0');
      await forget(hosts);
      await ours.exec('ip', 'route', 'add', NETS[4].net, 'via', NETS[4].router[0], 'mtu', String(LINK));
      const pings = async () => {
        for (const address of INNER) await pingAll(ours, address, '-M', 'do', ...LARGE);
      };
      await eventually('the route is followed', async () =>
        /1400 by eth0/.test(await ours.vxlane('show-overlay', 'ov0')),
      );
      await cut(hosts, [12, 12], pings);
      assert.deepEqual(await dfOf(hosts, 'tcp', stream), IS_UNSET);
      for (const address of INNER) assert.equal(await learned(hosts, address), undefined);
      const [health] = await ours.vxlaneJson<{ status: string }[]>('show-overlay', '-f', 'ov0');
      assert.equal(health?.status, 'ONLINE');
      const { code, stderr } = await ours.tryVxlane('modify-overlay', '-p', 'vxlan/df=set', 'ov0');
      assert.deepEqual([code, /mtu 1450 does not fit: .* MTU 1400/.test(stderr) || stderr], [1, true]);
    });
  });
}
