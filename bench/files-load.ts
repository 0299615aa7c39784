/**
 * How long does a `files` table of a million MACs take to load and to reload, and what does it weigh?
 *
 *   node --expose-gc dist/bench/files-load.js [ENTRIES]
 *
 * Writes a file of ENTRIES entries (default 1000000) with all five keys each, spread over 4000 VTEPs; loads it through
 * the plugin; moves one MAC and reloads. Prints times, the heap and the array buffers of the table, and the peak RSS.
 */
import { createWriteStream } from 'node:fs';
import { mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { macFromNumber } from '../src/address.js';
import type { PluginContext } from '../src/search/api.js';
import { files } from '../src/search/plugins/files/files.js';

const MIB = 2 ** 20;
const FIRST_MAC = 0x020000000000;
const VTEPS = 4000;
const ENTRIES_PER_CHUNK = 1000;

const entries = Number(process.argv[2] ?? 1_000_000);

/** The entry of one MAC as a line of the seed's shape; `moved` is the one that is behind another VTEP than before. */
function entryText(i: number, moved: number): string {
  const vtep = (i === moved ? i + 1 : i) % VTEPS;
  const fields = [
    `"arp": "10.${i >> 16}.${(i >> 8) & 255}.${i & 255}"`,
    `"dhcp-proxy": "${macFromNumber(FIRST_MAC)}"`,
    `"ip": "172.16.${vtep >> 8}.${vtep & 255}"`,
    `"ndp": "fd00::${(i >> 16).toString(16)}:${(i & 0xffff).toString(16)}"`,
    '"port": 4789',
  ];
  return `\t"${macFromNumber(FIRST_MAC + 1 + i)}": {\n\t\t${fields.join(',\n\t\t')}\n\t}`;
}

function* fileText(moved: number): Generator<string> {
  yield '{\n';
  for (let first = 0; first < entries; first += ENTRIES_PER_CHUNK) {
    const count = Math.min(ENTRIES_PER_CHUNK, entries - first);
    const chunk = Array.from({ length: count }, (_, i) => entryText(first + i, moved)).join(',\n');
    yield first === 0 ? chunk : `,\n${chunk}`;
  }
  yield '\n}\n';
}

const writeTable = (path: string, moved: number) => pipeline(Readable.from(fileText(moved)), createWriteStream(path));

const host: PluginContext = {
  vni: 23,
  signal: new AbortController().signal,
  log: { debug: () => {}, info: () => {}, warn: () => {}, error: console.error },
  put: () => {},
  withdraw: () => {},
  moved: () => {},
  degrade: (reason) => console.error(reason),
  restore: () => {},
};

async function timed(what: string, action: () => unknown): Promise<void> {
  const cpu = process.cpuUsage();
  const started = performance.now();
  await action();
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  console.log(`${what.padEnd(8)} ${seconds.toFixed(1)} s (CPU ${((user + system) / 1e6).toFixed(1)} s)`);
}

const dir = await mkdtemp(join(tmpdir(), 'vxlane-bench-'));
try {
  const path = join(dir, 'hosts.json');
  await writeTable(path, -1);
  const size = Math.round((await stat(path)).size / MIB);
  console.log(`${entries} entries, ${size} MiB, Node ${process.version}`);
  const instance = files.create(host, { 'files/config': path });
  await timed('load', () => instance.start());
  globalThis.gc?.();
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage();
  console.log(`table    heap ${(heapUsed / MIB) | 0} MiB, array buffers ${(arrayBuffers / MIB) | 0} MiB`);
  console.log(`process  RSS ${(rss / MIB) | 0} MiB, peak ${(process.resourceUsage().maxRSS / 1024) | 0} MiB`);
  await writeTable(`${path}.new`, entries >> 1);
  await rename(`${path}.new`, path);
  await timed('reload', () => instance.reload?.());
  console.log(`process  peak ${(process.resourceUsage().maxRSS / 1024) | 0} MiB`);
  await instance.stop();
} finally {
  await rm(dir, { recursive: true });
}
