/** What an overlay needs of a fabric's routes (RFC 7432 section 7). Data alone. */

export interface MacRoute {
  readonly kind: 'mac';
  readonly mac: string;
  /** Canonical; null: it says nothing of addresses. */
  readonly ip: string | null;
  readonly vtep: string;
  /** RFC 7432 section 7.7. */
  readonly sequence: number;
  readonly isSticky: boolean;
  /** The address is a router's (RFC 9047). */
  readonly isRouter: boolean;
  /** When GoBGP got it, milliseconds since 1970. */
  readonly atMs: number;
}

export interface VtepRoute {
  readonly kind: 'vtep';
  readonly vtep: string;
}

export type Route = MacRoute | VtepRoute;

/** A route with what tells it from all others: the fields of its key (RFC 7432 section 7.2 and 7.3). */
export interface Keyed {
  readonly key: string;
  /** This host has told it, with our route distinguisher. */
  readonly isOwn: boolean;
  /** Of an own one: it would be told in the same way now. */
  readonly isCurrent: boolean;
  /** null: it is withdrawn, another overlay's, or of no use here. */
  readonly route: Route | null;
}

/** What is told of this host: a MAC with one of its addresses or none, or that it wants copies. */
export type Advertised = { readonly mac: string; readonly ip: string | null; readonly sequence: number } | 'vtep';

/** What this host has told, by a route of its own; of others nothing. */
export function advertisedOf({ isOwn, route }: Keyed): Advertised[] {
  if (!isOwn || route === null) return [];
  return [route.kind === 'vtep' ? 'vtep' : { mac: route.mac, ip: route.ip, sequence: route.sequence }];
}
