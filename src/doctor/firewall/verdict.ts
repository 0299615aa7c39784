/** What a ruleset does with a datagram that comes in for this host. */
import { NO_PORT } from '../../address.js';
import { type Answer, matchOf, type Packet } from './match.js';
import type { Chain, Rule, Ruleset, Statement } from './ruleset.js';

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

/** Statements that make a rule hold now and then. */
const CONDITIONS = new Set(['limit', 'quota', 'ct count']);
const VERDICTS = new Set(['accept', 'drop', 'reject', 'return', 'jump', 'goto']);

/** Where a walk through a chain ends; `maybe`: something in it may have let the packet pass, or dropped it. */
interface End {
  readonly what: 'accept' | 'drop' | 'through';
  readonly at: string;
  readonly mend: string;
  readonly doubt: string | null;
}

/** What one rule makes of it. */
interface Step extends Omit<End, 'what'> {
  readonly what: End['what'] | 'return';
  /** It may have let the packet pass, or have kept it from the rules below. */
  readonly isMaybe: boolean;
}
const NOTHING: Step = { what: 'through', at: '', mend: '', doubt: null, isMaybe: false };

interface VerdictMap {
  readonly key: Statement;
  /** The name of a map, or what is in it. */
  readonly data: string | { readonly set?: readonly (readonly [unknown, Statement])[] };
}

/** null: it comes through. */
export function verdictOf({ chains, sets }: Ruleset, packet: Packet): Verdict | null {
  const bases = chains
    .filter((chain) => HOOKS.includes(chain.hook ?? '') && concerns(chain, packet))
    .sort((a, b) => HOOKS.indexOf(a.hook!) - HOOKS.indexOf(b.hook!) || a.priority - b.priority);
  for (const base of bases) {
    const walked = new Walk(chains, sets, packet).through(base, 0);
    const end = { ...walked, doubt: walked.doubt ?? interfaceDoubt(base, packet) };
    const isDropped = end.what === 'drop' || (end.what === 'through' && base.policy === 'drop');
    const { at, mend } = end.what === 'through' ? policyOf(base, packet) : end;
    if (isDropped && end.doubt === null) return { kind: 'drop', where: at, mend };
    if (isDropped) return { kind: 'unclear', where: end.doubt!, mend };
  }
  return null;
}

/** Whether it is the interface of an ingress chain that the packet comes in by; null: it is, or any is meant. */
function interfaceDoubt({ hook, family, table, name, devices }: Chain, { inbound }: Packet): string | null {
  if (hook !== 'ingress' || (inbound !== null && devices.length > 0)) return null;
  return `table ${family} ${table}, chain ${name}, which is of ${devices.join(', ') || 'some interface'} alone`;
}

function concerns({ family, devices }: Chain, packet: Packet): boolean {
  const isBy = packet.inbound === null || devices.length === 0 || devices.includes(packet.inbound);
  return isBy && (family === 'inet' || family === 'netdev' || family === packet.family);
}

function policyOf({ family, table, name }: Chain, { port }: Packet): { at: string; mend: string } {
  const at = `table ${family} ${table}, chain ${name}: its policy is drop, and no rule accepts it`;
  const what = port === NO_PORT ? 'meta l4proto gre' : `udp dport ${port}`;
  return { at, mend: `nft insert rule ${family} ${table} ${name} ${what} accept` };
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

  #step(chain: Chain, rule: Rule, depth: number): Step {
    let answer: Answer = 'yes';
    let isRiddle = false;
    for (const statement of rule.statements) {
      const [kind, value] = Object.entries(statement)[0] ?? ['', null];
      if (kind === 'match') {
        const met = matchOf(value, this.#packet, chain, this.#sets);
        if (met === 'no') return NOTHING;
        if (met === 'maybe') answer = 'maybe';
      } else if (VERDICTS.has(kind)) return this.#verdict(chain, statement, answer, depth);
      else if (kind === 'vmap') {
        const verdict = this.#mapped(chain, value as VerdictMap);
        if (verdict === 'unknown') return { ...NOTHING, isMaybe: true };
        if (verdict !== null) return this.#verdict(chain, verdict, answer, depth);
      } else if (CONDITIONS.has(kind)) answer = 'maybe';
      else if (!HARMLESS.has(kind)) [answer, isRiddle] = ['maybe', true];
    }
    return { ...NOTHING, isMaybe: isRiddle };
  }

  /** null: the map has nothing for the packet. */
  #mapped(chain: Chain, { key, data }: VerdictMap): Statement | 'unknown' | null {
    const elements = typeof data === 'object' ? data.set : undefined;
    if (elements === undefined) return 'unknown'; // a named one
    for (const [right, verdict] of elements) {
      const met = matchOf({ op: '==', left: key, right }, this.#packet, chain, this.#sets);
      if (met === 'maybe') return 'unknown';
      if (met === 'yes') return verdict;
    }
    return null;
  }

  #verdict(chain: Chain, statement: Statement, answer: Answer, depth: number): Step {
    const [kind, value] = Object.entries(statement)[0] as [string, unknown];
    if (kind === 'jump' || kind === 'goto') {
      const end = this.#jump(chain, (value as { target: string }).target, depth);
      // Nothing comes back from where a packet has gone to: what stands after it is not asked.
      const isOver = kind === 'goto' && end.what === 'through';
      if (answer === 'yes') return { ...end, what: isOver ? 'return' : end.what, isMaybe: false };
      return { ...NOTHING, isMaybe: isOver || end.what === 'accept' || end.doubt !== null };
    }
    if (kind === 'continue') return NOTHING;
    if (answer === 'yes') return { ...NOTHING, what: kind === 'reject' ? 'drop' : (kind as Step['what']) };
    // Rules for some senders, or for some moments, are everywhere: those that let pass make a later drop unclear.
    return { ...NOTHING, isMaybe: kind === 'accept' || kind === 'return' };
  }

  #jump({ family, table }: Chain, target: string, depth: number): End {
    const chain = this.#chains.find((each) => each.family === family && each.table === table && each.name === target);
    const nowhere = { what: 'through' as const, at: '', mend: '', doubt: `table ${family} ${table}, chain ${target}` };
    return chain === undefined || depth >= JUMPS_MAX ? nowhere : this.through(chain, depth + 1);
  }
}
