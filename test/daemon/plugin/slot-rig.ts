/** For tests of a slot: real modules in real threads, each told by a file what to do, on an overlay that is none. */
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Health } from '../../../src/daemon/health/health.js';
import { PluginSlot } from '../../../src/daemon/plugin/plugin-slot.js';
import { plainQuery } from '../../../src/daemon/plugin/query.js';
import type { NextPlugin } from '../../../src/daemon/plugin/site.js';
import { configurationOf, type OverlayConfiguration } from '../../../src/overlay-properties/overlay-properties.js';
import { type FoundPlugin, findPlugin } from '../../../src/search/find.js';
import { Deadlines } from '../../../src/search/host/deadlines.js';
import type { Manifest } from '../../../src/search/host/messages.js';
import { Placement } from '../../../src/search/host/placement.js';
import { MAC, silentLog } from '../harness.js';

const directory = mkdtempSync(join(tmpdir(), 'vxlane-slot-'));
after(() => rmSync(directory, { recursive: true }));

/** Places of the module that is there first, and of the one that is swapped in. */
export const OLD = 5;
export const NEW = 6;

/** In threads: their journal is a file, which a process may not write. */
const GIVEN = { 'vxlan/listen_ip': '127.0.0.1', 'mine/port': '1', 'plugin-isolation': 'thread' };

/** Answers 127.0.0.`place`, and its property as the port. `control` says how it starts, reloads, and who dies. */
const moduleText = (place: number, control: string, journal: string) => `
  import { appendFileSync, readFileSync } from 'node:fs';
  import { setTimeout as sleep } from 'node:timers/promises';
  const control = () => JSON.parse(readFileSync('${control}', 'utf8'));
  const note = (what) => appendFileSync('${journal}', what + '\\n');
  export default { name: 'mine', mode: 'dynamic',
    properties: [{ name: 'mine/port', type: 'uint', required: true, range: [1, 9], mutable: true, help: 'port' }],
    create: (context, values) => {
      let port = values['mine/port'];
      note('begins ${place}');
      setInterval(() => { if ([true, port].includes(control().dies)) { note('ends ${place}'); process.exit(1); } }, 2);
      return {
        start: async () => {
          while (control().start === 'waits') await sleep(2);
          if (control().start === 'fails') throw new Error('no backend');
        },
        stop: (ending, next) => note(['ends ${place}', ending, next?.['mine/port']].join(' ')),
        lookup: () => ({ target: { ip: '127.0.0.${place}', port } }),
        change: async (changed) => {
          while (control().start === 'waits') await sleep(2);
          if (changed['mine/port'] === 9) throw new Error('not nine'); port = changed['mine/port'];
        },
        reload: () => { if (control().start === 'fails') throw new Error('no backend'); },
      };
    } };`;

let count = 0;
/** Asked of the first module: all of them are the same plugin, and asking takes a thread. */
let manifest: Promise<Manifest> | null = null;

export class SlotRig {
  readonly health = new Health();
  readonly slots = new Set<PluginSlot>();
  readonly slot: PluginSlot;
  configuration: OverlayConfiguration;
  /** Throws it when something wants to hold. */
  refusal: Error | null = null;
  /** How often it was asked what is wanted of its plugin. */
  asked = 0;
  readonly #journal: string;
  readonly #name: string;
  #nowMs = 0;
  readonly #old: FoundPlugin;
  readonly placement: Placement;
  readonly next: FoundPlugin;

  private constructor(
    name: string,
    old: FoundPlugin,
    next: FoundPlugin,
    port: string,
    placement: Placement,
    found: FoundPlugin | null = old,
  ) {
    this.#name = name;
    this.placement = placement;
    this.#journal = `${name}.journal`;
    this.#old = old;
    this.next = next;
    this.configuration = this.given(port);
    const now = () => this.#nowMs;
    this.slot = new PluginSlot(found, {
      ...{ overlay: 'overlay0', vni: 23, log: silentLog, health: this.health, slots: this.slots, pushesMax: 16, now },
      deadlines: new Deadlines(now),
      placement,
      site: {
        wanted: () => {
          this.asked++;
          return { search: this.#old.reference, configuration: this.configuration };
        },
        knownMacs: () => [MAC],
        prepare: (to) => this.#prepare(to),
        started() {},
      },
    });
  }

  static async make(): Promise<SlotRig> {
    const name = join(directory, String(count++));
    writeFileSync(`${name}.journal`, '');
    const find = async (place: number): Promise<FoundPlugin> => {
      const path = `${name}-${place}.mjs`;
      writeFileSync(`${path}.control`, JSON.stringify({ start: 'succeeds' }));
      writeFileSync(path, moduleText(place, `${path}.control`, `${name}.journal`));
      manifest ??= findPlugin(path, 'thread', new Deadlines(() => 0)).then((found) => found.manifest);
      const location = { kind: 'module', url: pathToFileURL(path).href } as const;
      return { reference: path, location, manifest: await manifest };
    };
    return new SlotRig(name, await find(OLD), await find(NEW), '1', new Placement({ now: () => 0 }));
  }

  /** As after a restart: what its plugin is has to be asked first. */
  static async unfound(): Promise<SlotRig> {
    const made = await SlotRig.make();
    return new SlotRig(made.#name, made.#old, made.next, '1', made.placement, null);
  }

  /** As many with the same plugins, the first of them with port 1, in threads that take `most` instances. */
  static async several(count: number, most: number): Promise<SlotRig[]> {
    const first = await SlotRig.make();
    const [name, old, next] = [first.#name, first.#old, first.next];
    const placement = new Placement({ now: () => 0, mostAt: () => most });
    return Array.from({ length: count }, (_, at) => new SlotRig(name, old, next, String(at + 1), placement));
  }

  #prepare({ configuration }: NextPlugin): () => void {
    if (this.refusal !== null) throw this.refusal;
    return () => {
      this.configuration = configuration;
    };
  }

  /** What the instances of a module do from now on. */
  tell(place: number, what: { start: 'succeeds' | 'waits' | 'fails'; dies?: true | number }): void {
    const path = `${this.#name}-${place}.mjs.control`;
    writeFileSync(`${path}.new`, JSON.stringify(what));
    renameSync(`${path}.new`, path); // whoever reads it reads all of it
  }

  pass(ms: number): void {
    this.#nowMs += ms;
    this.slot.tick(this.#nowMs);
  }

  given(port: string): OverlayConfiguration {
    return configurationOf('vxlan', this.#old.manifest, { ...GIVEN, 'mine/port': port });
  }

  /** `use` as of PluginSlot.prepared. */
  swap(use: Parameters<PluginSlot['prepared']>[2], port = '2') {
    return this.slot.prepared(this.next, this.given(port), use);
  }

  /** How many instances there are, by their own word. */
  get running(): number {
    return this.#lines('begins').length - this.ends.length;
  }

  /** `ends 5 to_resume 2`: of which place, how, and with which port one of the same plugin goes on. */
  get ends(): string[] {
    return this.#lines('ends');
  }

  #lines(word: string): string[] {
    return readFileSync(this.#journal, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith(word));
  }

  /** `serving 5:1`: the state and, by the answer of the instance itself, who serves with what value. */
  async shown(): Promise<string> {
    const { state, host } = this.slot;
    const answer = await host?.lookup(plainQuery(23, MAC));
    if (answer == null || answer.target === 'drop') return state;
    return `${state} ${answer.target.ip.at(-1)}:${answer.target.port}`;
  }
}
