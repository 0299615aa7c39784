/**
 * Super-frames on our side, the kernel's vxlan device on the other: what was sent is what arrives. By the sockets as
 * over a wire; by the underlay TAP as between namespaces, whatever the offloads of the interfaces.
 */
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { addVlan, buildKernelPair, INNER } from './kernel-pair.js';
import { labTest, labTestOnce } from './support.js';
import { sendDatagrams, streamBothWays } from './traffic.js';
import '../support/each-engine.js';

const probe = probeUnderlayTap();
// IPv6 with one engine: by sockets offload-unfinished has it with each; by the TAP an address of the underlay is only
// bytes of a frame, which no engine looks at.
for (const { family, mtu, underlay, border, nic, once } of [
  { family: 4, mtu: 1450, underlay: 1500, border: 'socket', nic: 'on', once: false },
  { family: 6, mtu: 1280, underlay: 1500, border: 'socket', nic: 'on', once: true },
  { family: 4, mtu: 8900, underlay: 9000, border: 'socket', nic: 'on', once: false },
  { family: 4, mtu: 1450, underlay: 1500, border: 'tap', nic: 'no tunnels', once: false },
  { family: 6, mtu: 1280, underlay: 1500, border: 'tap', nic: 'off', once: true },
  { family: 4, mtu: 8900, underlay: 9000, border: 'tap', nic: 'on', once: false },
] as const) {
  const labTestOf = once ? labTestOnce : labTest;
  labTestOf(
    `inner MTU ${mtu} over an IPv${family} underlay of ${underlay} by ${border}, offloads ${nic}`,
    async ({ lab, step, note }) => {
      const isTap = border === 'tap';
      if (isTap && !probe.ok) return note(`not tested: ${probe.reason}`);
      const daemon = ['--underlay', border];
      const pair = await buildKernelPair(lab, { family, mtu, nic, daemon, likeOnTheWire: !isTap });
      const { ours, kernels } = pair;

      for (const index of [0, 1] as const) {
        await step(`TCP over IPv${index === 0 ? 4 : 6} inside, both ways at once`, () =>
          streamBothWays(ours, kernels, INNER.kernels[index], { bytes: 4 << 20 }),
        );
        await step(`UDP over IPv${index === 0 ? 4 : 6} inside, each way`, async () => {
          await sendDatagrams(ours, kernels, INNER.kernels[index]);
          await sendDatagrams(kernels, ours, INNER.ours[index]);
        });
      }

      await step('frames with a VLAN tag', async () => {
        if (!(await addVlan(pair, 7))) return note('not tested: this kernel has no VLAN devices');
        await streamBothWays(ours, kernels, '10.7.0.2');
        await sendDatagrams(ours, kernels, '10.7.0.2');
        await sendDatagrams(kernels, ours, '10.7.0.1');
      });
    },
    underlay,
  );
}
