/** Search plugins as users may write them: each answers for what it knows, and misbehaves when asked for a stranger. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Misbehaviour {
  /** Of the plugin. */
  readonly name: string;
  /** What `lookup` of a stranger does: the body of an async function that sees `context` and `target`. */
  readonly stranger: string;
  /** How many of the STRANGERS are asked for; one will do, but for what is given up only when it goes on. */
  readonly strangers?: number;
  /** What must be told of it. null: it goes on, and nobody is to notice but for the log. */
  readonly told: RegExp | null;
  /** It never stops talking, so that its answers come too late: it is asked for nothing more. */
  readonly isDeaf?: boolean;
  /** What the log says of one that goes on. */
  readonly logged?: RegExp;
  /** `lookup/memory` of its overlay, MiB. */
  readonly memory?: number;
}

const NO_MORE = 'its last 3 questions failed; the last one: search plugin';

/** Of one that takes memory without a pause: on a busy machine its process has been busy for too long first. */
const ended = (name: string) =>
  new RegExp(`plugin ${name} (needed more than 64 MiB of memory|kept its process busy for 5 s)`);

export const MISBEHAVIOURS: readonly Misbehaviour[] = [
  {
    name: 'throws',
    stranger: "throw new Error('no table')",
    strangers: 3,
    told: new RegExp(`${NO_MORE} throws: .*: no table`),
  },
  {
    name: 'rejects',
    stranger: "await null; return Promise.reject(new Error('no reply'))",
    strangers: 3,
    told: new RegExp(`${NO_MORE} rejects: .*: no reply`),
  },
  {
    name: 'hangs',
    stranger: 'return new Promise(() => {})',
    strangers: 3,
    told: new RegExp(`${NO_MORE} hangs: .*: no answer within 3 s`),
  },
  { name: 'loops', stranger: 'while (true) {}', told: /plugin loops kept its process busy for 5 s/ },
  { name: 'exits', stranger: 'process.exit(7)', told: /plugin exits ended its process with exit code 7/ },
  {
    name: 'timer',
    stranger: "setTimeout(() => { throw new Error('too late') }, 10); return null",
    told: /plugin timer threw too late/,
  },
  {
    name: 'forgets',
    stranger: "Promise.reject(new Error('unheard')); return null",
    told: /plugin forgets threw unheard/,
  },
  {
    name: 'heap',
    stranger: 'const all = []; while (true) all.push({ number: all.length })',
    told: ended('heap'),
    memory: 64,
  },
  {
    name: 'splits',
    stranger: "globalThis.kept = 'x,'.repeat(1e7).split(','); return null",
    told: ended('splits'),
    memory: 64,
  },
  {
    name: 'buffers',
    stranger: 'const all = []; while (true) all.push(Buffer.alloc(8 << 20, 1))',
    told: ended('buffers'),
    memory: 64,
  },
  {
    name: 'piles',
    stranger: 'const all = []; setInterval(() => all.push(Buffer.alloc(8 << 20, 1)), 10); return null',
    told: /plugin piles needed more than 64 MiB of memory/,
    memory: 64,
  },
  {
    name: 'gushes',
    stranger: 'while (true) context.put(unheardOf(), target)',
    told: ended('gushes'),
    memory: 64,
  },
  {
    name: 'huge',
    stranger: 'globalThis.kept = new Array(1e8).fill({}); return null',
    told: ended('huge'),
    memory: 64,
  },
  {
    name: 'wasm',
    stranger: `const all = []; setInterval(() => { const memory = new WebAssembly.Memory({ initial: 160 });
      new Uint8Array(memory.buffer).fill(1); all.push(memory); }, 10); return null`,
    told: /plugin wasm needed more than 64 MiB of memory/,
    memory: 64,
  },
  {
    name: 'descriptors',
    stranger: `const fs = await import('node:fs'); setInterval(() => fs.openSync('/dev/null'), 1); return null`,
    told: /plugin descriptors threw EMFILE: too many open files/,
  },
  { name: 'aborts', stranger: 'process.abort()', told: /plugin aborts was ended by SIGABRT/ },
  {
    name: 'forges',
    stranger: `const fs = await import('node:fs'); fs.writeSync(3, '[{"kind":"root"}]\\n'); return null`,
    told: /plugin forges said what no instance says, in the place of its instance/,
  },
  {
    name: 'heaps-words',
    stranger: `for (let i = 0; i < 60; i++) context.put(strangers[0], { ...target, junk: 'x'.repeat(1e7) });
      return { target, junk: 'x'.repeat(1e8) }`,
    told: null,
  },
  {
    name: 'pours',
    stranger: 'setInterval(() => { for (let i = 0; i < 1000; i++) context.put(unheardOf(), target) }, 1); return null',
    isDeaf: true,
    told: null,
  },
  {
    name: 'forges-log',
    stranger: `const fs = await import('node:fs');
      const line = JSON.stringify([{ kind: 'log', level: 'error', message: 'forged', fields: { a: 'y'.repeat(900) } }]);
      setInterval(() => { try { for (let i = 0; i < 100; i++) fs.writeSync(3, line + '\\n') } catch {} }, 1);
      return null`,
    told: /plugin forges-log said more, in the place of its instance, than its host had taken/,
  },
  {
    name: 'prints',
    stranger: "setInterval(() => { for (let i = 0; i < 1000; i++) console.log('again', i) }, 1); return null",
    told: null,
    logged: /lines were left out: the plugin logs too much/,
  },
];

/** MACs that are strangers to every plugin below, and provoke it. */
export const STRANGERS = [1, 2, 3].map((number) => `02:00:00:00:bd:0${number}`);

/** Writes the plugin to a file, and answers its path. `mac`: the one it knows, which is at the endpoint. */
export function writePlugin(
  directory: string,
  { name, stranger }: Misbehaviour,
  mac: string,
  endpoint: { ip: string; port: number },
): string {
  const path = join(directory, `${name}.mjs`);
  writeFileSync(
    path,
    `const target = ${JSON.stringify(endpoint)};
     const strangers = ${JSON.stringify(STRANGERS)};
     let count = 0;
     const unheardOf = () => '06' + (++count).toString(16).padStart(10, '0').replace(/../g, ':$&');
     export default { name: '${name}', mode: 'dynamic', properties: [],
       create: (context) => ({
         start() {}, stop() {},
         lookup({ mac }) {
           if (strangers.includes(mac)) return misbehave(context);
           return mac === '${mac}' ? { target } : null;
         } }) };
     async function misbehave(context) { ${stranger} }`,
  );
  return path;
}
