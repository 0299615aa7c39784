/** The file of the `files` plugin: three hosts that stay, and many that come, move and go. */
import { renameSync, writeFileSync } from 'node:fs';
import { macFromNumber } from '../../src/address.js';
import { MACS } from './names.js';

const PASSERS_BY = 1000;
const FIRST_MAC = 0x0250a4100000;
/** Every so often somebody makes a mistake. */
const BROKEN_EVERY = 7;

/** The `version`th text of it, renamed into place; every seventh is no JSON, and the daemons keep what they have. */
export function writeTable(path: string, version: number): void {
  const entries: Record<string, object> = {};
  for (const [index, mac] of MACS.entries()) {
    entries[mac] = { ip: `10.88.0.${index + 1}`, arp: `10.77.0.${index + 1}`, ndp: `fd77::${index + 1}` };
  }
  for (let i = 0; i < PASSERS_BY; i++) {
    const number = i + (version % 5) * 100; // a tenth goes, a tenth comes
    entries[macFromNumber(FIRST_MAC + number)] = {
      ip: `10.88.0.${100 + ((number + version) % 50)}`,
      arp: `10.77.${64 + (number >> 8)}.${number & 255}`,
    };
  }
  const text = JSON.stringify(entries, null, 1);
  const isBroken = version % BROKEN_EVERY === BROKEN_EVERY - 1;
  writeFileSync(`${path}.new`, isBroken ? text.slice(0, -10) : text);
  renameSync(`${path}.new`, path);
}
