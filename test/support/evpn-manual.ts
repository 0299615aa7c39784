/** The configurations of docs/evpn.md, as they stand there: what a reader pastes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

const MANUAL = readFileSync(new URL('../../../docs/evpn.md', import.meta.url), 'utf8');

/** The block of the manual in this language, of several the one of this index. */
export function pasted(language: string, index = 0): string {
  const blocks = [...MANUAL.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\`\`\``, 'g'))];
  const [, text] = blocks[index] ?? [];
  assert.ok(text !== undefined, `docs/evpn.md has no block ${index} of ${language}`);
  return text;
}
