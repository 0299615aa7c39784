/** What the state of a VNIC's interface means for the VNIC. */
import type { Tap, TapState } from '../../system/tap.js';
import type { VnicIdentity, VnicOverlay } from './types.js';

/** Bytes around an inner packet on their way through a send: Ethernet, two tags, VXLAN. */
const SEND_OVERHEAD = 14 + 8 + 8;
/** What one send with UDP_SEGMENT may carry. */
const SEND_MAX = 65_507;
const SEGMENTS_MAX = 64;
/** What is odd about an interface, a phrase each. `mac`: the VNIC's at present. */
export function oddities(
  link: TapState['link'],
  overlay: VnicOverlay,
  { allowAnyMac, mac: declared }: VnicIdentity,
  mac: string,
): string[] {
  const isTooLong = overlay.isMtuKnown && link.mtu > overlay.mtu;
  const found: [boolean, string][] = [
    [!link.isUp, 'its interface was set down'],
    [link.isUp && !link.hasCarrier, 'its interface has no carrier'],
    [isTooLong, `its MTU is ${link.mtu}, its overlay's ${overlay.mtu}: what is longer is dropped`],
    [link.isBridgePort && !allowAnyMac, 'a bridge has its interface, but it was made without --allow-any-mac'],
    [mac !== declared, `its MAC was changed to ${mac}, declared is ${declared} (vxlane reload gives that back)`],
  ];
  return found.flatMap(([isSo, text]) => (isSo ? [text] : []));
}

type Seen = TapState & { readonly netns: string | null };

/** A phrase for each difference that an operator may have made. */
export function changesBetween(from: Seen, to: Seen): string[] {
  const differences: [string, unknown, unknown][] = [
    ['name', from.link.name, to.link.name],
    ['namespace', from.netns ?? "the daemon's", to.netns ?? "the daemon's"],
    ['mtu', from.link.mtu, to.link.mtu],
    ['state', from.link.isUp ? 'up' : 'down', to.link.isUp ? 'up' : 'down'],
    ['carrier', from.link.hasCarrier, to.link.hasCarrier],
    ['port of a bridge', from.link.isBridgePort, to.link.isBridgePort],
  ];
  return differences.flatMap(([what, before, now]) => (before === now ? [] : [`${what}: ${before} → ${now}`]));
}

/** A super-frame that fits one send is cut, sent, received and joined once; one that is a little larger, twice. */
export function fitSuperFrames(tap: Tap, mtu: number): void {
  try {
    tap.setGsoMaxSegs(Math.min(SEGMENTS_MAX, Math.floor(SEND_MAX / (mtu + SEND_OVERHEAD))));
  } catch {
    // It costs speed, nothing else.
  }
}
