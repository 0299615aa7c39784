/**
 * What search plugins say is kept now and then, and at the end. A start puts it in place before the plugins start: one
 * whose source is away costs no known destination, and one that starts is asked about each, as after a death.
 */
import { formatEndpoint } from '../../address.js';
import { targetMac, targetOf } from '../../config/rules.js';
import { messageOf } from '../../errors.js';
import { checkIp } from '../../search/host/answers.js';
import type { Attachment } from '../overlay/attachment.js';
import type { Overlay } from '../overlay/overlay.js';
import type { Owner, RememberedTarget } from '../state/remembered.js';
import type { State } from '../state/store.js';

/** What has changed is kept this often, but no more than a hundredth of the time is spent on it. */
export const REMEMBER_EVERY_MS = 30_000;
const SHARE = 100;
/** In the place of the MAC: the plugin names a VTEP, where it floods or points to or in a list. */
const VTEP = 'vtep';
/** Entries that are put in place before other work has its turn. */
const RECALLED_AT_ONCE = 1024;

interface Surroundings {
  readonly state: State;
  readonly overlays: ReadonlyMap<string, Overlay>;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
}

export class Memory {
  readonly #surroundings: Surroundings;
  /** How many changes are kept of what lives while the overlay is open. */
  readonly #kept = new WeakMap<Attachment, number>();
  #dueAtMs: number;
  #saving: Promise<void> | null = null;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#dueAtMs = surroundings.now() + REMEMBER_EVERY_MS;
  }

  tick(nowMs: number): void {
    if (nowMs < this.#dueAtMs || this.#saving !== null) return;
    this.#saving = this.#saveAll().finally(() => {
      const now = this.#surroundings.now();
      this.#dueAtMs = now + Math.max(REMEMBER_EVERY_MS, SHARE * (now - nowMs));
      this.#saving = null;
    });
  }

  /** Keeps what has changed since. Never rejects. */
  async end(): Promise<void> {
    await this.#saving;
    await this.#saveAll();
  }

  async #saveAll(): Promise<void> {
    for (const overlay of this.#surroundings.overlays.values()) {
      const { attachment, identity } = overlay;
      if (attachment === null || identity.temporary) continue;
      const changes = changesOf(attachment);
      if (changes === (this.#kept.get(attachment) ?? 0)) continue;
      await this.#save(overlay, attachment);
      this.#kept.set(attachment, changes);
    }
  }

  /** A failure is said, and not tried again before there is more to keep. */
  async #save(overlay: Overlay, attachment: Attachment): Promise<void> {
    const { state, overlays } = this.#surroundings;
    const { name } = overlay;
    try {
      await state.remembered.save(name, ownerOf(overlay), said(attachment));
      // Deleted meanwhile.
      if (overlays.get(name) !== overlay) await state.remembered.remove(name);
    } catch (thrown) {
      overlay.log.warn('what the search plugin says is not kept', { reason: messageOf(thrown) });
    }
  }

  /** Puts what was kept in place, as far as there is room, for an overlay that was opened just now. Never rejects. */
  async recall(overlay: Overlay): Promise<void> {
    const { attachment, configuration, log, identity } = overlay;
    if (attachment === null || identity.temporary) return;
    const { targets, sources } = attachment;
    const kept = await this.#surroundings.state.remembered.load(overlay.name, ownerOf(overlay));
    const { socket } = configuration.settings;
    const vteps: string[] = [];
    let count = 0;
    try {
      for (const [mac, destination] of kept) {
        if (overlay.attachment !== attachment) break;
        if (mac === VTEP) {
          vteps.push(checkIp(destination));
          continue;
        }
        if (!targets.hasRoom) break;
        targets.putStale(targetMac(mac), targetOf(destination, socket), this.#surroundings.now());
        if (++count % RECALLED_AT_ONCE === 0) await new Promise(setImmediate);
      }
    } catch (thrown) {
      log.warn('what the search plugin last said is not believed', { reason: messageOf(thrown) });
    }
    sources.recall(vteps);
    this.#kept.set(attachment, changesOf(attachment));
    if (count > 0) log.info('destinations of before the restart are in place', { count });
  }
}

function ownerOf({ identity: { vni, search, encap } }: Overlay): Owner {
  return encap === 'vxlan' ? { vni, search } : { vni, search, encap };
}

const changesOf = ({ targets, sources }: Attachment): number => targets.changes + sources.known.changes;

/** Who may send comes first: there may not be room for all MACs. */
function* said({ targets, sources }: Attachment): Generator<RememberedTarget | null> {
  for (const ip of sources.known.told) yield [VTEP, ip];
  for (const mac of targets.told()) {
    const target = mac === null ? undefined : targets.decision(mac)?.target;
    if (mac === null || target === undefined) yield null;
    else if (typeof target === 'object') yield [mac, formatEndpoint(target)];
    else yield target === 'drop' ? [mac, target] : null;
  }
}
