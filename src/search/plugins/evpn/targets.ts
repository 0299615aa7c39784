/** Route distinguishers and route targets (RFC 4364 section 4, RFC 8365 section 5.1.2) as operators type them. Pure. */
import { isIPv4 } from 'node:net';

/** A larger AS number has four octets, and its own number two. */
export const AS2_MAX = 0xffff;
const NUMBER2_MAX = 0xffff;
const NUMBER4_MAX = 0xffff_ffff;
/** RFC 8365 section 5.1.2.1: auto-derived, of a VXLAN network identifier, in domain 0. */
const AUTO_VXLAN = 0x1000_0000;

export interface RouteTargets {
  /** Whether a route with these is this overlay's. */
  imports(targets: readonly string[]): boolean;
  readonly exports: readonly string[];
}

/** `10.0.0.1:23`, `65000:23` or `4200000000:23`. Throws an Error for anything else. */
export function parseRd(text: string): string {
  const { admin, number } = administered(text, 'evpn/rd');
  return `${admin}:${number}`;
}

/** The default; throws where the VNI has no room in one. */
export function rdOf(routerId: string, vni: number): string {
  if (vni <= NUMBER2_MAX) return `${routerId}:${vni}`;
  throw new Error(`evpn/rd is missing: ${routerId}:${vni} has no room for the VNI; expected one as ${routerId}:1`);
}

/** The list of `evpn/route_targets`. Throws an Error that names the first that is none. */
export function targetsOf(text: string, asn: number, vni: number): RouteTargets {
  const imported = new Set<string>();
  const exported = new Set<string>();
  for (const part of text.split(',').map((each) => each.trim())) {
    const [, way, target = ''] = /^(?:(import|export):)?(.*)$/.exec(part) ?? [];
    const canonical = canonicalOf(target, asn, vni);
    if (way !== 'export') imported.add(canonical);
    if (way === 'import') continue;
    if (canonical.startsWith('*')) throw new Error(`evpn/route_targets: ${part}: expected import: before a *`);
    exported.add(canonical);
  }
  const isImported = (target: string) =>
    imported.has(target) || imported.has(`*${target.slice(target.lastIndexOf(':'))}`);
  return { imports: (targets) => targets.some(isImported), exports: [...exported] };
}

/** As FRR does: of an AS number the lower 16 bits, so that the VNI has its room. */
function canonicalOf(text: string, asn: number, vni: number): string {
  if (text === 'auto') return `${asn & AS2_MAX}:${vni}`;
  if (text === 'auto-rfc8365' && asn > AS2_MAX) {
    throw new Error(`evpn/route_targets: auto-rfc8365 has no room for AS ${asn}: expected AS:NUMBER or IPV4:NUMBER`);
  }
  if (text === 'auto-rfc8365') return `${asn & AS2_MAX}:${AUTO_VXLAN + vni}`;
  const [, wild] = /^\*:(\d{1,10})$/.exec(text) ?? [];
  if (wild !== undefined && Number(wild) <= NUMBER4_MAX) return `*:${Number(wild)}`;
  const { admin, number } = administered(text, 'evpn/route_targets');
  return `${admin}:${number}`;
}

function administered(text: string, property: string): { admin: string; number: number } {
  const [, admin = '', digits] = /^(\d{1,10}|\d+\.\d+\.\d+\.\d+):(\d{1,10})$/.exec(text) ?? [];
  const isIp = isIPv4(admin);
  const isRight = isIp || (admin !== '' && !admin.includes('.') && Number(admin) <= NUMBER4_MAX);
  const most = isIp || Number(admin) > AS2_MAX ? NUMBER2_MAX : NUMBER4_MAX;
  if (!isRight || digits === undefined || Number(digits) > most) {
    throw new Error(`${property}: ${JSON.stringify(text)}: expected AS:NUMBER or IPV4:NUMBER, as 65000:23`);
  }
  return { admin: isIp ? admin : String(Number(admin)), number: Number(digits) };
}
