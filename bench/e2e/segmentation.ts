/** Network cards that do not cut super-frames inside a tunnel: most of those in use. */
import { type Testbed, UNDERLAY_DEVICE } from './tunnel.js';

/** What a veth can and many a network card cannot, ethtool(8). */
const FEATURES = ['tx-udp_tnl-segmentation', 'tx-udp_tnl-csum-segmentation'];

/** Runs `measure` while the cards of both hosts cut nothing inside tunnels, so that the kernel has to. */
export async function withSoftwareSegmentation<T>({ left, right }: Testbed, measure: () => Promise<T>): Promise<T> {
  const turn = async (to: 'on' | 'off') => {
    const words = FEATURES.flatMap((feature) => [feature, to]);
    for (const host of [left, right]) await host.exec('ethtool', '-K', UNDERLAY_DEVICE, ...words);
  };
  await turn('off');
  try {
    return await measure();
  } finally {
    await turn('on');
  }
}
