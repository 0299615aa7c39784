/** A veth pair between two machines of a laboratory, and the overlays over it. */
import type { Host, Lab } from './support.js';

export interface CableEnd {
  readonly host: Host;
  readonly device: string;
  /** With prefix length; IPv6 ones are of use at once. */
  readonly addresses: readonly string[];
}

/** Both ends are up, and have no address but these. */
export async function cable(lab: Lab, one: CableEnd, other: CableEnd): Promise<void> {
  const peer = ['type', 'veth', 'peer', 'name', other.device, 'netns', other.host.netns];
  await lab.ip('link', 'add', one.device, 'netns', one.host.netns, ...peer);
  for (const { host, device, addresses } of [one, other]) {
    await host.exec('ip', 'link', 'set', device, 'addrgenmode', 'none', 'up');
    for (const address of addresses) {
      const nodad = address.includes(':') ? ['nodad'] : [];
      await host.exec('ip', 'addr', 'add', address, 'dev', device, ...nodad);
    }
  }
}
