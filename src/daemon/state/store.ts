/**
 * What is kept over restarts: `overlays/NAME.json` and `vnics/NAME.json` under the state directory. Names are interface
 * names, so they are file names too. A file that cannot be used is moved aside and reported, one that cannot be read is
 * only reported, until its name is used again; neither is ever deleted or keeps the daemon from starting.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { LinkName } from '../../control/protocol.js';
import { messageOf } from '../../errors.js';
import { VNI_MAX } from '../../overlay-properties/overlay-properties.js';
import type { PluginLog } from '../../search/api.js';
import { StateFiles, stateId } from './files.js';

/** Raised when the meaning of a field changes. */
export const STATE_VERSION = 1;

// Types only: what the values may be is said once, for commands and files too (src/config/rules.ts).

/** A configuration file declares the object. */
const declared = z.literal(true).optional();

export const StoredOverlay = z.strictObject({
  version: z.literal(STATE_VERSION),
  name: LinkName,
  vni: z.number().int().min(0).max(VNI_MAX),
  encap: z.literal('vxlan'),
  search: z.string(),
  /** What the operator gave, not the defaults: those may depend on the underlay. */
  properties: z.record(z.string(), z.string()),
  /** Static targets. */
  targets: z.record(z.string(), z.string()),
  declared,
});
export type StoredOverlay = z.infer<typeof StoredOverlay>;

export const StoredVnic = z.strictObject({
  version: z.literal(STATE_VERSION),
  name: LinkName,
  overlay: LinkName,
  mac: z.string(),
  netns: z.string().nullable(),
  allowAnyMac: z.boolean(),
  /** The MTU that the interface was given last: one that is less is the operator's. */
  mtuGiven: z.number().int().optional(),
  declared,
});
export type StoredVnic = z.infer<typeof StoredVnic>;

interface Named {
  readonly name: string;
}

/** The kept objects of one kind. */
export class Store<T extends Named> {
  readonly #files: StateFiles;
  readonly #schema: z.ZodType<T>;
  readonly #log: PluginLog;
  /** Names whose file could not be read at the start. */
  readonly #unread = new Set<string>();

  constructor(files: StateFiles, schema: z.ZodType<T>, log: PluginLog) {
    this.#files = files;
    this.#schema = schema;
    this.#log = log;
  }

  /** All that can be used, sorted by name. */
  async load(): Promise<T[]> {
    const loaded: T[] = [];
    for (const stored of await this.#files.readAll()) {
      const { name } = stored;
      if ('unreadable' in stored) {
        // Nothing is known against what is in it: it stays where it is, for the next start.
        this.#unread.add(name);
        this.#log.error('a state file cannot be read', { file: this.#files.path(name), reason: stored.unreadable });
        continue;
      }
      try {
        const value = parseStored(this.#schema, stored.text);
        if (value.name !== name) throw new Error(`it says it is ${value.name}`);
        loaded.push(value);
      } catch (thrown) {
        await this.moveAside(name, messageOf(thrown));
      }
    }
    return loaded;
  }

  async save(value: T): Promise<void> {
    if (this.#unread.delete(value.name)) await this.moveAside(value.name, 'unreadable, and its name is used again');
    await this.#files.write(value.name, value);
  }

  remove(name: string): Promise<void> {
    return this.#files.remove(name);
  }

  /** The kept object cannot be used; the log says why and where it is now. */
  async moveAside(name: string, reason: string): Promise<void> {
    const file = this.#files.path(name);
    try {
      const movedTo = await this.#files.moveAside(name, new Date());
      this.#log.error('a state file cannot be used and was moved aside', { file, reason, movedTo });
    } catch (thrown) {
      this.#log.error('a state file can neither be used nor moved aside', { file, reason, also: messageOf(thrown) });
    }
  }
}

export class State {
  /** Tells what this state directory keeps from what others do. */
  readonly id: string;
  readonly overlays: Store<StoredOverlay>;
  readonly vnics: Store<StoredVnic>;

  private constructor(id: string, overlays: Store<StoredOverlay>, vnics: Store<StoredVnic>) {
    this.id = id;
    this.overlays = overlays;
    this.vnics = vnics;
  }

  static async open(directory: string, log: PluginLog): Promise<State> {
    const overlays = await StateFiles.open(join(directory, 'overlays'));
    const vnics = await StateFiles.open(join(directory, 'vnics'));
    return new State(
      await stateId(directory),
      new Store(overlays, StoredOverlay, log),
      new Store(vnics, StoredVnic, log),
    );
  }
}

function parseStored<T>(schema: z.ZodType<T>, text: string): T {
  const parsed = schema.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new Error(parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '));
}
