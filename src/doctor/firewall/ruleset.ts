/** What libnftables-json(5) makes of a ruleset: as much of it as says what becomes of a datagram. */

export interface Chain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** Of a base chain: `input`, `prerouting`, `ingress`, …; null: others jump to it. */
  readonly hook: string | null;
  readonly type: string | null;
  /** Interfaces that an ingress chain hangs on; empty: nft before 1.0.7 or so does not say. */
  readonly devices: readonly string[];
  readonly priority: number;
  readonly policy: 'accept' | 'drop';
  readonly rules: readonly Rule[];
}

export interface Rule {
  readonly handle: number;
  readonly statements: readonly Statement[];
}

/** `{ match: … }`, `{ drop: null }`, `{ jump: { target } }`, …: one key says which. */
export type Statement = Readonly<Record<string, unknown>>;

export interface Ruleset {
  readonly chains: readonly Chain[];
  /** Elements of named sets, by `FAMILY TABLE NAME`. */
  readonly sets: ReadonlyMap<string, readonly unknown[]>;
}

interface Named {
  readonly family: string;
  readonly table: string;
  readonly name: string;
}

/** Throws on what is no JSON. */
export function parseRuleset(text: string): Ruleset {
  const { nftables } = JSON.parse(text) as { nftables: readonly Record<string, unknown>[] };
  const all = <T>(kind: string) => nftables.flatMap((each) => (each[kind] === undefined ? [] : [each[kind] as T]));
  const rules = all<{ family: string; table: string; chain: string; handle: number; expr: Statement[] }>('rule');
  const chains = all<Named & { hook?: string; type?: string; prio?: number; policy?: string; dev?: string | string[] }>(
    'chain',
  ).map((chain) => ({
    family: chain.family,
    table: chain.table,
    name: chain.name,
    hook: chain.hook ?? null,
    type: chain.type ?? null,
    devices: [chain.dev ?? []].flat(),
    priority: chain.prio ?? 0,
    policy: chain.policy === 'drop' ? ('drop' as const) : ('accept' as const),
    rules: rules
      .filter(({ family, table, chain: of }) => family === chain.family && table === chain.table && of === chain.name)
      .map(({ handle, expr }) => ({ handle, statements: expr })),
  }));
  const sets = all<Named & { elem?: readonly unknown[] }>('set');
  return {
    chains,
    sets: new Map(sets.map(({ family, table, name, elem = [] }) => [`${family} ${table} ${name}`, elem])),
  };
}
