/** What stands after `-s`: a name, or the path of a module, which the daemon wants whole. */
import { resolve } from 'node:path';

const PACKAGE_IN_SCOPE = /^@[^/]+\/[^/]+$/;

export function pluginReference(text: string): string {
  const isPath = text.includes('/') && !PACKAGE_IN_SCOPE.test(text);
  return isPath ? resolve(text) : text;
}
