/** Who is at the other end of a Unix stream socket: as it was when that end connected (unix(7)). */
import { errnoName } from './errno.js';
import { getsockopt, lastErrno } from './libc.js';

const SOL_SOCKET = 1;
const SO_PEERCRED = 17; // struct ucred { i32 pid, u32 uid, u32 gid }
const SO_PEERGROUPS = 59; // u32 each: the supplementary groups
const UCRED_SIZE = 12;
const UCRED_UID = 4;
const UCRED_GID = 8;
const GROUP_SIZE = 4;
/** NGROUPS_MAX of the kernel. */
const GROUPS_MAX = 65_536;

export interface Peer {
  readonly uid: number;
  /** Its group, and all others that it is a member of. */
  readonly gids: ReadonlySet<number>;
}

/** Throws where the kernel cannot say: then nobody is known to be there. */
export function peerOf(fd: number): Peer {
  const credentials = option(fd, SO_PEERCRED, UCRED_SIZE);
  const groups = option(fd, SO_PEERGROUPS, GROUPS_MAX * GROUP_SIZE);
  const gids = new Set([credentials.readUInt32LE(UCRED_GID)]);
  for (let at = 0; at + GROUP_SIZE <= groups.length; at += GROUP_SIZE) gids.add(groups.readUInt32LE(at));
  return { uid: credentials.readUInt32LE(UCRED_UID), gids };
}

function option(fd: number, name: number, size: number): Buffer {
  const value = Buffer.alloc(size);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(size);
  if (getsockopt(fd, SOL_SOCKET, name, value, length) < 0) {
    throw new Error(`cannot tell who is at the other end of a socket (${errnoName(lastErrno())})`);
  }
  return value.subarray(0, length.readUInt32LE());
}
