/**
 * How test files are spread over processes. Node starts one for each file it is given, and most files of the rooms
 * below need less time than the start, and the loading of what they test. So they share some. A file that runs with the
 * other engine as well has a process that says so.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Rooms whose files share processes. */
const SHARING = /^(bench|cli|config|control|daemon|datapath|doctor|proxy|ring|search|system|table|wire)\b/;
/** Most files of one process: others run beside it. */
const FILES_MAX = 12;
/** A file says that it shares its process with no other, or has hooks that would run before tests of the others. */
const ALONE = /support\/(own-process|ahead)\.js'|^(before|beforeEach|afterEach)\(/m;
const EACH_ENGINE = /support\/each-engine\.js'/;
const AGAIN = `process.env.VXLANE_TEST_ENGINE = 'mmsg';
process.env.VXLANE_TEST_REPEATED = 'yes';
`;

export interface Spread {
  /** What node's test runner is to start, each as a process. */
  readonly programs: readonly string[];
  /** How many files are run again with the engine mmsg. */
  readonly repeated: number;
}

/**
 * `files`: paths in `built`, the folder of built tests, in order. `folder`: where the programs are written that are not
 * a file by itself. `isEachEngine`: this kernel has both engines.
 */
export function spread(files: readonly string[], built: string, folder: string, isEachEngine: boolean): Spread {
  const having = (what: RegExp) => files.filter((file) => what.test(readFileSync(join(built, file), 'utf8')));
  const ofEachEngine = having(EACH_ENGINE);
  const alone = new Set([...ofEachEngine, ...having(ALONE), ...files.filter((file) => !SHARING.test(file))]);
  /** Its name is all that is told of a process that crashes. */
  const program = (name: string, text: string): string => {
    const path = join(folder, `${name.replaceAll('/', '-')}.mjs`);
    writeFileSync(path, text, { flag: 'wx' }); // a/b-c and a-b/c would be one
    return path;
  };
  const url = (file: string): string => JSON.stringify(pathToFileURL(join(built, file)).href);
  const again = isEachEngine
    ? ofEachEngine.map((file) => program(`${nameOf(file)}-mmsg`, `${AGAIN}await import(${url(file)});\n`))
    : [];
  const groups = groupsOf(files.filter((file) => !alone.has(file)));
  assert.equal(alone.size + groups.flat().length, files.length, 'each file runs');
  const shared = groups.map((group) => {
    const name = `${nameOf(group[0]!)}-to-${basename(nameOf(group.at(-1)!))}`;
    return program(name, group.map((file) => `import ${url(file)};\n`).join(''));
  });
  const single = [...alone].map((file) => join(built, file));
  return { programs: [...single, ...again, ...shared], repeated: again.length };
}

const nameOf = (file: string): string => file.replace(/\.test\.js$/, '');

/** Neighbours of a room, about as many in each group. */
function groupsOf(files: readonly string[]): string[][] {
  const rooms = new Map<string, string[]>();
  for (const file of files) {
    const [room] = SHARING.exec(file)!;
    rooms.set(room, [...(rooms.get(room) ?? []), file]);
  }
  return [...rooms.values()].flatMap((room) => {
    const count = Math.ceil(room.length / FILES_MAX);
    const start = (n: number) => Math.round((n * room.length) / count);
    return Array.from({ length: count }, (_, n) => room.slice(start(n), start(n + 1)));
  });
}
