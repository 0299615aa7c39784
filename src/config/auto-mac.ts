/** `mac: auto`: a MAC that stays the same as long as overlay, VNIC and machine are the same. */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { machineIdMissing, messageOf } from '../errors.js';

const MACHINE_ID = '/etc/machine-id';

/**
 * Locally administered, of one host, in canonical text. The machine id is the key of an HMAC-SHA256, for it is not to
 * be seen on networks (machine-id(5)). Throws when the machine has none.
 */
export function autoMac(overlay: string, vnic: string, path = MACHINE_ID): string {
  const bytes = createHmac('sha256', machineId(path)).update(`${overlay}/${vnic}`).digest().subarray(0, 6);
  bytes[0] = (bytes[0]! & 0xfc) | 0x02;
  return bytes.toString('hex').match(/../g)!.join(':');
}

/** As systemd writes it; an image that has not been started yet may say `uninitialized`. */
function machineId(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (thrown) {
    throw machineIdMissing(path, messageOf(thrown));
  }
  if (!/^[0-9a-f]{32}$/.test(text)) throw machineIdMissing(path, 'it is not 32 hexadecimal digits');
  return text;
}
