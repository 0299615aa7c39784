/** The `direct` plugin: every frame, broadcast included, goes to one endpoint. A point to point tunnel. */
import { VXLAN_PORT } from '../../../address.js';
import type { PointInstance, PointPlugin, PropertyValue, Target } from '../../api.js';
import { notUnicast } from '../underlay.js';

type Values = Readonly<Record<string, PropertyValue>>;

const DEST_IP = 'direct/dest_ip';
const DEST_PORT = 'direct/dest_port';

export const direct: PointPlugin = {
  name: 'direct',
  mode: 'point',
  properties: [
    { name: DEST_IP, type: 'ip', required: true, mutable: true, help: 'underlay address of the far end' },
    {
      name: DEST_PORT,
      type: 'uint',
      required: false,
      default: VXLAN_PORT,
      isTunnelPort: true,
      range: [1, 65535],
      mutable: true,
      help: 'UDP port of the far end',
    },
  ],
  create: (_context, values) => new DirectInstance(values),
};

class DirectInstance implements PointInstance {
  #values: Values;

  constructor(values: Values) {
    this.#values = values;
  }

  start(): void {
    endpointOf(this.#values);
  }

  target(): Target {
    return endpointOf(this.#values);
  }

  /** `values` may hold only what changed. Throws, and keeps the old ones, when they name no endpoint. */
  change(values: Values): void {
    const changed = { ...this.#values, ...values };
    endpointOf(changed);
    this.#values = changed;
  }

  stop(): void {}
}

function endpointOf(values: Values): Target {
  const ip = String(values[DEST_IP]);
  const reason = notUnicast(ip);
  if (reason !== null) throw new Error(`${DEST_IP}=${ip}: ${reason}; expected the address of one host`);
  return Object.freeze({ ip, port: Number(values[DEST_PORT] ?? VXLAN_PORT) });
}
