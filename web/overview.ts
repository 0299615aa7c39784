/** How all is: the figures at the top, what is wrong, and each overlay in a line. */
import type { OverlayStatus, Problem, StatusView, VnicView } from 'vxlane/client';
import { byId, element, setText } from './dom.js';
import { bits, count, duration, frames, percent, scaled } from './format.js';
import type { Rates } from './rates.js';
import { type Cell, code, leftOut, number, plain, ROWS_MAX, type Row, setRows } from './tables.js';

const PROBLEMS_SHOWN = 20;

export class Overview {
  readonly #overlays = byId('overlays-table', HTMLTableElement);
  readonly #problems = byId('problems', HTMLUListElement);
  #shownProblems = '';

  /** `onChosen`: the name of an overlay was pressed. */
  constructor(onChosen: (overlay: string) => void) {
    this.#overlays.addEventListener('click', ({ target }) => {
      if (target instanceof HTMLButtonElement) onChosen(target.textContent ?? '');
    });
  }

  show({ daemon, overlays, problems }: StatusView, vnics: readonly VnicView[], rates: Rates): void {
    const { version, uptimeSeconds, engine, workers } = daemon;
    const many = workers === 1 ? '1 worker' : `${workers} workers`;
    setText(byId('daemon', HTMLElement), `${version} · ${engine}, ${many} · up ${duration(uptimeSeconds)}`);
    this.#showTiles(overlays, vnics, rates);
    this.#showProblems(problems);
    this.#showOverlays(overlays, rates);
  }

  #showTiles(overlays: readonly OverlayStatus[], vnics: readonly VnicView[], rates: Rates): void {
    const { encap, decap, drops, loss } = rates.total;
    const say = (id: string, text: string) => setText(byId(`now-${id}`, HTMLElement), text);
    const rate = (text: string) => (rates.isKnown ? text : '–');
    say('sent', rate(bits(encap.bytes)));
    say('sent-frames', rate(frames(encap.frames)));
    say('received', rate(bits(decap.bytes)));
    say('received-frames', rate(frames(decap.frames)));
    say('drops', rate(frames(drops)));
    say('drops-text', rate(loss === 0 ? 'no loss on the way out' : `loss on the way out ${percent(loss)}`));
    const degraded = overlays.filter(({ status }) => status !== 'ONLINE').length;
    say('overlays', count(overlays.length));
    say('overlays-text', degraded === 0 ? 'all ONLINE' : `${degraded} DEGRADED`);
    byId('now-overlays-text', HTMLElement).classList.toggle('bad', degraded > 0);
    const down = vnics.filter(({ state }) => state !== 'up').length;
    say('vnics', count(vnics.length));
    say('vnics-text', down === 0 ? 'all up' : `${down} not up`);
    byId('now-vnics-text', HTMLElement).classList.toggle('bad', down > 0);
  }

  #showProblems(problems: readonly Problem[]): void {
    const said = JSON.stringify(problems);
    if (said === this.#shownProblems) return;
    this.#shownProblems = said;
    const items = problems.slice(0, PROBLEMS_SHOWN).map(({ severity, text, command }) => {
      const word = element('strong', { class: severity }, severity === 'bad' ? '▲ Wrong: ' : '◆ Note: ');
      return element('li', { class: severity }, word, text, ' ', element('code', {}, command));
    });
    const hidden = problems.length - items.length;
    if (hidden > 0) items.push(element('li', {}, `${hidden} more: `, element('code', {}, 'vxlane status')));
    const well = element('li', { class: 'good' }, element('strong', { class: 'good' }, '● '), 'All is well.');
    this.#problems.replaceChildren(...(items.length > 0 ? items : [well]));
  }

  #showOverlays(overlays: readonly OverlayStatus[], rates: Rates): void {
    // What needs a look comes first.
    const sorted = [...overlays].sort((a, b) => Number(a.status === 'ONLINE') - Number(b.status === 'ONLINE'));
    const rows = sorted.slice(0, ROWS_MAX).map((overlay) => rowOf(overlay, rates));
    setRows(this.#overlays, rows, 'There is no overlay: vxlane create-overlay makes one.');
    setText(byId('overlays-more', HTMLElement), leftOut(overlays.length, 'vxlane status'));
  }
}

function rowOf({ name, vni, search, status, details, vnics, vnicsUp, peers }: OverlayStatus, rates: Rates): Row {
  const rate = rates.overlays.get(name);
  const health: Cell =
    status === 'ONLINE' ? { text: status, tone: 'good' } : { text: `${status}: ${details}`, tone: 'bad' };
  return [
    { text: name, kind: 'button' },
    health,
    number(vni === null ? '?' : String(vni)),
    code(search),
    number(vnics === vnicsUp ? count(vnics) : `${vnicsUp} of ${vnics} up`),
    number(count(peers)),
    number(rate === undefined ? '–' : bits(rate.encap.bytes)),
    number(rate === undefined ? '–' : bits(rate.decap.bytes)),
    rate !== undefined && rate.drops > 0 ? number(scaled(rate.drops)) : plainNumber(rate === undefined ? '–' : '0'),
  ];
}

const plainNumber = (text: string): Cell => ({ ...plain(text), kind: 'number' });
