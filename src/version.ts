import { readFileSync } from 'node:fs';

/** The version in this installation's package.json. */
export function version(): string {
  const url = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version;
}
