/** What a ruleset does with a datagram that comes in for this host. */
import { type Answer, matchOf, type Packet } from './match.js';
import type { Chain, Rule, Ruleset } from './ruleset.js';

export interface Verdict {
  /** `unclear`: a rule that may let it pass, or may drop it, cannot be read by a program. */
  readonly kind: 'drop' | 'unclear';
  readonly where: string;
  readonly mend: string;
}

/** Base chains that such a datagram goes through, in this order. */
const HOOKS = ['ingress', 'prerouting', 'input'];
const JUMPS_MAX = 16;
/** Statements that say nothing of what becomes of a packet. */
const HARMLESS = new Set(['counter', 'log', 'comment', 'mangle', 'notrack', 'meta', 'set', 'ct helper', 'last']);

/** Where a walk through a chain ends; `maybe`: something in it may have let the packet pass, or dropped it. */
interface End {
  readonly what: 'accept' | 'drop' | 'through';
  readonly at: string;
  readonly mend: string;
  readonly doubt: string | null;
}

/** null: it comes through. */
export function verdictOf({ chains, sets }: Ruleset, packet: Packet): Verdict | null {
  const bases = chains
    .filter(({ hook, family }) => HOOKS.includes(hook ?? '') && concerns(family, packet))
    .sort((a, b) => HOOKS.indexOf(a.hook!) - HOOKS.indexOf(b.hook!) || a.priority - b.priority);
  for (const base of bases) {
    const end = new Walk(chains, sets, packet).through(base, 0);
    const isDropped = end.what === 'drop' || (end.what === 'through' && base.policy === 'drop');
    const { at, mend } = end.what === 'through' ? policyOf(base, packet) : end;
    if (isDropped && end.doubt === null) return { kind: 'drop', where: at, mend };
    if (isDropped) return { kind: 'unclear', where: end.doubt!, mend };
  }
  return null;
}

function concerns(family: string, packet: Packet): boolean {
  return family === 'inet' || family === 'netdev' || family === packet.family;
}

function policyOf({ family, table, name }: Chain, { port }: Packet): { at: string; mend: string } {
  const at = `table ${family} ${table}, chain ${name}: its policy is drop, and no rule accepts it`;
  return { at, mend: `nft insert rule ${family} ${table} ${name} udp dport ${port} accept` };
}

class Walk {
  readonly #chains: readonly Chain[];
  readonly #sets: Ruleset['sets'];
  readonly #packet: Packet;

  constructor(chains: readonly Chain[], sets: Ruleset['sets'], packet: Packet) {
    this.#chains = chains;
    this.#sets = sets;
    this.#packet = packet;
  }

  through(chain: Chain, depth: number): End {
    let doubt: string | null = null;
    for (const rule of chain.rules) {
      const at = `table ${chain.family} ${chain.table}, chain ${chain.name}, rule with handle ${rule.handle}`;
      const mend = `nft delete rule ${chain.family} ${chain.table} ${chain.name} handle ${rule.handle}`;
      const { what, isMaybe, ...step } = this.#step(chain, rule, depth);
      doubt ??= step.doubt;
      // What a rule far down says is told of where it stands.
      if (what === 'accept' || what === 'drop') return { what, at: step.at || at, mend: step.mend || mend, doubt };
      if (what === 'return') break;
      if (isMaybe) doubt ??= at;
    }
    return { what: 'through', at: '', mend: '', doubt };
  }

  #step(
    chain: Chain,
    rule: Rule,
    depth: number,
  ): Omit<End, 'what'> & { what: End['what'] | 'return'; isMaybe: boolean } {
    const none = { what: 'through' as const, at: '', mend: '', doubt: null, isMaybe: false };
    let answer: Answer = 'yes';
    for (const statement of rule.statements) {
      const [kind, value] = Object.entries(statement)[0] ?? ['', null];
      if (kind === 'match') {
        const met = matchOf(value, this.#packet, chain, this.#sets);
        if (met === 'no') return none;
        if (met === 'maybe') answer = 'maybe';
      } else if (kind === 'accept' || kind === 'drop' || kind === 'reject' || kind === 'return') {
        if (answer === 'yes') return { ...none, what: kind === 'reject' ? 'drop' : kind };
        // Rules for some senders, or for some moments, are everywhere: those that let pass make a later drop unclear.
        return { ...none, isMaybe: kind === 'accept' || kind === 'return' };
      } else if (kind === 'jump' || kind === 'goto') {
        const end = this.#jump(chain, (value as { target: string }).target, depth);
        if (answer === 'yes') return { ...end, isMaybe: false };
        return { ...none, isMaybe: end.what === 'accept' || end.doubt !== null };
      } else if (!HARMLESS.has(kind)) answer = 'maybe';
    }
    return none;
  }

  #jump({ family, table }: Chain, target: string, depth: number): End {
    const chain = this.#chains.find((each) => each.family === family && each.table === table && each.name === target);
    const nowhere = { what: 'through' as const, at: '', mend: '', doubt: `table ${family} ${table}, chain ${target}` };
    return chain === undefined || depth >= JUMPS_MAX ? nowhere : this.through(chain, depth + 1);
  }
}
