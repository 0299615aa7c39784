/** The packet filter, as `nft -j list ruleset` prints it: what becomes of the datagrams of each endpoint. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { withNetns } from '../../system/netns.js';
import type { FilterFacts, UnderlayFacts } from '../facts.js';
import { Unknown } from '../finding.js';
import { parseRuleset, type Ruleset } from '../firewall/ruleset.js';
import { verdictOf } from '../firewall/verdict.js';

const RULESET_BYTES_MAX = 64 << 20;
/** Endpoints of an overlay whose datagrams are followed. */
const SENDERS_MAX = 16;

/** Throws {@link Unknown} when nobody can tell. */
export function filterFacts(netns: string | null, underlays: readonly UnderlayFacts[]): FilterFacts[] {
  const ruleset = readRuleset(netns);
  return underlays.flatMap(({ tunnel, link }): FilterFacts[] => {
    const { ip, port } = tunnel.listen;
    const isSix = isIPv6(ip);
    const inbound = link?.name ?? null;
    const others = tunnel.endpoints.filter((sender) => sender !== ip && isIPv6(sender) === isSix);
    const senders: (string | null)[] = others.length === 0 ? [null] : others.slice(0, SENDERS_MAX);
    for (const sender of senders) {
      const packet = { family: isSix ? ('ip6' as const) : ('ip' as const), from: sender, to: ip, port, inbound };
      const verdict = verdictOf(ruleset, packet);
      if (verdict === null) continue;
      const where = sender === null ? verdict.where : `${verdict.where} (of ${sender})`;
      return [{ overlay: tunnel.name, port, where, verdict: verdict.kind, mend: verdict.mend }];
    }
    return [];
  });
}

function readRuleset(netns: string | null): Ruleset {
  return withNetns(netns, () => {
    const legacy = ['ip', 'ip6'].some(
      (family) => readText(`/proc/thread-self/net/${family}_tables_names`).trim() !== '',
    );
    if (legacy) throw new Unknown('rules of iptables-legacy are not read: iptables-legacy -S INPUT');
    const { error, status, stdout, stderr } = spawnSync('nft', ['-j', 'list', 'ruleset'], {
      encoding: 'utf8',
      maxBuffer: RULESET_BYTES_MAX,
      timeout: 20_000,
    });
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
      throw new Unknown('nft is not installed (apt-get install nftables): rules of the packet filter are not read');
    }
    if (error !== undefined || status !== 0) {
      throw new Unknown(`nft -j list ruleset: ${error?.message ?? stderr.trim().split('\n')[0]}`);
    }
    return parseRuleset(stdout);
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
