/** Groups of this host, as every source of them knows that /etc/nsswitch.conf names. */
import { noSuchGroup } from '../errors.js';
import { systemError } from './errno.js';
import { getgrnamR } from './libc.js';

// struct group of a 64-bit Linux: char *gr_name, char *gr_passwd, gid_t gr_gid, char **gr_mem
const STRUCT_GROUP_SIZE = 32;
const GR_GID = 16;
const POINTER_SIZE = 8;

/** The number after it, all ones, means "no change" to chown. */
const GID_MAX = 0xfffffffe;
const ERANGE = 34;
/** Room for the names of all members. */
const TEXT_BYTES = 1 << 12;
const TEXT_BYTES_MAX = 1 << 24;

/** The number of a group that is given by name or by number; a name of digits is a name first, as to chown(1). */
export function gidOf(group: string): number {
  const named = gidOfName(group);
  if (named !== null) return named;
  const number = /^\d{1,10}$/.test(group) ? Number(group) : Number.NaN;
  if (!(number <= GID_MAX)) throw noSuchGroup(group);
  return number;
}

function gidOfName(name: string): number | null {
  const entry = Buffer.alloc(STRUCT_GROUP_SIZE);
  const found = Buffer.alloc(POINTER_SIZE);
  for (let bytes = TEXT_BYTES; bytes <= TEXT_BYTES_MAX; bytes *= 2) {
    const text = Buffer.alloc(bytes);
    const errno = getgrnamR(name, entry, text, text.length, found);
    if (errno === ERANGE) continue;
    // Sources that have no such group answer 0, or one of several errors; getgrnam_r(3) lists them.
    return errno === 0 && found.some((byte) => byte !== 0) ? entry.readUInt32LE(GR_GID) : null;
  }
  throw systemError(`look up group ${name}`, ERANGE);
}
