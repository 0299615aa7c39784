/** The configuration file of the daemon: read at the start and on SIGHUP, refused whole or applied. */
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Model } from '../../config/model.js';
import { Problems } from '../../config/problems.js';
import { parse, searchesOf, validate } from '../../config/validate.js';
import type { ConfigurationView } from '../../control/protocol.js';
import { ConfigurationRefused, messageOf, VxlaneError } from '../../errors.js';
import { type FoundPlugin, findPlugin } from '../../search/find.js';
import type { Deadlines } from '../../search/host/deadlines.js';
import { repair } from '../commands/bring-up.js';
import type { Registry } from '../commands/registry.js';
import { Serial } from '../commands/serial.js';
import { Backoff } from '../health/backoff.js';
import { type ApplyReport, applyInTurn, applySwaps, type Wanted } from './apply.js';
import { modelsOf } from './model.js';
import { readConfiguration } from './read.js';

/** What there is, to compare a file with. */
interface There {
  readonly made: Model;
  readonly declared: Model;
}

/** Declared objects that are there, but not up, or not with all that is declared, and why. */
function* downIn({ overlays, vnics, fileOwned }: Registry): Iterable<readonly [name: string, reason: string]> {
  for (const { name, state, health } of overlays.values()) {
    if (fileOwned.has(name) && state === 'down') yield [name, health.details];
  }
  for (const vnic of vnics.values()) {
    if (!fileOwned.has(vnic.name)) continue;
    if (!vnic.isAttached) yield [vnic.name, vnic.problem];
    else for (const problem of vnic.addressProblems) yield [vnic.name, problem];
  }
}

export class ConfigFile {
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
  async begin(registry: Registry): Promise<void> {
    const wanted = (await this.#read(registry.deadlines))(modelsOf(registry));
    this.#record(registry, wanted, await applyInTurn(registry, wanted));
  }

  /** SIGHUP. A file that is refused changes nothing. Rejects on a bug only. */
  reload(registry: Registry): Promise<void> {
    return this.#reloads.run(async () => {
      try {
        const check = await this.#read(registry.deadlines);
        await this.#apply(registry, () => check(modelsOf(registry)));
        this.#refusal = [];
      } catch (thrown) {
        if (!(thrown instanceof ConfigurationRefused)) throw thrown;
        this.#refusal = thrown.problems;
        const { problems } = thrown;
        registry.log.error('configuration refused: nothing changed', { file: this.file, problems });
        const reason = problems.join('; ');
        registry.events.tell('configuration_refused', { object: 'daemon', new: this.file, reason });
      }
    });
  }

  isDue(nowMs: number): boolean {
    return !this.#isRetrying && this.#backoff.isDue(nowMs);
  }

  /** Tries again what the file says and could not be done. The file is not read. Never rejects. */
  async retry(registry: Registry): Promise<void> {
    this.#isRetrying = true;
    const isDue = () => this.#backoff.isDue(registry.now());
    const again = () =>
      this.#wanted !== null && isDue() ? this.#apply(registry, () => this.#wanted as Wanted) : undefined;
    await this.#reloads
      .run(again)
      .catch((thrown: unknown) => registry.log.error('bug while applying', { reason: messageOf(thrown) }));
    this.#isRetrying = false;
  }

  view(registry: Registry): ConfigurationView {
    const failures = [...downIn(registry), ...this.#failures].map(([name, reason]) => `${name}: ${reason}`);
    const outcome = failures.length === 0 ? 'applied' : 'incomplete';
    return {
      file: this.file,
      status: this.#refusal.length > 0 ? 'refused' : outcome,
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
    for (const [search, isolation] of searchesOf(parsed, directory)) {
      try {
        plugins.set(search, await findPlugin(search, isolation, deadlines));
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

  async #apply(registry: Registry, wantedNow: () => Wanted): Promise<void> {
    const [wanted, report] = await registry.serial.run(async () => {
      const now = wantedNow();
      const done = await applyInTurn(registry, now);
      await repair(registry, ({ name }) => done.touched.has(name));
      return [now, done] as const;
    });
    await applySwaps(registry, wanted, report);
    this.#record(registry, wanted, report);
  }

  #tell({ events }: Registry, isNews: boolean): void {
    if (!isNews) return;
    const reason = [...this.#failures].map(([name, why]) => `${name}: ${why}`).join('; ');
    const kind = reason === '' ? 'configuration_applied' : 'configuration_incomplete';
    events.tell(kind, { object: 'daemon', new: this.file, reason });
  }

  #record(registry: Registry, wanted: Wanted, { done, failures }: ApplyReport): void {
    const { file } = this;
    this.#wanted = wanted;
    this.#appliedAt = new Date();
    const isNews = failures.size === 0 ? this.#failures.size > 0 : !isDeepStrictEqual(failures, this.#failures);
    for (const [name, reason] of failures) {
      if (this.#failures.get(name) !== reason)
        registry.log.warn('what is declared is not in effect', { object: name, reason });
    }
    this.#failures = failures;
    for (const overlay of registry.overlays.values()) {
      const reason = failures.get(overlay.name);
      if (reason === undefined) overlay.health.restore('declaration');
      else overlay.health.degrade('declaration', `not as declared: ${reason}`);
    }
    if (failures.size > 0) this.#backoff.failed(registry.now());
    else this.#backoff.succeeded(registry.now());
    if (done.size > 0) registry.log.info('configuration applied', { file, done: Object.fromEntries(done) });
    this.#tell(registry, isNews || done.size > 0);
  }
}
