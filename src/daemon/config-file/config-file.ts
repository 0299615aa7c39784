/** The configuration file of the daemon: read at the start and on SIGHUP, refused whole or applied. */
import { dirname, resolve } from 'node:path';
import type { Model } from '../../config/model.js';
import { Problems } from '../../config/problems.js';
import { parse, searchesOf, validate } from '../../config/validate.js';
import type { ConfigurationView } from '../../control/protocol.js';
import { ConfigurationRefused, messageOf, VxlaneError } from '../../errors.js';
import { type FoundPlugin, findPlugin } from '../../search/find.js';
import type { Deadlines } from '../../search/host/deadlines.js';
import { repair } from '../commands/bring-up.js';
import type { World } from '../commands/registry.js';
import { Serial } from '../commands/serial.js';
import { Backoff } from '../health/backoff.js';
import { type Applied, applyInTurn, applySwaps, type Wanted } from './apply.js';
import { modelsOf } from './model.js';
import { readConfiguration } from './read.js';

/** What there is, to compare a file with. */
interface There {
  readonly made: Model;
  readonly declared: Model;
}

export class Configuration {
  /** Absolute path. */
  readonly file: string;
  /** One reload at a time. */
  readonly #reloads = new Serial();
  readonly #backoff = new Backoff();
  /** What is in effect, as far as it can be. */
  #wanted: Wanted | null = null;
  #appliedAt: Date | null = null;
  /** Why the file as it was last read is not in effect, a line a problem. */
  #refusal: readonly string[] = [];
  #failures: ReadonlyMap<string, string> = new Map();
  #isRetrying = false;

  /** Nothing is read yet. */
  constructor(file: string) {
    this.file = resolve(file);
  }

  /** Reads the file and looks at it alone, without what there is. Throws everything that is wrong with it. */
  async check(deadlines: Deadlines): Promise<Wanted> {
    return (await this.#read(deadlines))(null);
  }

  /** In a turn at the start: what was kept is loaded and nothing is up. Throws a refusal; then nothing has changed. */
  async begin(world: World): Promise<void> {
    const wanted = (await this.#read(world.deadlines))(modelsOf(world));
    this.#record(world, wanted, await applyInTurn(world, wanted));
  }

  /** SIGHUP. A file that is refused changes nothing. Rejects on a bug only. */
  reload(world: World): Promise<void> {
    return this.#reloads.run(async () => {
      try {
        const check = await this.#read(world.deadlines);
        await this.#apply(world, () => check(modelsOf(world)));
        this.#refusal = [];
      } catch (thrown) {
        if (!(thrown instanceof ConfigurationRefused)) throw thrown;
        this.#refusal = thrown.problems;
        const { problems } = thrown;
        world.log.error('configuration refused: nothing changed', { file: this.file, problems });
      }
    });
  }

  isDue(nowMs: number): boolean {
    return !this.#isRetrying && this.#backoff.isDue(nowMs);
  }

  /** Tries again what the file says and could not be done. The file is not read. Never rejects. */
  async retry(world: World): Promise<void> {
    this.#isRetrying = true;
    const isDue = () => this.#backoff.isDue(world.now());
    const again = () =>
      this.#wanted !== null && isDue() ? this.#apply(world, () => this.#wanted as Wanted) : undefined;
    await this.#reloads
      .run(again)
      .catch((thrown: unknown) => world.log.error('bug while applying', { reason: messageOf(thrown) }));
    this.#isRetrying = false;
  }

  view(): ConfigurationView {
    const failures = [...this.#failures].map(([name, reason]) => `${name}: ${reason}`);
    const applied = failures.length === 0 ? 'applied' : 'incomplete';
    return {
      file: this.file,
      status: this.#refusal.length > 0 ? 'refused' : applied,
      details: [...this.#refusal, ...failures],
      appliedAt: this.#appliedAt?.toISOString() ?? null,
    };
  }

  /** Answers how to look at what was read, beside what there is then; that throws what is wrong. */
  async #read(deadlines: Deadlines): Promise<(there: There | null) => Wanted> {
    const { file } = this;
    const directory = dirname(file);
    const syntax = new Problems();
    const text = await readConfiguration(file);
    const parsed = parse(text, syntax);
    if (parsed === null) throw new ConfigurationRefused(syntax.lines(file));
    const plugins = new Map<string, FoundPlugin>();
    const missing = new Map<string, VxlaneError>();
    for (const search of searchesOf(parsed, directory)) {
      try {
        plugins.set(search, await findPlugin(search, deadlines));
      } catch (thrown) {
        if (!(thrown instanceof VxlaneError)) throw thrown;
        missing.set(search, thrown);
      }
    }
    const manifestOf = (search: string) => {
      const found = plugins.get(search);
      if (found === undefined) throw missing.get(search);
      return found.manifest;
    };
    return (there) => {
      const problems = syntax.copy();
      const declaration = validate(parsed, { directory, findPlugin: manifestOf, ...(there && { there }) }, problems);
      if (declaration === null) throw new ConfigurationRefused(problems.lines(file));
      return { file, declaration, plugins };
    };
  }

  async #apply(world: World, wantedNow: () => Wanted): Promise<void> {
    const [wanted, applied] = await world.serial.run(async () => {
      const now = wantedNow();
      const done = await applyInTurn(world, now);
      await repair(world, ({ name }) => done.touched.has(name));
      return [now, done] as const;
    });
    await applySwaps(world, wanted, applied);
    this.#record(world, wanted, applied);
  }

  #record(world: World, wanted: Wanted, { done, failures }: Applied): void {
    const { file } = this;
    this.#wanted = wanted;
    this.#appliedAt = new Date();
    for (const [name, reason] of failures) {
      if (this.#failures.get(name) !== reason) world.log.warn('what is declared is not in effect', { name, reason });
    }
    this.#failures = failures;
    for (const overlay of world.overlays.values()) {
      const reason = failures.get(overlay.name);
      if (reason === undefined) overlay.health.restore('declaration');
      else overlay.health.degrade('declaration', `not as declared: ${reason}`);
    }
    if (failures.size > 0) this.#backoff.failed(world.now());
    else this.#backoff.succeeded(world.now());
    if (done.size > 0) world.log.info('configuration applied', { file, done: Object.fromEntries(done) });
  }
}
