/** The page: asks the daemon every few seconds, shows what it says, and says so when it does not answer. */
import type { HistoryPoint, HistoryView, OverlayView, StatsView, StatusView, VnicView } from 'vxlane/client';
import { get, Refused, TokenNeeded, token } from './api.js';
import { Charts } from './charts.js';
import { Counters } from './counters.js';
import { byId, letKeysScroll, setOptions, setText } from './dom.js';
import { Events } from './events.js';
import { clock } from './format.js';
import { NetworkMap } from './map.js';
import { Overview } from './overview.js';
import { Rates } from './rates.js';
import { Targets } from './targets.js';
import { Trace } from './trace.js';

/** Milliseconds between looks, also at a daemon that does not answer. */
const LOOK_EVERY_MS = 2000;
/** Points of the history that are kept: the daemon has no more. */
const POINTS_MAX = 180;
/** What the list of overlays has for all of them. */
const ALL = '';

class Page {
  readonly #content = byId('content', HTMLElement);
  readonly #login = byId('login', HTMLElement);
  readonly #connection = byId('connection', HTMLElement);
  readonly #scope = byId('scope', HTMLSelectElement);
  readonly #rates = new Rates();
  readonly #overview = new Overview((overlay) => this.#choose(overlay));
  readonly #map = new NetworkMap();
  readonly #charts = new Charts();
  readonly #counters = new Counters();
  readonly #targets = new Targets((thrown) => this.#reason(thrown));
  readonly #trace = new Trace((thrown) => this.#reason(thrown));
  readonly #events = new Events((thrown) => this.#reason(thrown));
  #points: HistoryPoint[] = [];
  /** Of the daemon that was asked last; another one counts from nothing. */
  #pid = 0;
  #lostSince: Date | null = null;
  #isRunning = false;
  #isLooking = false;

  start(): void {
    byId('login-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#logIn(byId('token', HTMLInputElement).value.trim());
    });
    byId('sign-out', HTMLButtonElement).addEventListener('click', () => {
      token.set(null);
      location.reload();
    });
    this.#scope.addEventListener('change', () => this.#choose(this.#scope.value));
    addEventListener('resize', letKeysScroll);
    // What is opened does not tell whoever is above it.
    document.addEventListener('toggle', letKeysScroll, true);
    // Nobody looks at a tab in the background.
    document.addEventListener('visibilitychange', () => void this.#look());
    setInterval(() => void this.#look(), LOOK_EVERY_MS);
    this.#isRunning = true;
    void this.#look();
    void this.#events.follow();
  }

  async #look(): Promise<void> {
    if (!this.#isRunning || this.#isLooking || document.hidden) return;
    this.#isLooking = true;
    try {
      await this.#ask();
      this.#live();
    } catch (thrown) {
      this.#reason(thrown);
      if (!(thrown instanceof TokenNeeded)) this.#lost();
    }
    this.#isLooking = false;
  }

  async #ask(): Promise<void> {
    const [status, stats, overlays, vnics] = await Promise.all([
      get<StatusView>('status'),
      get<StatsView>('stats'),
      get<OverlayView[]>('overlays'),
      get<VnicView[]>('vnics'),
    ]);
    const { pid } = status.daemon;
    if (pid !== this.#pid) {
      this.#rates.forget();
      this.#points = [];
      this.#pid = pid;
    }
    this.#rates.look(stats, performance.now());
    const names = overlays.map(({ name }) => name);
    setOptions(this.#scope, [[ALL, 'all'], ...names.map((name) => [name, name] as const)]);
    this.#content.hidden = false;
    this.#overview.show(status, vnics, this.#rates);
    this.#map.show(stats, this.#rates, overlays);
    this.#counters.show(stats, vnics, this.#rates);
    this.#targets.showOverlays(names);
    this.#trace.show(names, vnics);
    await this.#lookBack(new Set(stats.drops.filter(({ isExpected }) => isExpected).map(({ reason }) => reason)));
  }

  /** What is new of the history. */
  async #lookBack(expected: ReadonlySet<string>): Promise<void> {
    const scope = this.#scope.value;
    const last = this.#points.at(-1)?.time;
    const query: Record<string, string> = {
      ...(scope === ALL ? {} : { overlay: scope }),
      ...(last === undefined ? {} : { after: last }),
    };
    const { points } = await get<HistoryView>('history', query);
    if (scope !== this.#scope.value) return;
    this.#points = [...this.#points, ...points].slice(-POINTS_MAX);
    this.#charts.show(this.#points, expected);
  }

  #choose(overlay: string): void {
    this.#scope.value = overlay;
    this.#points = [];
    this.#events.choose(overlay);
    if (overlay !== ALL) {
      this.#targets.choose(overlay);
      this.#trace.choose(overlay);
    }
    void this.#look();
  }

  /** Why there is no answer, in words. Without a token there is nothing to see. */
  #reason(thrown: unknown): string {
    if (thrown instanceof TokenNeeded) {
      this.#askForToken();
      return 'The token is needed.';
    }
    if (thrown instanceof Refused) return thrown.message;
    return 'The daemon does not answer.';
  }

  #live(): void {
    const wasLost = this.#lostSince !== null;
    this.#lostSince = null;
    this.#connection.dataset.state = 'live';
    setText(this.#connection, 'Live');
    delete document.body.dataset.stale;
    byId('sign-out', HTMLElement).hidden = token.get() === null;
    letKeysScroll();
    if (wasLost) void this.#targets.look();
  }

  #lost(): void {
    this.#lostSince ??= new Date();
    this.#connection.dataset.state = 'lost';
    setText(this.#connection, `No answer since ${clock(this.#lostSince)}; trying again`);
    document.body.dataset.stale = '';
  }

  #askForToken(): void {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#events.stop();
    this.#content.hidden = true;
    this.#login.hidden = false;
    this.#connection.dataset.state = 'waiting';
    setText(this.#connection, 'Token needed');
    if (token.get() !== null) setText(byId('login-refusal', HTMLElement), 'That is not the token of this daemon.');
    token.set(null);
    byId('token', HTMLInputElement).focus();
  }

  async #logIn(given: string): Promise<void> {
    token.set(given);
    setText(byId('login-refusal', HTMLElement), '');
    this.#login.hidden = true;
    this.#isRunning = true;
    byId('token', HTMLInputElement).value = '';
    await this.#look();
    if (!this.#isRunning) return;
    void this.#events.follow();
    this.#content.focus();
  }
}

new Page().start();
