/** Route distinguishers and route targets as GoBGP has them: from canonical text and back. */
import { isIPv4 } from 'node:net';
import {
  type Any,
  AS2_SPECIFIC,
  AS4_SPECIFIC,
  IP_SPECIFIC,
  nameOf,
  RD_AS2,
  RD_AS4,
  RD_IP,
  type Specific,
} from './rpc.js';
import { AS2_MAX } from './targets.js';

/** Sub-type of a route target. */
const ROUTE_TARGET = 2;

export function packRd(text: string): Any {
  const [admin, number] = text.split(':') as [string, string];
  const assigned = Number(number);
  if (isIPv4(admin)) return RD_IP.pack({ admin, assigned });
  return (Number(admin) <= AS2_MAX ? RD_AS2 : RD_AS4).pack({ admin: Number(admin), assigned });
}

export function packTarget(text: string): Any {
  const [admin, number] = text.split(':') as [string, string];
  const common = { is_transitive: true, sub_type: ROUTE_TARGET, local_admin: Number(number) };
  if (isIPv4(admin)) return IP_SPECIFIC.pack({ ...common, address: admin });
  return (Number(admin) <= AS2_MAX ? AS2_SPECIFIC : AS4_SPECIFIC).pack({ ...common, asn: Number(admin) });
}

/** The route targets among communities. */
export function targetsAmong(communities: readonly Any[]): string[] {
  return communities.flatMap((community) => {
    const name = nameOf(community);
    const codec = [AS2_SPECIFIC, IP_SPECIFIC, AS4_SPECIFIC].find((each) => each.name === name);
    if (codec === undefined) return [];
    const { sub_type, asn, address, local_admin }: Specific = codec.decode(community.value);
    return sub_type === ROUTE_TARGET ? [`${codec === IP_SPECIFIC ? address : asn}:${local_admin}`] : [];
  });
}
