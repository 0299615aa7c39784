/** What happened, and what happens: the events that are kept, then those that come, the latest first. */
import type { EventPage, EventView } from 'vxlane/client';
import { get, stream } from './api.js';
import { byId, setText } from './dom.js';
import { clock } from './format.js';
import { code, plain, type Row, setRows } from './tables.js';

/** Those that are kept here; the table shows the latest of them. */
const KEPT = 1000;
/** Milliseconds before it is tried again. */
const PAUSE_MS = 2000;

export class Events {
  readonly #table = byId('events-table', HTMLTableElement);
  readonly #text = byId('events-text', HTMLElement);
  readonly #onFailed: (thrown: unknown) => void;
  #events: EventView[] = [];
  /** Id of the last one; null: none was seen. */
  #last: number | null = null;
  #overlay = '';
  #hasLost = false;
  #turn = 0;
  #isDue = false;

  /** `onFailed`: is told why the stream broke off. */
  constructor(onFailed: (thrown: unknown) => void) {
    this.#onFailed = onFailed;
  }

  /** '': of all overlays, and of none. */
  choose(overlay: string): void {
    this.#overlay = overlay;
    this.#show();
  }

  /** From now on, until it is called again or {@link stop} is. */
  async follow(): Promise<void> {
    const turn = ++this.#turn;
    while (turn === this.#turn) {
      try {
        await this.#catchUp();
        for await (const { event, data } of stream('events/stream', this.#last ?? 0)) {
          if (turn !== this.#turn) return;
          // Of the stream itself: some are missing, or it ends.
          if (event === 'lost' || event === 'dropped') break;
          this.#add([JSON.parse(data) as EventView]);
        }
      } catch (thrown) {
        if (turn === this.#turn) this.#onFailed(thrown);
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  stop(): void {
    this.#turn++;
  }

  async #catchUp(): Promise<void> {
    const after: Record<string, string> = this.#last === null ? {} : { after: String(this.#last) };
    const { events, last, lost }: EventPage = await get('events', after);
    this.#hasLost ||= lost;
    this.#add(events);
    this.#last = last;
  }

  #add(events: readonly EventView[]): void {
    const fresh = events.filter(({ id }) => this.#last === null || id > this.#last);
    this.#events = [...this.#events, ...fresh].slice(-KEPT);
    this.#last = fresh.at(-1)?.id ?? this.#last;
    this.#show();
  }

  /** Thousands may come at once: they are drawn once. */
  #show(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    requestAnimationFrame(() => {
      this.#isDue = false;
      const wanted = this.#events.filter(({ overlay }) => this.#overlay === '' || overlay === this.#overlay);
      setRows(this.#table, wanted.reverse().map(rowOf), 'Nothing has happened');
      const of = this.#overlay === '' ? '' : `Of overlay ${this.#overlay} alone. `;
      setText(this.#text, `${of}${this.#hasLost ? 'Some events in between are not kept any more.' : ''}`.trim());
    });
  }
}

function rowOf({ time, kind, object, old, new: now, reason }: EventView): Row {
  const change = old === null ? (now ?? '') : now === null ? `${old} → nothing` : `${old} → ${now}`;
  return [plain(clock(new Date(time))), plain(kind.replaceAll('_', ' ')), code(object), plain(change), plain(reason)];
}
