/** Where a bug was, in terms of the sources: a start loads bundles of them (`packaging/bundle.mjs`). */
import { readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Of a module the address, of a script that Node has read the path. */
const IN_A_BUNDLE = /((?:file:\/\/)?\/[^\s()]+\/bundle\/[^/\s()]+\.c?js):(\d+):(\d+)/g;

/**
 * The stack of what was thrown, or its message. Node's own way (--enable-source-maps) reads every map at every start;
 * here a map is read when there is a bug.
 */
export function stackOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return (thrown.stack ?? thrown.message).replaceAll(IN_A_BUNDLE, (place, file: string, line, column) => {
    try {
      return inSource(file.startsWith('/') ? pathToFileURL(file).href : file, Number(line), Number(column));
    } catch {
      return place; // without its map the place in the bundle is as good as it gets
    }
  });
}

/** `file`: its address. Lines and columns from 1 on. Throws where there is no map, or nothing in it. */
function inSource(file: string, line: number, column: number): string {
  const map = JSON.parse(readFileSync(fileURLToPath(`${file}.map`), 'utf8')) as SourceMapPayload;
  const entry = new SourceMap(map).findEntry(line - 1, column - 1);
  if (!('originalSource' in entry)) throw new Error('nothing of a source is there');
  const source = fileURLToPath(new URL(entry.originalSource, file));
  return `${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
}
