/** The same over IPv6, where there is no DF and only this host may make fragments. */
import assert from 'node:assert/strict';
import { build, cut, forget, INNER, LARGE, LINK, learned, pathMtu, setDf, UNDERLAYS } from './df-lab.js';
import { eventually, labTest, pingAll, pingNone } from './support.js';
import { streamBothWays } from './traffic.js';

for (const underlay of UNDERLAYS) {
  labTest(`DF over IPv6, --underlay ${underlay}`, async ({ lab, step }) => {
    const hosts = await build(lab, 6, underlay);
    const { ours, kernels } = hosts;

    await step('set: there are no fragments, and those inside learn of the link', async () => {
      const stream = () => streamBothWays(ours, kernels, INNER[0], { bytes: 1 << 19 });
      await cut(hosts, [0, 0], stream);
      assert.equal(await learned(hosts, INNER[0]), LINK - 70);
      await forget(hosts);
    });

    await step(
      'unset: this host makes fragments as soon as it knows of the link, and nobody inside is told',
      async () => {
        await setDf(hosts, 'unset');
        await eventually('the router has said so', async () => {
          const { code } = await ours.try(['ping', '-n', '-c', '1', '-W', '1', '-M', 'do', ...LARGE, INNER[0]]);
          return code === 0;
        });
        const pings = async () => {
          for (const address of INNER) await pingAll(ours, address, '-M', 'do', ...LARGE);
        };
        await cut(hosts, [12, 12], pings);
        await streamBothWays(ours, kernels, INNER[0], { bytes: 1 << 19 });
        for (const address of INNER) assert.equal(await learned(hosts, address), undefined);
        assert.equal(await pathMtu(ours), LINK);
      },
    );

    await step('inherit: IPv4 inside without DF is fragmented, IPv4 with it and IPv6 are told', async () => {
      await setDf(hosts, 'inherit');
      await cut(hosts, [6, 6], () => pingAll(ours, INNER[0], '-M', 'dont', ...LARGE));
      for (const address of INNER) {
        await pingNone(ours, address, '-M', 'do', ...LARGE);
        assert.equal(await learned(hosts, address), LINK - 70);
      }
    });
  });
}
