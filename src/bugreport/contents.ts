/** What is in an archive, and what is not: for the screen, for programs, and in the archive itself. */
import { textTable } from '../table.js';

export interface Packed {
  readonly name: string;
  readonly what: string;
  /** What was left out of it, or ''. */
  readonly note: string;
  readonly text: string;
  /** Of the text. */
  readonly bytes: number;
}

export interface Missing {
  readonly name: string;
  readonly what: string;
  /** One line. */
  readonly reason: string;
}

export interface Contents {
  readonly packed: readonly Packed[];
  readonly missing: readonly Missing[];
  /** How many secrets were taken out, those that are there twice counted twice. */
  readonly removed: number;
}

export function contentsText({ packed, missing, removed }: Contents): string {
  const rows = packed.map(({ name, what, note, bytes }) => [
    name,
    note === '' ? what : `${what}: ${note}`,
    String(bytes),
  ]);
  const reasons = new Map<string, string[]>();
  for (const { name, reason } of missing) reasons.set(reason, [...(reasons.get(reason) ?? []), name]);
  const without = [...reasons].map(([reason, names]) => `not in it: ${names.join(', ')}\n  ${reason}\n`);
  const secrets = `secrets taken out: ${removed} (passwords, tokens, keys); addresses and names are as they are\n`;
  return `${textTable(['FILE', 'WHAT', 'BYTES'], rows, 2)}\n${without.join('')}${secrets}`;
}
