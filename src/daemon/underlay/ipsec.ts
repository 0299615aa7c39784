/**
 * Which datagrams this host's IPsec has a say in. The kernel encrypts, and refuses what came in the clear, between the
 * sockets and the interfaces; the underlay TAP is beside that way, so what a policy covers is left to the sockets.
 */
import { BlockList } from 'node:net';
import { ipFamily } from '../../address.js';
import { IpsecWatch, ipsecPolicies, type Prefix } from '../../system/xfrm.js';

type Direction = 'in' | 'out';

interface Covered {
  readonly direction: Direction;
  readonly sources: BlockList;
  readonly destinations: BlockList;
}

export class Ipsec {
  readonly #watch = IpsecWatch.open();
  #covered: readonly Covered[] = [];

  /** Of the thread's namespace. */
  constructor() {
    this.#look();
  }

  /** Policies that are in force. */
  get count(): number {
    return this.#covered.length;
  }

  /** Takes what the kernel has told since the last time; answers whether policies may be others now. */
  follow(): boolean {
    if (this.#watch?.takeChange() !== true) return false;
    this.#look();
    return true;
  }

  /** Whether datagrams are for IPsec. `source`, `destination`: IP addresses; null: any. */
  covers(direction: Direction, source: string | null, destination: string): boolean {
    return this.#covered.some(
      (each) =>
        each.direction === direction &&
        isIn(each.destinations, destination) &&
        (source === null || isIn(each.sources, source)),
    );
  }

  close(): void {
    this.#watch?.close();
  }

  #look(): void {
    this.#covered = ipsecPolicies().map(({ direction, source, destination }) => ({
      direction,
      sources: listOf(source),
      destinations: listOf(destination),
    }));
  }
}

function listOf({ ip, bits }: Prefix): BlockList {
  const list = new BlockList();
  list.addSubnet(ip, bits, `ipv${ipFamily(ip)}`);
  return list;
}

function isIn(list: BlockList, ip: string): boolean {
  return list.check(ip, `ipv${ipFamily(ip)}`);
}
