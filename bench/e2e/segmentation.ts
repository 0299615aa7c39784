/** Network cards that do not cut super-frames inside a tunnel, most of those in use; or nothing of UDP at all. */
import { type Testbed, UNDERLAY_DEVICE } from './tunnel.js';

/** What a veth can and many a network card cannot, ethtool(8). */
export const TUNNEL_SEGMENTATION: readonly string[] = ['tx-udp_tnl-segmentation', 'tx-udp_tnl-csum-segmentation'];
export const UDP_SEGMENTATION: readonly string[] = [...TUNNEL_SEGMENTATION, 'tx-udp-segmentation'];

/** Runs `measure` while the cards of both hosts lack these features, so that the kernel has to cut. */
export async function withoutFeatures<T>(
  { left, right }: Testbed,
  features: readonly string[],
  measure: () => Promise<T>,
): Promise<T> {
  const turn = async (to: 'on' | 'off') => {
    const words = features.flatMap((feature) => [feature, to]);
    for (const host of [left, right]) await host.exec('ethtool', '-K', UNDERLAY_DEVICE, ...words);
  };
  await turn('off');
  try {
    return await measure();
  } finally {
    await turn('on');
  }
}
