/**
 * Early drop (`bpf/early-drop.ts`): its tables, and the program at each listener of a UDP socket. All ends with its
 * descriptors, and a program with the socket it is attached to.
 */
import { randomInt } from 'node:crypto';
import { BpfMap, loadSocketProgram } from './bpf/bpf.js';
import { onListener } from './bpf/early-drop.js';
import {
  ANY_OVERLAY,
  ANYBODY_KEY,
  CHECKS_SENDER,
  type EarlyDropTables,
  IS_STRICT,
  PAUSE_KEY,
  SLOT_BYTES,
  SLOT_DATAGRAMS,
  SLOT_SIZE,
  Slots,
  SPECIAL_KEYS,
  VNI_KEY_SIZE,
  VNI_VALUE_SIZE,
  VTEP_KEY_SIZE,
  VTEP_VALUE_SIZE,
  vniKey,
  vtepKey,
} from './bpf/early-drop-tables.js';
import { assemble } from './bpf/instructions.js';
import { close as libcClose } from './libc.js';
import { attachProgram } from './socket-filter.js';

export type { EarlyDropTables } from './bpf/early-drop-tables.js';
export { NOBODYS_RULES, OVERLAY_RULES, socketWord } from './bpf/early-drop-tables.js';

/** Whose program it is: of which family, for which socket of the datapath's, and where it counts. */
export interface Listener {
  readonly family: 4 | 6;
  /** As programs know it (socketWord). */
  readonly socket: number;
  readonly number: number;
}

export interface EarlyDropSizes {
  /** Numbers of listeners are below this, ... */
  readonly listeners: number;
  /** ... indexes of overlays below this, from 1 on. */
  readonly overlays: number;
  /** Most known VTEPs of all overlays together. */
  readonly vteps: number;
}

export interface VniRules {
  readonly overlay: number;
  readonly socket: number;
  /** A sender has to be a known VTEP. */
  readonly checksSender: boolean;
  /** Reserved bits of the header have to be zero. */
  readonly isStrict: boolean;
}

/** What was dropped. */
export interface EarlyDropped {
  readonly datagrams: number;
  /** Behind the UDP headers. */
  readonly bytes: number;
}

type Rule = Parameters<Slots['rule']>[1];

export class EarlyDropKernel {
  readonly tables: EarlyDropTables;
  readonly #vnis: BpfMap;
  readonly #vteps: BpfMap;
  readonly #slots: BpfMap;
  #opened: number[] = [];
  /** VNIs that take datagrams from anybody, by socket. */
  readonly #open = new Map<number, Set<number>>();
  /** How many overlays know a VTEP. */
  readonly #known = new Map<string, number>();

  /** Throws a {@link SystemError}, as where this process may not use eBPF. */
  constructor({ listeners, overlays, vteps }: EarlyDropSizes) {
    const places = new Slots(listeners, overlays);
    try {
      const vniSizes = { keySize: VNI_KEY_SIZE, valueSize: VNI_VALUE_SIZE };
      this.#vnis = this.#table('vxlane_vnis', { ...vniSizes, entries: overlays + SPECIAL_KEYS, type: 'whole-hash' });
      const vtepSizes = { keySize: VTEP_KEY_SIZE, valueSize: VTEP_VALUE_SIZE };
      this.#vteps = this.#table('vxlane_vteps', { ...vtepSizes, entries: vteps * 2 });
      this.#slots = this.#table('vxlane_slots', {
        ...{ keySize: 4, valueSize: SLOT_SIZE, entries: places.count, type: 'array' },
      });
      const maps = { vnis: this.#vnis.fd, vteps: this.#vteps.fd, slots: this.#slots.fd };
      this.tables = { ...maps, places, spread: randomInt(2 ** 30) * 2 + 1 };
    } catch (thrown) {
      this.close();
      throw thrown;
    }
  }

  #table(...options: ConstructorParameters<typeof BpfMap>): BpfMap {
    const map = new BpfMap(...options);
    this.#opened.push(map.fd);
    return map;
  }

  /** Never fails for want of room. */
  putVni(vni: number, { overlay, socket, checksSender, isStrict }: VniRules): void {
    const value = Buffer.alloc(VNI_VALUE_SIZE);
    value.writeUInt32LE(this.#firstOf(overlay), 0);
    value.writeUInt32LE((checksSender ? CHECKS_SENDER : 0) | (isStrict ? IS_STRICT : 0), 4);
    if (!checksSender) this.#opens(vni, socket);
    this.#vnis.put(vniKey(vni, socket), value);
    if (checksSender) this.#closes(vni, socket);
  }

  #opens(vni: number, socket: number): void {
    const open = this.#open.get(socket) ?? new Set();
    if (open.size === 0) this.#vnis.put(key(ANYBODY_KEY + socket), Buffer.alloc(VNI_VALUE_SIZE));
    this.#open.set(socket, open.add(vni));
  }

  #closes(vni: number, socket: number): void {
    const open = this.#open.get(socket);
    if (open?.delete(vni) && open.size === 0) this.#vnis.delete(key(ANYBODY_KEY + socket));
  }

  /** Everything passes, until {@link resume}. */
  pause(): void {
    this.#vnis.put(key(PAUSE_KEY), Buffer.alloc(VNI_VALUE_SIZE));
  }

  resume(): void {
    this.#vnis.delete(key(PAUSE_KEY));
  }

  deleteVni(vni: number, socket: number): void {
    this.#vnis.delete(vniKey(vni, socket));
    this.#closes(vni, socket);
  }

  /** One that the overlay does not know yet. Throws where there is no room; then nothing has changed. */
  putVtep(overlay: number, ip: string): void {
    const overlays = this.#known.get(ip) ?? 0;
    const value = Buffer.alloc(VTEP_VALUE_SIZE);
    if (overlays === 0) this.#vteps.put(vtepKey(ANY_OVERLAY, ip), value);
    try {
      this.#vteps.put(vtepKey(this.#firstOf(overlay), ip), value);
    } catch (thrown) {
      if (overlays === 0) this.#vteps.delete(vtepKey(ANY_OVERLAY, ip));
      throw thrown;
    }
    this.#known.set(ip, overlays + 1);
  }

  /** One that was put. */
  deleteVtep(overlay: number, ip: string): void {
    this.#vteps.delete(vtepKey(this.#firstOf(overlay), ip));
    const overlays = this.#known.get(ip)! - 1;
    if (overlays > 0) this.#known.set(ip, overlays);
    else {
      this.#known.delete(ip);
      this.#vteps.delete(vtepKey(ANY_OVERLAY, ip));
    }
  }

  #firstOf(overlay: number): number {
    return this.tables.places.rule(overlay, 'source_unknown');
  }

  /** From now on at a listener, which counts from 0, in place of a filter that it has. */
  attach(fd: number, listener: Listener): void {
    this.#slots.put(key(this.tables.places.listener(listener.number)), Buffer.alloc(SLOT_SIZE));
    const program = this.#load(listener);
    try {
      attachProgram(fd, program);
    } finally {
      libcClose(program); // the socket holds it
    }
  }

  #load({ family, socket, number }: Listener): number {
    const slot = this.tables.places.listener(number);
    return loadSocketProgram('vxlane_early', assemble(onListener(this.tables, family, socket, slot)));
  }

  /** Of all listeners and interfaces. */
  total(): EarlyDropped {
    return dropped(this.#slots.get(key(this.tables.places.all)), 0);
  }

  atListener(number: number): EarlyDropped {
    return dropped(this.#slots.get(key(this.tables.places.listener(number))), 0);
  }

  /** By an overlay and a rule, of the overlays below `overlays`; 0: what belongs to none. */
  byRule(overlays: number): (overlay: number, rule: Rule) => EarlyDropped {
    const { places } = this.tables;
    const slots = this.#slots.first(places.rule(overlays, 'source_unknown'));
    return (overlay, rule) => dropped(slots, places.rule(overlay, rule) * SLOT_SIZE);
  }

  /** Listeners keep their programs, and those the tables. Closing twice is harmless. */
  close(): void {
    for (const fd of this.#opened.splice(0)) libcClose(fd);
  }
}

function key(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function dropped(slots: Buffer, at: number): EarlyDropped {
  return {
    datagrams: Number(slots.readBigUInt64LE(at + SLOT_DATAGRAMS)),
    bytes: Number(slots.readBigUInt64LE(at + SLOT_BYTES)),
  };
}
