/**
 * Host names to addresses: /etc/hosts, then the servers of /etc/resolv.conf, A and AAAA. Not getaddrinfo: that blocks
 * one of the process's four threads for file and name work, so a dead name server would hold up the whole daemon.
 */
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';
import { parseIp } from '../../../address.js';

const TIMEOUT_MS = 2000;
const TRIES = 2;
/** A name may have more, but nobody needs a connection to each. */
export const ADDRESSES_MAX = 32;

const WORDS: Readonly<Record<string, string>> = {
  ENOTFOUND: 'no such name',
  ENODATA: 'the name has no address',
  ETIMEOUT: 'the name server does not answer',
  ECONNREFUSED: 'no name server is reachable',
  ESERVFAIL: 'the name server failed',
  EREFUSED: 'the name server refuses',
};

export interface ResolveOptions {
  /** Name servers instead of those of /etc/resolv.conf, `ip:port`. */
  readonly servers?: readonly string[];
  readonly hostsFile?: string;
}

/** Canonical addresses, sorted, at least one. Rejects with an Error in words. */
export async function resolveHost(host: string, signal: AbortSignal, options: ResolveOptions = {}): Promise<string[]> {
  const literal = parseIp(host);
  if (literal !== null) return [literal];
  const listed = await fromHostsFile(host, options.hostsFile ?? '/etc/hosts');
  return listed.length > 0 ? listed : fromDns(host, signal, options.servers);
}

async function fromHostsFile(host: string, path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const wanted = host.toLowerCase();
  const found = text.split('\n').flatMap((line) => {
    const [address, ...names] = line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/);
    return names.includes(wanted) ? [address as string] : [];
  });
  return canonical(found);
}

async function fromDns(host: string, signal: AbortSignal, servers?: readonly string[]): Promise<string[]> {
  const resolver = new Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
  if (servers !== undefined) resolver.setServers(servers);
  const cancel = () => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    const asked = await Promise.allSettled([resolver.resolve4(host), resolver.resolve6(host)]);
    const found = canonical(asked.flatMap((each) => (each.status === 'fulfilled' ? each.value : [])));
    if (found.length > 0) return found;
    throw new Error(whyNot(asked.flatMap((each) => (each.status === 'rejected' ? [codeOf(each.reason)] : []))));
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

/** A name server that failed says more than a name without addresses of one family. */
function whyNot(codes: readonly string[]): string {
  const code = codes.find((each) => each !== 'ENODATA' && each !== 'ENOTFOUND') ?? codes[0] ?? 'ENODATA';
  return WORDS[code] ?? code;
}

function codeOf(reason: unknown): string {
  return String((reason as { code?: unknown }).code ?? reason);
}

function canonical(addresses: readonly string[]): string[] {
  const parsed = addresses.flatMap((each) => parseIp(each) ?? []);
  return [...new Set(parsed)].sort().slice(0, ADDRESSES_MAX);
}
