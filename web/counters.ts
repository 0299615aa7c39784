/** The numbers of `vxlane show-stats`, as they are. */
import type { StatsView, VnicView } from 'vxlane/client';
import { byId, setText } from './dom.js';
import { bits, count, percent } from './format.js';
import type { Rates } from './rates.js';
import { code, leftOut, number, plain, type Row, setRows } from './tables.js';

interface Traffic {
  readonly frames: number;
  readonly bytes: number;
}

const both = ({ frames, bytes }: Traffic) => [number(count(frames)), number(count(bytes))];

export class Counters {
  readonly #overlays = byId('counters-overlays', HTMLTableElement);
  readonly #vnics = byId('counters-vnics', HTMLTableElement);
  readonly #peers = byId('counters-peers', HTMLTableElement);
  readonly #drops = byId('counters-drops', HTMLTableElement);

  show(stats: StatsView, vnics: readonly VnicView[], rates: Rates): void {
    const { overlays, endpoints, drops } = stats;
    const rows = overlays.map(({ name, encap, decap, drops: of }): Row => {
      const dropped = Object.values(of).reduce((sum, frames) => sum + frames, 0);
      return [code(name), ...both(encap), ...both(decap), number(count(dropped))];
    });
    setRows(this.#overlays, rows, 'None');
    setRows(this.#vnics, vnicRows(stats, vnics), 'None');
    setRows(this.#peers, peerRows(stats, rates), 'None');
    const reasons = drops.map(({ reason, frames, isExpected, text }): Row => {
      return [code(reason), number(count(frames)), plain(isExpected ? 'expected' : 'unexpected'), plain(text)];
    });
    setRows(this.#drops, reasons, 'Nothing was dropped');
    const most = Math.max(overlays.length, vnics.length, endpoints.length);
    setText(byId('counters-more', HTMLElement), leftOut(most, 'vxlane show-stats'));
  }
}

function vnicRows(stats: StatsView, vnics: readonly VnicView[]): Row[] {
  const counted = new Map(stats.vnics.map((each) => [each.name, each]));
  return vnics.map(({ name, overlay, state }): Row => {
    const of = counted.get(name);
    const numbers =
      of === undefined ? Array(5).fill(number('–')) : [...both(of.tx), ...both(of.rx), number(count(of.drops))];
    return [code(name), code(overlay), { text: state, tone: state === 'up' ? 'good' : 'bad' }, ...numbers];
  });
}

function peerRows({ endpoints, otherSenders }: StatsView, rates: Rates): Row[] {
  const rows = endpoints.map(({ endpoint, overlays, encap, decap, drops, pathMtu }): Row => {
    const rate = rates.peers.get(endpoint);
    return [
      code(endpoint),
      plain(overlays.join(', ')),
      ...[...both(encap), ...both(decap), number(count(drops))],
      number(rate === undefined ? '–' : bits(rate.encap.bytes)),
      number(rate === undefined ? '–' : bits(rate.decap.bytes)),
      number(rate === undefined ? '–' : percent(rate.loss)),
      number(pathMtu === null ? 'not lowered' : count(pathMtu)),
    ];
  });
  if (otherSenders.frames === 0) return rows;
  const none = number('–');
  return [...rows, [plain('others'), plain(''), none, none, ...both(otherSenders), ...Array(5).fill(none)]];
}
