/** A sender whose datagrams come in fragments: they are taken and counted, or dropped and counted. */
import assert from 'node:assert/strict';
import { Capture } from './capture.js';
import { buildKernelPair, VNI } from './kernel-pair.js';
import { drops, eventually, type Host, labTest, mac, readStats } from './support.js';
import '../support/each-engine.js';

const COUNT = 3;
const ETHERTYPE = '88b5'; // for experiments

/** Datagrams that do not fit the sender's interface, with a frame for v0. */
async function sendFragmented(host: Host, family: 4 | 6, to: string): Promise<void> {
  const frame = `${mac(1)}${mac(9)}`.replaceAll(':', '') + ETHERTYPE;
  const header = `08000000${VNI.toString(16).padStart(6, '0')}00`;
  const program = `
import socket
s = socket.socket(socket.${family === 4 ? 'AF_INET' : 'AF_INET6'}, socket.SOCK_DGRAM)
s.setsockopt(${family === 4 ? '0, 10' : '41, 23'}, 0)
for _ in range(${COUNT}): s.sendto(bytes.fromhex("${header}${frame}") + bytes(1300), ("${to}", 4789))`;
  await host.exec('python3', '-c', program);
}

async function fragments(host: Host): Promise<number> {
  const stats = await readStats(host);
  return stats.overlays[0]!.fragments;
}

for (const family of [4, 6] as const) {
  labTest(`datagrams in fragments, IPv${family} underlay`, async ({ lab, step }) => {
    const { ours, kernels } = await buildKernelPair(lab, { family, mtu: 1400 });
    const to = family === 4 ? '10.88.88.1' : 'fd88::1';
    await kernels.exec('ip', 'link', 'set', 'eth0', 'mtu', '1280');

    await step('are put together, delivered and counted', async () => {
      const wire = await Capture.start(ours, 'eth0', family === 4 ? 'ip[6:2] & 0x3fff != 0' : 'ip6[6] == 44', 'in');
      const inside = await Capture.start(ours, 'v0', `ether proto 0x${ETHERTYPE}`, 'in');
      await sendFragmented(kernels, family, to);
      await eventually('they are counted', async () => (await fragments(ours)) === COUNT);
      assert.equal((await wire.stop(['frame.len'])).length, 2 * COUNT);
      assert.equal((await inside.stop(['frame.len'])).length, COUNT);
      assert.match(await ours.vxlane('show-stats'), /^OVERLAY .* FRAGMENTED /m);
      assert.equal(await drops(ours, 'outer_fragment'), 0);
    });

    await step('are dropped and counted with vxlan/fragments=drop', async () => {
      await ours.vxlane('modify-overlay', '-p', 'vxlan/fragments=drop', 'ov0');
      await sendFragmented(kernels, family, to);
      await eventually('they are counted', async () => (await drops(ours, 'outer_fragment')) === COUNT);
      assert.equal(await fragments(ours), COUNT);
    });
  });
}
