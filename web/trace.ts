/** What would become of a frame, decision by decision: the form, and what the daemon says. */
import type { TraceRequest, TraceView, VnicView } from 'vxlane/client';
import { post } from './api.js';
import { byId, element, setOptions, setText } from './dom.js';

type Kind = Exclude<keyof TraceRequest, 'from'>;

/** What stands above the value, and an example; null: there is none to give. */
const VALUES: Readonly<Record<Kind, readonly [name: string, example: string] | null>> = {
  ping: ['IP address', '10.55.55.3'],
  arp: ['IPv4 address', '10.55.55.3'],
  ns: ['IPv6 address', 'fe80::4'],
  to: ['MAC', 'de:ad:be:ef:00:01'],
  dhcp: null,
  frame: ['Frame, in hexadecimal digits, without FCS', 'deadbeef0001 deadbeef0000 88b5'],
};
/** Of the list of senders; no VNIC is called so. */
const VTEP = '';

export class Trace {
  readonly #overlay = byId('trace-overlay', HTMLSelectElement);
  readonly #from = byId('trace-from', HTMLSelectElement);
  readonly #vtep = byId('trace-vtep', HTMLInputElement);
  readonly #kind = byId('trace-kind', HTMLSelectElement);
  readonly #value = byId('trace-value', HTMLInputElement);
  readonly #result = byId('trace-result', HTMLElement);
  readonly #onFailed: (thrown: unknown) => string;
  #vnics: readonly VnicView[] = [];
  /** As it was last chosen, also while only a whole frame can be. */
  #wanted = 'ping';

  /** `onFailed`: says in words why there is no answer. */
  constructor(onFailed: (thrown: unknown) => string) {
    this.#onFailed = onFailed;
    byId('trace-form', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#ask();
    });
    this.#overlay.addEventListener('change', () => this.#follow());
    this.#from.addEventListener('change', () => this.#follow());
    this.#kind.addEventListener('change', () => {
      this.#wanted = this.#kind.value;
      this.#follow();
    });
  }

  show(overlays: readonly string[], vnics: readonly VnicView[]): void {
    this.#vnics = vnics;
    setOptions(
      this.#overlay,
      overlays.map((name) => [name, name]),
    );
    this.#follow();
  }

  choose(overlay: string): void {
    this.#overlay.value = overlay;
    this.#follow();
  }

  /** What can be asked follows from what was chosen. */
  #follow(): void {
    const names = this.#vnics.filter(({ overlay }) => overlay === this.#overlay.value).map(({ name }) => name);
    const wasEmpty = this.#from.options.length <= 1;
    setOptions(this.#from, [...names.map((name) => [name, name] as const), [VTEP, 'another VTEP']]);
    if (wasEmpty && names[0] !== undefined) this.#from.value = names[0];
    const isVtep = this.#from.value === VTEP;
    byId('trace-vtep-label', HTMLElement).hidden = !isVtep;
    this.#vtep.required = isVtep;
    // The datapath makes up frames of VNICs alone.
    for (const option of this.#kind.options) option.disabled = isVtep && option.value !== 'frame';
    this.#kind.value = isVtep ? 'frame' : this.#wanted;
    const value = VALUES[this.#kind.value as Kind];
    byId('trace-value-label', HTMLElement).hidden = value === null;
    this.#value.required = value !== null;
    if (value === null) return;
    setText(byId('trace-value-name', HTMLElement), value[0]);
    this.#value.placeholder = value[1];
  }

  async #ask(): Promise<void> {
    const kind = this.#kind.value as Kind;
    const from = this.#from.value === VTEP ? this.#vtep.value.trim() : this.#from.value;
    const asked = { from, [kind]: kind === 'dhcp' ? true : this.#value.value.trim() };
    this.#result.replaceChildren(element('p', { class: 'more' }, 'Asking …'));
    try {
      const path = `overlays/${encodeURIComponent(this.#overlay.value)}/trace`;
      this.#show(await post<TraceView>(path, asked));
    } catch (thrown) {
      this.#result.replaceChildren(element('p', { class: 'refusal' }, this.#onFailed(thrown)));
    }
  }

  #show({ from, steps, end, reason }: TraceView): void {
    const items = [{ step: 'from', says: from }, ...steps].map(({ step, says }) => {
      return element('li', {}, element('span', {}, step), element('span', {}, says));
    });
    const mark = reason === null ? '● ' : '▲ ';
    const last = element('p', { class: reason === null ? 'end' : 'end dropped' }, `${mark}The frame ${end}`);
    this.#result.replaceChildren(element('ol', {}, ...items), last);
  }
}
