/**
 * Flood lists in the shared memory. A list is written where none is read, published by one store of its number, and its
 * place is used again when no worker can still read it.
 */
import {
  FLOOD_BASE,
  FLOOD_COUNT,
  FLOOD_ENDPOINTS,
  FLOOD_LIST_SIZE,
  FLOOD_LISTS_MAX,
  FLOOD_MAX,
} from '../../assembly/layout.js';
import type { Endpoint } from '../address.js';
import { endpointsFull, tableFull } from '../errors.js';
import type { Endpoints } from './endpoints.js';
import { Indexes } from './indexes.js';
import type { Views } from './memory.js';
import type { SocketIndex } from './types.js';

/** The number of a list; 0 is the one without endpoints. */
export type FloodList = number;

const listAt = (list: FloodList): number => (FLOOD_BASE + list * FLOOD_LIST_SIZE) >> 2;

export class FloodLists {
  readonly #views: Views;
  readonly #endpoints: Endpoints;
  readonly #lists = new Indexes(FLOOD_LISTS_MAX);

  constructor(views: Views, endpoints: Endpoints) {
    this.#views = views;
    this.#endpoints = endpoints;
  }

  /**
   * The list of these endpoints, which `socket` sends to: `current` if it is that, else a new one. Throws when a table
   * is full.
   */
  write(endpoints: readonly Endpoint[], current: FloodList, socket: SocketIndex): FloodList {
    const indexes = [...new Set(endpoints.map((endpoint) => this.#intern(endpoint, socket)))];
    if (indexes.length > FLOOD_MAX) throw tableFull('endpoints to flood to', FLOOD_MAX);
    if (indexes.length === 0) return 0;
    const known = this.at(current);
    if (known.length === indexes.length && known.every((index, place) => index === indexes[place])) return current;
    const list = this.#lists.take();
    if (list === 0) throw tableFull('flood lists', FLOOD_LISTS_MAX - 1);
    const { u32 } = this.#views;
    u32[listAt(list) + (FLOOD_COUNT >> 2)] = indexes.length;
    u32.set(indexes, listAt(list) + (FLOOD_ENDPOINTS >> 2));
    return list;
  }

  #intern(endpoint: Endpoint, socket: SocketIndex): number {
    const index = this.#endpoints.intern(endpoint, socket);
    if (index === 0) throw endpointsFull();
    return index;
  }

  /** The indexes of its endpoints. */
  at(list: FloodList): Uint32Array {
    if (list === 0) return new Uint32Array();
    const first = listAt(list) + (FLOOD_ENDPOINTS >> 2);
    return this.#views.u32.subarray(first, first + this.#views.u32[listAt(list) + (FLOOD_COUNT >> 2)]!);
  }

  /** No worker can still read it. */
  release(list: FloodList): void {
    if (list !== 0) this.#lists.give(list);
  }
}
