/** Which addresses can be a VTEP: a tunnel has one far end, so groups and placeholders are none. */
import ipaddr from 'ipaddr.js';

const REASONS: Readonly<Record<string, string>> = {
  unspecified: 'the unspecified address',
  broadcast: 'the broadcast address',
  multicast: 'a multicast address',
};

/** Why a canonical IP address cannot be one host's, e.g. `a multicast address`; null when it can. */
export function notUnicast(ip: string): string | null {
  return REASONS[ipaddr.parse(ip).range()] ?? null;
}
