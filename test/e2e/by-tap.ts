import type { Host } from '../../src/demo/host.js';

/** Frames by the underlay TAP so far, sent and received as the daemon sees it. */
export async function byTap(host: Host): Promise<{ sent: number; received: number }> {
  const [link] = await host.json<{ stats64: { rx: { packets: number }; tx: { packets: number } } }[]>(
    ...['ip', '-j', '-s', 'link', 'show', 'vxlane-u0'],
  );
  return { sent: link!.stats64.rx.packets, received: link!.stats64.tx.packets };
}
