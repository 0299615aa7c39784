/** Whose members may use the control socket, and for what. */
import type { Access } from '../control/access.js';
import { gidOf } from '../system/accounts.js';
import { peerOf } from '../system/peer.js';

export class SocketGroups {
  /** Number of the group that may command the daemon; absent: the daemon's own. */
  readonly gid: number | undefined;
  readonly #readGid: number | undefined;

  /** Names or numbers. `readGroup`: whose members may look, and change nothing. */
  constructor(group: string | undefined, readGroup: string | undefined) {
    this.gid = group === undefined ? undefined : gidOf(group);
    this.#readGid = readGroup === undefined ? undefined : gidOf(readGroup);
  }

  /** Everybody can connect: two groups cannot have one file. */
  get isOpen(): boolean {
    return this.#readGid !== undefined;
  }

  /** What the process at the other end of a connection may do. Throws when it cannot be told who that is. */
  accessOf(fd: number): Access {
    const { uid, gids } = peerOf(fd);
    const full = this.gid ?? process.getegid!();
    if (uid === 0 || uid === process.geteuid!() || gids.has(full)) return 'all';
    return this.#readGid !== undefined && gids.has(this.#readGid) ? 'read' : 'none';
  }
}
