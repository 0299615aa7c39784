/** What the datapath knows of the link protection of VNICs; see assembly/datapath/protect.ts. */
import {
  PROT_FLAGS,
  PROT_IPV4,
  PROT_IPV4_COUNT,
  PROT_IPV6,
  PROT_IPV6_COUNT,
  PROT_SIZE,
  PROTECT_DHCP,
  PROTECT_IP,
  PROTECT_MAC,
  PROTECT_RA,
  PROTECT_RESTRICTED,
  PROTECTIONS_BASE,
  VNIC_FLAG_PROTECTED,
  VNIC_PROTECTION,
  VNIC_SIZE,
  VNICS_BASE,
} from '../../assembly/layout.js';
import { ipBytes } from '../address.js';
import { maskByte, type Protection } from '../link-protection.js';
import type { Views } from './memory.js';
import type { VnicIndex, VnicProtection } from './types.js';

const FLAGS: Readonly<Record<Protection, number>> = {
  'mac-nospoof': PROTECT_MAC,
  'ip-nospoof': PROTECT_IP,
  'dhcp-nospoof': PROTECT_DHCP,
  'ra-guard': PROTECT_RA,
  restricted: PROTECT_RESTRICTED,
};

/** Words that are written, the address above the mask. */
type Prefix = readonly [network: readonly bigint[], mask: readonly bigint[]];

/**
 * Writes the record of a VNIC that is not in force, and puts it in force. Answers the flag of the VNIC. Not to be
 * called for it again before no worker can still read the record that was in force before.
 */
export function writeProtection(views: Views, index: VnicIndex, { kinds, allowed }: VnicProtection): number {
  if (kinds.length === 0) return 0;
  const place = (VNICS_BASE + index * VNIC_SIZE + VNIC_PROTECTION) >> 2;
  const first = PROTECTIONS_BASE + 2 * index * PROT_SIZE;
  const record = views.u32[place] === first ? first + PROT_SIZE : first;
  const prefixes = allowed.map((text) => ({ isIpv4: !text.includes(':'), prefix: prefixOf(text) }));
  const [ipv4, ipv6] = [true, false].map((isIpv4) => prefixes.filter((each) => each.isIpv4 === isIpv4));
  views.u32[(record + PROT_FLAGS) >> 2] = kinds.reduce((flags, kind) => flags | FLAGS[kind], 0);
  views.u32[(record + PROT_IPV4_COUNT) >> 2] = ipv4!.length;
  views.u32[(record + PROT_IPV6_COUNT) >> 2] = ipv6!.length;
  const words4 = ipv4!.flatMap(({ prefix }) => prefix.flat()).map(Number);
  views.u32.set(words4, (record + PROT_IPV4) >> 2);
  views.u64.set(
    ipv6!.flatMap(({ prefix }) => prefix.flat()),
    (record + PROT_IPV6) >> 3,
  );
  Atomics.store(views.u32, place, record);
  return VNIC_FLAG_PROTECTED;
}

/** Of canonical `ADDRESS/LENGTH`: one word of 32 bits for IPv4, two of 64 for IPv6, as numbers. */
function prefixOf(text: string): Prefix {
  const slash = text.indexOf('/');
  const bytes = ipBytes(text.slice(0, slash));
  const mask = bytes.map((_, at) => maskByte(Number(text.slice(slash + 1)), at));
  return [wordsOf(bytes), wordsOf(mask)];
}

function wordsOf(bytes: Uint8Array): bigint[] {
  const size = Math.min(bytes.length, 8);
  return Array.from({ length: bytes.length / size }, (_, word) =>
    bytes.subarray(word * size, (word + 1) * size).reduce((number, byte) => (number << 8n) | BigInt(byte), 0n),
  );
}
