/** The underlay: addresses, ports, routes, neighbours and sizes. */
import { parseEndpoint } from '../../address.js';
import { outerLength } from '../../overlay-properties/mtu.js';
import type { Check, Found } from '../check.js';
import type { EndpointFacts, Facts, Tunnel, UnderlayFacts } from '../facts.js';
import { known } from '../finding.js';
import { rising } from '../rising.js';

const WILDCARDS = new Set(['0.0.0.0', '::']);

interface Place {
  readonly tunnel: Tunnel;
  readonly underlay: UnderlayFacts;
  /** Bytes of IP that its longest datagram has; 0: as many as fit. */
  readonly needed: number;
}

/** Overlays that are loaded, or will be, each with its underlay. */
function places({ underlays }: Facts): Place[] {
  return known(underlays).map((underlay): Place => {
    const { tunnel } = underlay;
    const needed = tunnel.mtu === null ? 0 : outerLength(tunnel.mtu, tunnel.listen);
    return { tunnel, underlay, needed };
  });
}

/** Those whose listen address is there, with each of their endpoints that is not this host. */
function ways(facts: Facts): (Place & { readonly endpoint: EndpointFacts })[] {
  return places(facts)
    .filter((place) => hasAddress(place))
    .flatMap((place) => place.underlay.endpoints.map((endpoint) => ({ ...place, endpoint })))
    .filter(({ endpoint }) => endpoint.route?.isLocal !== true);
}

function hasAddress({ tunnel, underlay }: Place): boolean {
  return underlay.link !== null || WILDCARDS.has(tunnel.listen.ip);
}

/** The underlay of the place is too small by itself. */
function isTooSmall({ underlay, needed }: Place): boolean {
  return underlay.link !== null && !underlay.link.isLoopback && underlay.link.mtu < needed;
}

/** One finding for an endpoint, whatever the number of overlays that send to it. */
function once(all: readonly Found[]): Found[] {
  return all.filter(({ object }, index) => all.findIndex((other) => other.object === object) === index);
}

const nameOf = ({ tunnel }: Place) => `overlay ${tunnel.name}`;

/** As the daemon has been told; null: by nobody. */
function pathMtuOf({ daemon, noDaemon }: Facts, ip: string): number | null {
  if (noDaemon !== null) return null;
  return known(daemon).after.endpoints.find(({ endpoint }) => parseEndpoint(endpoint)?.ip === ip)?.pathMtu ?? null;
}

export const underlayChecks: readonly Check[] = [
  {
    name: 'listen-address',
    looksFor:
      'no interface that is up has the listen address of an overlay, or the interface that it is bound to is gone',
    severity: 'fault',
    why: 'Nothing can be sent from that address, and nothing arrives.',
    find(facts) {
      return places(facts)
        .filter((place) => !hasAddress(place))
        .map((place) => {
          const { ip, device } = place.tunnel.listen;
          const found =
            device === null
              ? `no interface that is up has its listen address ${ip}`
              : `there is no interface ${device}, or it is down, which it is bound to`;
          const mend = device === null ? `ip addr show to ${ip}; ip link set IFACE up` : `ip link set ${device} up`;
          return { object: nameOf(place), found, mend };
        });
    },
  },
  {
    name: 'port-taken',
    looksFor: 'another process, or a tunnel of the kernel, has the UDP port of an overlay',
    severity: 'fault',
    why: 'The overlay has no socket: it neither sends nor receives.',
    find(facts) {
      return places(facts)
        .filter(({ underlay }) => underlay.portHolder !== null)
        .map((place) => {
          const { ip, port } = place.tunnel.listen;
          const isKernel = !place.underlay.portHolder!.startsWith('pid');
          // To the kernel VXLAN-GPE is a kind of vxlan device.
          const type = place.tunnel.encap === 'geneve' ? 'geneve' : 'vxlan';
          const mend = isKernel
            ? `ip -d link show type ${type}; ip link delete IFACE; vxlane reload`
            : `ss -ulnp sport = :${port}; end that process; vxlane reload`;
          const found = `port ${port} of ${ip} is held by ${place.underlay.portHolder}`;
          return { object: nameOf(place), found, mend };
        });
    },
  },
  {
    name: 'underlay-mtu',
    looksFor: 'the interface under an overlay has a smaller MTU than its datagrams need',
    severity: 'fault',
    why: 'Small packets pass and large ones do not: ping works, TCP hangs.',
    find(facts) {
      return places(facts)
        .filter(isTooSmall)
        .map((place) => {
          const { name, mtu } = place.underlay.link!;
          const { tunnel, needed } = place;
          const fitting = (tunnel.mtu ?? 0) - (needed - mtu);
          const found = `MTU ${tunnel.mtu} makes datagrams of ${needed} bytes, and ${name} takes ${mtu}`;
          const smaller = `vxlane modify-overlay -p mtu=${fitting} ${tunnel.name}`;
          const mend = `ip link set ${name} mtu ${needed}, or ${smaller}`;
          return { object: nameOf(place), found, mend };
        });
    },
  },
  {
    name: 'path-mtu',
    looksFor: 'something on the way to an endpoint takes less than the datagrams of an overlay need',
    severity: 'fault',
    why: 'Small packets pass and large ones do not: ping works, TCP hangs or goes on after retransmissions.',
    reasons: ['exceeds_pmtu'],
    find(facts) {
      const found = ways(facts).flatMap((place): Found[] => {
        const { endpoint, tunnel, needed } = place;
        const object = `endpoint ${endpoint.ip}`;
        const told = pathMtuOf(facts, endpoint.ip);
        const set = (mtu: number) => `vxlane modify-overlay -p mtu=${mtu} ${tunnel.name} (on all hosts)`;
        if (isTooSmall(place)) return [];
        if (told !== null && told < needed) {
          const text = `a router on the way takes ${told} bytes, overlay ${tunnel.name} sends up to ${needed}`;
          return [{ object, severity: 'warning', found: text, mend: set((tunnel.mtu ?? 0) - (needed - told)) }];
        }
        if (endpoint.echo !== 'small') return [];
        const text = `it answers small pings and none of ${endpoint.echoBytes} bytes, and nobody says why`;
        const mend = `tracepath -n ${endpoint.ip}; mend the MTU there, or ${set(1300)}`;
        return [{ object, found: text, mend }];
      });
      return once(found);
    },
  },
  {
    name: 'no-route',
    looksFor: 'there is no route to an endpoint',
    severity: 'fault',
    why: 'Every frame to a MAC behind it is dropped.',
    reasons: ['underlay_unreachable'],
    find(facts) {
      const found = ways(facts)
        .filter(({ endpoint }) => endpoint.route === null)
        .map(({ endpoint, tunnel }) => ({
          object: `endpoint ${endpoint.ip}`,
          found: `no route leads to it from ${tunnel.listen.ip} (overlay ${tunnel.name})`,
          mend: `ip route get ${endpoint.ip}; ip route add ${endpoint.ip} via ROUTER`,
        }));
      return once(found);
    },
  },
  {
    name: 'neighbour-failed',
    looksFor: 'an endpoint, or the router on the way to it, does not answer ARP or neighbour discovery',
    severity: 'fault',
    why: 'The host is off, or not on this link: frames to MACs behind it go nowhere, and nothing says so.',
    find(facts) {
      const found = ways(facts)
        .filter(({ endpoint }) => ['FAILED', 'INCOMPLETE'].includes(endpoint.neighbour ?? ''))
        .map(({ endpoint }) => {
          const hop = endpoint.route?.gateway ?? endpoint.ip;
          const device = endpoint.link?.name ?? 'IFACE';
          const what = hop === endpoint.ip ? 'it' : `the router ${hop} on the way to it`;
          const text = `${what} does not answer on ${device}: the neighbour is ${endpoint.neighbour}`;
          const mend = `ip neigh show ${hop} dev ${device}; is that host up, with that address?`;
          return { object: `endpoint ${endpoint.ip}`, found: text, mend };
        });
      return once(found);
    },
  },
  {
    name: 'rp-filter',
    looksFor: 'the strict reverse path filter throws away what an endpoint sends',
    severity: 'warning',
    why: 'Answers leave by another interface than requests come in by, and rp_filter=1 takes these for forged.',
    find(facts) {
      const found = ways(facts)
        .filter(({ underlay, endpoint }) => {
          const { link, rpFilter } = underlay;
          const isElsewhere = endpoint.route !== null && link !== null && endpoint.route.ifindex !== link.ifindex;
          return rpFilter === 1 && isElsewhere && !endpoint.ip.includes(':');
        })
        .map(({ underlay, endpoint }) => ({
          object: `endpoint ${endpoint.ip}`,
          found:
            `${underlay.link!.name} has rp_filter=1, and the way back to it is by ` +
            `${endpoint.link?.name ?? 'another interface'}`,
          mend: `sysctl -w net.ipv4.conf.${underlay.link!.name}.rp_filter=2`,
        }));
      return once(found);
    },
  },
  {
    name: 'checksums-wrong',
    looksFor: 'what arrives has wrong checksums, or VNICs hand over packets that are not what they say',
    severity: 'warning',
    why: 'A network card, or a peer that reads the wire by a packet socket, does not finish checksums: TCP hangs.',
    reasons: ['bad_outer_checksum', 'bad_offload'],
    find({ daemon, underlays }) {
      const mend = 'ethtool -K IFACE tx off, on the host that sends (docs/underlay.md)';
      const ofOverlays = known(daemon).overlays.flatMap(({ view }) =>
        rising(known(daemon), view.name, ['bad_outer_checksum', 'bad_offload']).map(({ reason, frames, text }) => ({
          object: `overlay ${view.name}`,
          found: `${frames} frames dropped as ${reason} just now: ${text}`,
          mend,
        })),
      );
      // What comes by a socket the kernel throws away before the daemon can count it, and says not for which port.
      const [before, after] = known(underlays)[0]?.checksumErrors ?? [0, 0];
      if (after <= before) return ofOverlays;
      const found = `the kernel threw ${after - before} UDP datagrams away just now, whose checksums were wrong`;
      return [...ofOverlays, { object: 'host', found, mend }];
    },
  },
];
