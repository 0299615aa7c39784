/**
 * What this daemon has of the one before it: sockets and queues of TAPs, which both hold until that one ends. Each is
 * taken once; what nobody takes is closed.
 */
import type { HandoverSocket, HandoverView } from '../control/protocol.js';
import { takeDescriptors } from '../system/descriptors.js';
import { closeFd } from '../system/syscalls.js';
import type { OpenedUnderlay, Source } from '../system/udp.js';

export class Inheritance {
  readonly #sockets = new Map<string, OpenedUnderlay>();
  readonly #vnics = new Map<string, number[]>();
  /** Where MACs were learned: MAC and VTEP, by name of the overlay. */
  readonly learned: HandoverView['learned'];

  /** Null: there was none. Throws when its descriptors are not to be had; then none is open. */
  constructor(from: HandoverView | null) {
    this.learned = from?.learned ?? {};
    if (from === null) return;
    const theirs = [...new Set([...from.sockets.flatMap(descriptorsOf), ...Object.values(from.vnics).flat()])];
    const taken = takeDescriptors(from.pid, theirs);
    const ours = new Map(theirs.map((fd, index) => [fd, taken[index]!]));
    const own = (fd: number): number => ours.get(fd) ?? -1;
    for (const { options, listeners, sources, ports } of from.sockets) {
      const ownSources = sources.map((worker) => worker.map((source) => mapped(source, own)));
      this.#sockets.set(options, { listeners: listeners.map(own), sources: ownSources, ports });
    }
    for (const [name, fds] of Object.entries(from.vnics)) this.#vnics.set(name, fds.map(own));
  }

  /** The sockets that were opened by these options, as text; null: there are none. */
  takeSocket(options: string): OpenedUnderlay | null {
    const found = this.#sockets.get(options) ?? null;
    this.#sockets.delete(options);
    return found;
  }

  /** The queues of a VNIC's interface; null: there are none. */
  takeVnic(name: string): number[] | null {
    const found = this.#vnics.get(name) ?? null;
    this.#vnics.delete(name);
    return found;
  }

  /** Closes what nobody has taken. */
  close(): void {
    const left = [...this.#sockets.values()].flatMap(descriptorsOf);
    for (const fd of new Set([...left, ...[...this.#vnics.values()].flat()])) closeFd(fd);
    this.#sockets.clear();
    this.#vnics.clear();
  }
}

function mapped({ withChecksum, withoutChecksum }: Source, own: (fd: number) => number): Source {
  return { withChecksum: own(withChecksum), withoutChecksum: own(withoutChecksum) };
}

function descriptorsOf({
  listeners,
  sources,
}: Pick<HandoverSocket | OpenedUnderlay, 'listeners' | 'sources'>): number[] {
  const sending = sources.flat().flatMap(({ withChecksum, withoutChecksum }) => [withChecksum, withoutChecksum]);
  return [...listeners, ...sending].filter((fd) => fd >= 0);
}
