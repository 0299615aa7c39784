/**
 * The `flood` plugin: nobody is asked where a MAC is. Broadcasts and frames to unknown MACs go to every VTEP of a list,
 * or to a multicast group, and where MACs are is learned from what arrives (RFC 7348 section 4). So it talks with every
 * VTEP that has no control plane. Flooding and learning are the host's work; this says how.
 */
import { VXLAN_PORT } from '../../../address.js';
import type { DynamicInstance, DynamicPlugin, Flood, Learning, PropertyValue } from '../../api.js';
import { LIST_BYTES_MAX, LIST_MAX, parseExempt, parseGroup, parseList } from './list.js';

type Values = Readonly<Record<string, PropertyValue>>;

const ENDPOINTS = 'flood/endpoints';
const GROUP = 'flood/group';
const PORT = 'flood/port';
const LEARNING = 'flood/learning';
const AGEING = 'flood/ageing';
const LEARNING_MAX = 'flood/learning_max';
const ARP_SUPPRESS = 'flood/arp_suppress';
const ARP_AGEING = 'flood/arp_ageing';
const MOVE_LIMIT = 'flood/move_limit';
const MOVE_WINDOW = 'flood/move_window';
const MOVE_EXEMPT = 'flood/move_exempt';
const FREEZE = 'flood/freeze';

export const flood: DynamicPlugin = {
  name: 'flood',
  mode: 'dynamic',
  properties: [
    {
      name: ENDPOINTS,
      type: 'string',
      required: false,
      maxBytes: LIST_BYTES_MAX,
      mutable: true,
      help: `VTEPs that get a copy, at most ${LIST_MAX}: IP, IP:PORT or [IP6]:PORT, with commas between`,
    },
    { name: GROUP, type: 'ip', required: false, mutable: true, help: 'multicast group of the underlay, joined' },
    {
      name: PORT,
      type: 'uint',
      required: false,
      default: VXLAN_PORT,
      isTunnelPort: true,
      range: [1, 65535],
      mutable: true,
      help: 'UDP port of the group, of learned VTEPs, and of those listed without one',
    },
    {
      name: LEARNING,
      type: 'string',
      required: false,
      default: 'true',
      values: ['true', 'false'],
      mutable: true,
      help: 'learn where MACs are from what arrives; without it every frame is flooded',
    },
    {
      name: AGEING,
      type: 'uint',
      required: false,
      default: 300,
      range: [1, 86_400],
      mutable: true,
      help: 'seconds without a frame from a MAC after which it is forgotten',
    },
    {
      name: LEARNING_MAX,
      type: 'uint',
      required: false,
      default: 16_384,
      range: [1, 1_000_000],
      mutable: true,
      help: 'most MACs that are learned; frames to others are flooded',
    },
    {
      name: ARP_SUPPRESS,
      type: 'string',
      required: false,
      default: 'false',
      values: ['true', 'false'],
      mutable: true,
      help: 'answer ARP and neighbour solicitations for hosts elsewhere, from what they say of their addresses',
    },
    {
      name: ARP_AGEING,
      type: 'uint',
      required: false,
      default: 60,
      range: [1, 3600],
      mutable: true,
      help: 'seconds for which an address is answered for whose owner has not spoken of it again',
    },
    {
      name: MOVE_LIMIT,
      type: 'uint',
      required: false,
      default: 5,
      range: [1, 1000],
      mutable: true,
      help: 'moves of a MAC within flood/move_window that are nothing special; one more, and the operator is told',
    },
    {
      name: MOVE_WINDOW,
      type: 'uint',
      required: false,
      default: 180,
      range: [1, 86_400],
      mutable: true,
      help: 'seconds within which moves of a MAC are counted',
    },
    {
      name: FREEZE,
      type: 'uint',
      required: false,
      default: 'off',
      values: ['off'],
      range: [1, 86_400],
      mutable: true,
      help: 'seconds for which a MAC that moves too often stays where it was before; off: it is followed',
    },
    {
      name: MOVE_EXEMPT,
      type: 'string',
      required: false,
      default: '00:00:5e:00:01,00:00:5e:00:02',
      mutable: true,
      help: 'MACs, or how they begin, whose moves are not counted, with commas between; none: all are',
    },
  ],
  create: (_context, values) => new FloodInstance(values),
};

class FloodInstance implements DynamicInstance {
  #values: Values;
  #flood: Flood | null = null;

  constructor(values: Values) {
    this.#values = values;
  }

  start(): void {
    this.#flood = floodOf(this.#values);
  }

  /** `values` may hold only what changed. Throws, and keeps the old ones, when there is nowhere to flood to. */
  change(values: Values): void {
    const changed = { ...this.#values, ...values };
    this.#flood = floodOf(changed);
    this.#values = changed;
  }

  /** Only the operator knows where a MAC is, and static targets never come here. */
  lookup(): null {
    return null;
  }

  flood(): Flood {
    return this.#flood ?? floodOf(this.#values);
  }

  stop(): void {}
}

function floodOf(values: Values): Flood {
  const port = Number(values[PORT] ?? VXLAN_PORT);
  const [list, group] = [values[ENDPOINTS], values[GROUP]];
  const endpoints = list === undefined ? [] : parseList(ENDPOINTS, String(list), port);
  if (group !== undefined) endpoints.push(parseGroup(GROUP, String(group), port));
  if (endpoints.length === 0) throw new Error(`neither ${ENDPOINTS} nor ${GROUP} is set: expected one or both`);
  if (endpoints.length > LIST_MAX) {
    throw new Error(`${ENDPOINTS}: ${endpoints.length} destinations: expected at most ${LIST_MAX}, the group included`);
  }
  const flood: Flood = { endpoints: Object.freeze(endpoints), unknown: true };
  const suppresses = values[ARP_SUPPRESS] === 'true';
  if (values[LEARNING] === 'false' && suppresses) {
    throw new Error(`${ARP_SUPPRESS}=true: nothing is known of hosts elsewhere without ${LEARNING}; expected it true`);
  }
  if (values[LEARNING] === 'false') return Object.freeze(flood);
  const suppress = { ageing: Number(values[ARP_AGEING]) * 1000, max: Number(values[LEARNING_MAX]) };
  const learned = { ...flood, learn: learningOf(values, port) };
  return Object.freeze(suppresses ? { ...learned, suppress: Object.freeze(suppress) } : learned);
}

function learningOf(values: Values, port: number): Learning {
  const moves = Object.freeze({
    limit: Number(values[MOVE_LIMIT]),
    window: Number(values[MOVE_WINDOW]) * 1000,
    freeze: values[FREEZE] === 'off' ? null : Number(values[FREEZE]) * 1000,
    exempt: Object.freeze(parseExempt(MOVE_EXEMPT, String(values[MOVE_EXEMPT]))),
  });
  return Object.freeze({ ageing: Number(values[AGEING]) * 1000, max: Number(values[LEARNING_MAX]), port, moves });
}
