/** What stands after `-s`: a name, or the path of a module, which the daemon wants whole. */
import { resolve } from 'node:path';
import { moduleWithoutPath } from '../errors.js';

const PACKAGE_IN_SCOPE = /^@[^/]+\/[^/]+$/;

/** `csv.mjs` is neither the name of a plugin nor that of a package: npm's names have no such ending. */
const MODULE_FILE = /^[^/]+\.[cm]?[jt]s$/;

export function pluginReference(text: string): string {
  if (MODULE_FILE.test(text)) throw moduleWithoutPath(text);
  const isPath = text.includes('/') && !PACKAGE_IN_SCOPE.test(text);
  return isPath ? resolve(text) : text;
}
