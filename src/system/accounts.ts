/** Users and groups of this host, as every source of them knows that /etc/nsswitch.conf names. */
import { noSuchGroup, noSuchUser } from '../errors.js';
import { systemError } from './errno.js';
import { type FindAccount, getgrnamR, getpwnamR } from './libc.js';

// struct group of a 64-bit Linux: char *gr_name, char *gr_passwd, gid_t gr_gid, char **gr_mem
// struct passwd: char *pw_name, char *pw_passwd, uid_t pw_uid, gid_t pw_gid, then texts
const ENTRY_SIZE = 48;
const GR_GID = 16;
const PW_UID = 16;
const PW_GID = 20;
const POINTER_SIZE = 8;

/** The number after it, all ones, means "no change" to chown and setuid. */
const ID_MAX = 0xfffffffe;
const ERANGE = 34;
/** Room for the names of all members. */
const TEXT_BYTES = 1 << 12;
const TEXT_BYTES_MAX = 1 << 24;

export interface User {
  readonly uid: number;
  /** Of its first group; of a user that is a number only, the same number. */
  readonly gid: number;
  /** Other groups may have it as a member. */
  readonly isNamed: boolean;
}

/** A user that is given by name or by number; a name of digits is a name first, as to chown(1). */
export function userOf(user: string): User {
  const entry = find(`look up user ${user}`, getpwnamR, user);
  if (entry !== null) return { uid: entry.readUInt32LE(PW_UID), gid: entry.readUInt32LE(PW_GID), isNamed: true };
  const uid = idIn(user);
  if (uid === null) throw noSuchUser(user);
  return { uid, gid: uid, isNamed: false };
}

/** The number of a group that is given by name or by number; a name of digits is a name first, as to chown(1). */
export function gidOf(group: string): number {
  const entry = find(`look up group ${group}`, getgrnamR, group);
  const gid = entry === null ? idIn(group) : entry.readUInt32LE(GR_GID);
  if (gid === null) throw noSuchGroup(group);
  return gid;
}

function idIn(text: string): number | null {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return number <= ID_MAX ? number : null;
}

function find(action: string, findByName: FindAccount, name: string): Buffer | null {
  const entry = Buffer.alloc(ENTRY_SIZE);
  const found = Buffer.alloc(POINTER_SIZE);
  for (let bytes = TEXT_BYTES; bytes <= TEXT_BYTES_MAX; bytes *= 2) {
    const text = Buffer.alloc(bytes);
    const errno = findByName(name, entry, text, text.length, found);
    if (errno === ERANGE) continue;
    // Sources that have no such account answer 0, or one of several errors; getgrnam_r(3) lists them.
    return errno === 0 && found.some((byte) => byte !== 0) ? entry : null;
  }
  throw systemError(action, ERANGE);
}
