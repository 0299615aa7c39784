/** Where frames to each MAC go, and a search among them. They come by pages: all are walked, up to a bound. */
import type { TargetPage, TargetView } from 'vxlane/client';
import { get } from './api.js';
import { byId, setOptions, setText } from './dom.js';
import { count, duration, plural } from './format.js';
import { code, number, plain, ROWS_MAX, type Row, setRows } from './tables.js';

/** Targets of a page. */
const PAGE = 5000;
/** Targets that one search looks at. */
const LOOKED_AT_MAX = 100_000;
/** Milliseconds between looks at what one page has; more is looked at when somebody asks. */
const AGAIN_MS = 10_000;
/** Milliseconds without a key before a search begins. */
const PAUSE_MS = 250;

export class Targets {
  readonly #overlay = byId('targets-overlay', HTMLSelectElement);
  readonly #search = byId('targets-search', HTMLInputElement);
  readonly #table = byId('targets-table', HTMLTableElement);
  readonly #text = byId('targets-text', HTMLElement);
  readonly #onFailed: (thrown: unknown) => string;
  #pause: ReturnType<typeof setTimeout> | undefined;
  /** Of the search whose answer counts. */
  #turn = 0;
  #isOnePage = false;

  /** `onFailed`: says in words why there is no answer. */
  constructor(onFailed: (thrown: unknown) => string) {
    this.#onFailed = onFailed;
    byId('targets-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.look();
    });
    this.#overlay.addEventListener('change', () => void this.look());
    this.#search.addEventListener('input', () => {
      clearTimeout(this.#pause);
      this.#pause = setTimeout(() => void this.look(), PAUSE_MS);
    });
    setInterval(() => {
      if (this.#isOnePage && !document.hidden) void this.look();
    }, AGAIN_MS);
  }

  showOverlays(names: readonly string[]): void {
    const before = this.#overlay.value;
    setOptions(
      this.#overlay,
      names.map((name) => [name, name]),
    );
    if (this.#overlay.value !== before) void this.look();
  }

  choose(overlay: string): void {
    this.#overlay.value = overlay;
    void this.look();
  }

  async look(): Promise<void> {
    const turn = ++this.#turn;
    this.#isOnePage = false;
    const overlay = this.#overlay.value;
    if (overlay === '') {
      setRows(this.#table, [], 'There is no overlay');
      setText(this.#text, '');
      return;
    }
    try {
      await this.#walk(overlay, this.#search.value, turn);
    } catch (thrown) {
      if (turn === this.#turn) setText(this.#text, this.#onFailed(thrown));
    }
  }

  async #walk(overlay: string, sought: string, turn: number): Promise<void> {
    const found: TargetView[] = [];
    let [lookedAt, matches] = [0, 0];
    let after: string | null = '';
    while (after !== null && lookedAt < LOOKED_AT_MAX) {
      const query: Record<string, string> = { limit: String(PAGE), ...(after === '' ? {} : { after }) };
      const page: TargetPage = await get(`overlays/${encodeURIComponent(overlay)}/targets`, query);
      if (turn !== this.#turn) return;
      for (const target of page.targets.filter((each) => isSought(each, sought))) {
        matches++;
        if (found.length < ROWS_MAX) found.push(target);
      }
      lookedAt += page.targets.length;
      after = page.next;
    }
    this.#isOnePage = lookedAt <= PAGE && after === null;
    setRows(this.#table, found.map(rowOf), sought.trim() === '' ? 'It knows none' : 'None is like that');
    const of = after === null ? plural(lookedAt, 'target') : `the first ${plural(lookedAt, 'target')}`;
    const shown = matches > found.length ? `, the first ${found.length} shown` : '';
    const like = sought.trim() === '' ? (after === null ? of : `More than ${of}`) : `${count(matches)} of ${of} match`;
    setText(this.#text, `${like}${shown}.`);
  }
}

/** Every word has to be somewhere; a MAC may be written in any usual way. */
function isSought({ mac, destination, source }: TargetView, sought: string): boolean {
  const text = `${mac} ${destination} ${source}`.toLowerCase();
  const digits = mac.replaceAll(':', '');
  return sought
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word) || isPartOfMac(word, digits));
}

function isPartOfMac(word: string, digits: string): boolean {
  const own = word.replaceAll(/[:.-]/g, '');
  return /^[0-9a-f]{2,12}$/.test(own) && digits.includes(own);
}

function rowOf({ mac, destination, source, ageSeconds, idleSeconds }: TargetView): Row {
  return [
    code(mac),
    code(destination),
    plain(source),
    number(duration(ageSeconds)),
    number(idleSeconds === null ? 'never' : idleSeconds === 0 ? 'now' : `${duration(idleSeconds)} ago`),
  ];
}
