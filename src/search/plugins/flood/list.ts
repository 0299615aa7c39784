/** Lists as typed: which VTEPs get a copy of what has no single destination, and which MACs may move as they like. */
import { type Endpoint, formatEndpoint, ipFamily, isMulticast, parseEndpoint } from '../../../address.js';
import { notUnicast } from '../underlay.js';

/** Most copies of one frame, the group's included. */
export const LIST_MAX = 512;
/** Most bytes of a list: room for that many IPv6 addresses with ports. */
export const LIST_BYTES_MAX = LIST_MAX * '[2001:0db8:0000:0000:0000:0000:0000:0001]:65535, '.length;

/**
 * `10.0.0.1, 10.0.0.2:8472, [fd00::1]:4789` to endpoints, each once, in the order given. Throws an Error that names the
 * first that is none.
 */
export function parseList(property: string, text: string, defaultPort: number): Endpoint[] {
  const list = new Map<string, Endpoint>();
  for (const part of text.split(',')) {
    const endpoint = parseMember(property, part.trim(), defaultPort);
    list.set(formatEndpoint(endpoint), endpoint);
  }
  const [first] = list.values();
  for (const { ip } of list.values()) {
    if (first === undefined || ipFamily(ip) === ipFamily(first.ip)) continue;
    throw new Error(`${property}: ${first.ip} and ${ip} are of two families: expected IPv4 or IPv6 alone`);
  }
  return [...list.values()];
}

function parseMember(property: string, text: string, defaultPort: number): Endpoint {
  const endpoint = parseEndpoint(text, defaultPort);
  if (endpoint === null) throw new Error(`${property}: ${JSON.stringify(text)}: expected IP, IP:PORT or [IP6]:PORT`);
  if (isMulticast(endpoint.ip))
    throw new Error(`${property}: ${endpoint.ip}: a multicast group belongs in flood/group`);
  const reason = notUnicast(endpoint.ip);
  if (reason !== null) throw new Error(`${property}: ${endpoint.ip}: ${reason}; expected the address of one host`);
  return endpoint;
}

/** The group as an endpoint. Throws when the address is no group. */
export function parseGroup(property: string, ip: string, port: number): Endpoint {
  if (!isMulticast(ip)) throw new Error(`${property}=${ip}: expected a multicast address, as 239.1.1.1 or ff05::1`);
  return { ip, port };
}

/** A MAC, or its first bytes. */
const MAC_START = /^[0-9a-f]{2}([:-][0-9a-f]{2}){0,5}$/i;

/** `00:00:5e:00:01, 02-00-00-00-00-99` in canonical text; `none`: an empty list. Throws an Error for anything else. */
export function parseExempt(property: string, text: string): string[] {
  if (text.trim() === 'none') return [];
  return text.split(',').map((part) => {
    const start = part.trim();
    if (MAC_START.test(start)) return start.toLowerCase().replaceAll('-', ':');
    throw new Error(
      `${property}: ${JSON.stringify(start)}: expected a MAC, or how MACs begin, as 00:00:5e:00:01; or none`,
    );
  });
}
