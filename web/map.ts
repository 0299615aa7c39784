/** This VTEP and its peers, drawn: an edge says how much goes there and comes from there, and how much is lost. */
import type { OverlayView, StatsView } from 'vxlane/client';
import { byId, element, setText, svg } from './dom.js';
import { bits, frames, percent, plural } from './format.js';
import type { PeerRate, Rates } from './rates.js';

/** Those with the most traffic; the table of peers has the others. */
const PEERS_SHOWN = 12;
/** Of the drawing, in its own pixels. */
const WIDTH = 560;
const ROW = 58;
const BOX = { left: 8, width: 178, height: 92 };
const PEER = { left: 326, width: 226, height: 46 };

interface Peer {
  readonly endpoint: string;
  readonly isSilent: boolean;
  readonly overlays: readonly string[];
  readonly rate: PeerRate;
}

const NOTHING = { frames: 0, bytes: 0 };
const NO_RATE: PeerRate = { encap: NOTHING, decap: NOTHING, loss: 0 };

const bytesOf = ({ encap, decap }: PeerRate): number => encap.bytes + decap.bytes;

export class NetworkMap {
  readonly #drawing = byId('map-drawing', HTMLElement);
  readonly #text = byId('map-text', HTMLElement);

  show(stats: StatsView, rates: Rates, overlays: readonly OverlayView[]): void {
    const peers = stats.endpoints
      .map(({ endpoint, overlays: of, isSilent }): Peer => {
        return { endpoint, overlays: of, isSilent, rate: rates.peers.get(endpoint) ?? NO_RATE };
      })
      .sort((a, b) => bytesOf(b.rate) - bytesOf(a.rate) || compare(a.endpoint, b.endpoint));
    const shown = peers.slice(0, PEERS_SHOWN).sort((a, b) => compare(a.endpoint, b.endpoint));
    if (shown.length === 0)
      this.#drawing.replaceChildren(element('p', { class: 'more' }, 'No overlay has a peer yet.'));
    else this.#drawing.replaceChildren(drawing(shown, rates, addressesOf(overlays)));
    setText(this.#text, summary(peers, shown.length, rates));
  }
}

const compare = (a: string, b: string): number => a.localeCompare(b, 'en', { numeric: true });

function addressesOf(overlays: readonly OverlayView[]): string[] {
  const all = overlays.map(({ properties }) => properties.find(({ name }) => name.endsWith('/listen_ip'))?.value);
  return [...new Set(all.filter((each) => each !== undefined && each !== null))].sort(compare);
}

function summary(peers: readonly Peer[], shown: number, rates: Rates): string {
  if (peers.length === 0) return '';
  const hidden = peers.length - shown;
  const silent = peers.filter(({ isSilent }) => isSilent).length;
  const losing = peers.filter(({ rate }) => rate.loss > 0).length;
  const most = peers[0]!;
  const parts = [
    hidden > 0 ? `The ${shown} busiest of ${plural(peers.length, 'peer')}.` : `${plural(peers.length, 'peer')}.`,
    rates.isKnown && bytesOf(most.rate) > 0
      ? `Most is between here and ${most.endpoint}: ${bits(bytesOf(most.rate))}.`
      : 'Nothing is sent or received now.',
    losing > 0
      ? `Loss on the way out to ${plural(losing, 'peer')}; Drops by reason says why.`
      : 'No loss on the way out.',
    ...(silent > 0 ? [`${plural(silent, 'peer')} silent.`] : []),
  ];
  return parts.join(' ');
}

function drawing(peers: readonly Peer[], rates: Rates, addresses: readonly string[]): SVGElement {
  const height = Math.max(peers.length * ROW, BOX.height + 8);
  const middle = height / 2;
  const { decap } = rates.total;
  const children = peers.flatMap((peer, index) => {
    const y = (height * (index + 0.5)) / peers.length;
    return [edge(peer, middle, y), node(peer, y)];
  });
  const more = addresses.length > 2 ? `${addresses[0]} and ${addresses.length - 1} more` : addresses.join(', ');
  return svg(
    'svg',
    { class: 'map', viewBox: `0 0 ${WIDTH} ${height}`, role: 'img', 'aria-labelledby': 'map-title map-text' },
    ...children,
    svg('rect', { class: 'box', ...box(BOX.left, middle, BOX.width, BOX.height), rx: '8' }),
    text('', BOX.left + 14, middle - 24, 'This VTEP', 'name'),
    text('small', BOX.left + 14, middle - 5, clipped(more, 25)),
    text('small', BOX.left + 14, middle + 15, `\u2190 ${bits(decap.bytes)} received`),
    text('small', BOX.left + 14, middle + 33, `\u2190 ${frames(decap.frames)}`),
  );
}

function box(left: number, middle: number, width: number, height: number) {
  return { x: `${left}`, y: `${middle - height / 2}`, width: `${width}`, height: `${height}` };
}

function edge({ endpoint, isSilent, rate }: Peer, from: number, to: number): SVGElement {
  const start = BOX.left + BOX.width;
  const bend = (PEER.left - start) / 2;
  const path = `M${start} ${from}C${start + bend} ${from} ${PEER.left - bend} ${to} ${PEER.left} ${to}`;
  const state = rate.loss > 0 || isSilent ? 'losing' : bytesOf(rate) > 0 ? '' : 'idle';
  // A tenfold rate is a line two pixels wider.
  const width = Math.min(10, 1.5 + 2 * Math.max(0, Math.log10(1 + bytesOf(rate) / 1000)));
  const [sent, received] = [rate.encap, rate.decap].map((each) => `${bits(each.bytes)}, ${frames(each.frames)}`);
  const loss = `loss ${percent(rate.loss)}${isSilent ? '; silent' : ''}`;
  const says = `${endpoint}: sent ${sent}; received ${received}; ${loss}`;
  return svg('path', { class: `edge ${state}`, d: path, 'stroke-width': width.toFixed(1) }, svg('title', {}, says));
}

function node({ endpoint, isSilent, overlays, rate }: Peer, y: number): SVGElement {
  const { encap, decap, loss } = rate;
  const isIdle = loss === 0 && bytesOf(rate) === 0;
  const load = isIdle ? 'idle' : `\u2192 ${bits(encap.bytes)}  \u2190 ${bits(decap.bytes)}`;
  const trouble = [...(isSilent ? ['silent'] : []), ...(loss > 0 ? [`loss ${percent(loss)}`] : [])].join(', ');
  const lost = trouble === '' ? '' : `\u25B2 ${trouble}`;
  const left = PEER.left + 10;
  return svg(
    'g',
    {},
    svg('rect', { class: 'box', ...box(PEER.left, y, PEER.width, PEER.height), rx: '8' }),
    text('name', left, y - 5, clipped(endpoint, 27)),
    text(lost === '' ? 'small' : 'small losing', left, y + 13, lost === '' ? load : `${lost} ${load}`),
    svg('title', {}, `${endpoint}, of ${overlays.join(', ') || 'no overlay'}`),
  );
}

function text(kind: string, x: number, y: number, says: string, extra = ''): SVGElement {
  return svg('text', { class: `${kind} ${extra}`.trim(), x: `${x}`, y: `${y}` }, says);
}

const clipped = (says: string, most: number): string =>
  says.length > most ? `${says.slice(0, most - 1)}\u2026` : says;
