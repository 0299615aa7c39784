/** Options of VNICs that several commands take. */
import { PROTECTIONS } from '../link-protection.js';

export const PROTECTION = {
  type: 'list',
  what: 'protection',
  value: 'KIND',
  completes: PROTECTIONS,
  help: `link protection: ${PROTECTIONS.join(', ')}; repeatable, or with commas between`,
} as const;

export const ALLOWED_IPS = {
  type: 'list',
  what: 'allowed addresses',
  value: 'ADDR[/LEN]',
  help: 'what ip-nospoof allows beside the addresses of -a; repeatable, or with commas between',
} as const;

/** What a list option was given, repeated or with commas between. */
export function listOf(given: readonly string[]): string[] {
  return given.flatMap((list) => list.split(','));
}
