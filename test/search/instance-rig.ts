/** For tests of what a plugin may do to its host: modules of a few words, each in a real thread or process. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { findPlugin } from '../../src/search/find.js';
import { Deadlines } from '../../src/search/host/deadlines.js';
import { PluginHost } from '../../src/search/host/host.js';
import { type Isolation, Placement } from '../../src/search/host/placement.js';
import { PluginCounts } from '../../src/search/host/types.js';
import { silentLog } from '../daemon/harness.js';
import { openDirectory } from '../support/open-directory.js';

/** `lookup/memory` of all of them. */
const MEMORY_MIB = 64;
/** Of all modules; anybody may enter it. */
export const directory = openDirectory('plugins');
after(() => rmSync(directory, { recursive: true }));

let count = 0;

/** The path of a module whose plugin has this instance; `before` stands at the top of it. */
export function moduleWith(instance: string, before = ''): string {
  const path = join(directory, `plugin-${count++}.js`);
  writeFileSync(
    path,
    `${before}
     export default { name: 'mine', mode: 'dynamic', properties: [],
       create: (context, values) => ({ start() {}, stop() {}, lookup: () => null, ${instance} }) };`,
  );
  return path;
}

export async function hostOf(path: string, isolation: Isolation) {
  const deadlines = new Deadlines(() => performance.now());
  const found = await findPlugin(path, isolation, deadlines);
  const counts = new PluginCounts();
  const printed: string[] = [];
  const said: string[] = [];
  let died = (_message: string) => {};
  const death = new Promise<string>((resolve) => {
    died = resolve;
  });
  const host = new PluginHost({
    name: found.manifest.name,
    open: new Placement({ now: () => 0 }).open(found.location, { isolation, memoryMiB: MEMORY_MIB }, {}),
    ...{ values: {}, vni: 23, listen: { ip: '10.88.88.69', port: 4789 }, family: 4, deadlines, counts },
    log: {
      ...silentLog,
      info: (message: string) => void printed.push(message),
      warn: (message: string) => void printed.push(message),
      error: (message: string) => void printed.push(message),
    },
    health: { degrade: (part, reason) => void said.push(`${part}: ${reason}`), restore() {} },
    sink: {
      put: (mac) => void said.push(`put ${mac}`),
      withdraw: (mac) => void said.push(`withdraw ${mac}`),
      moved() {},
      vteps() {},
      floodChanged: () => void said.push('flood changed'),
    },
    onDeath: ({ message }) => died(message),
  });
  const timer = setInterval(() => {
    deadlines.tick(performance.now());
    host.watch(performance.now());
  }, 50);
  const end = async () => {
    await host.stop();
    clearInterval(timer);
  };
  after(end); // also when a test failed
  return { host, death, counts, printed, said, end };
}
