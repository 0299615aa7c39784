/**
 * A large table before the daemon starts: the file of the `files` plugin, and as many static targets in the daemon's
 * state, because the plugin is asked only for what frames ask for, and an entry that nobody asked for would not be in
 * the FDB.
 */
import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { macFromNumber } from '../../src/address.js';
import type { Host } from '../../src/demo/host.js';
import { UNDERLAY } from './tunnel.js';
import { vnicMac } from './vnic-mac.js';

export interface Table {
  readonly overlay: string;
  readonly vni: number;
  readonly port: number;
  readonly entries: number;
  readonly properties: Readonly<Record<string, string>>;
}

const FIRST_MAC = 0x020000000000;
const VTEPS = 4000;
const LINES_PER_CHUNK = 1000;

export async function seedTable(host: Host, number: number, table: Table): Promise<void> {
  const config = join(host.dir, 'hosts.json');
  const { overlay, vni, entries, port } = table;
  const lines = hostLines(number, port);
  await write(config, '{', '}', entries, (i) => lines[i] ?? `${mac(i)}: { "ip": "${vtep(i)}", "port": ${port} }`);

  const folder = join(host.dir, 'state', 'overlays');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const properties = { ...table.properties, 'files/config': config };
  const head = JSON.stringify({ version: 1, name: overlay, vni, encap: 'vxlan', search: 'files', properties });
  const target = (i: number) => `${mac(i)}: "${vtep(i)}:${port}"`;
  await write(join(folder, `${overlay}.json`), `${head.slice(0, -1)},"targets":{`, '}}', entries, target);
}

/** The two VNICs that there really are; they own their addresses, so that ARP is answered here. */
function hostLines(number: number, port: number): string[] {
  return ([0, 1] as const).map((side) => {
    const entry = { ip: UNDERLAY[side], port, arp: `10.51.${number}.${side + 1}` };
    return `"${vnicMac(number, side)}": ${JSON.stringify(entry)}`;
  });
}

const mac = (i: number): string => `"${macFromNumber(FIRST_MAC + i)}"`;
const vtep = (i: number): string => `172.16.${(i % VTEPS) >> 8}.${(i % VTEPS) & 255}`;

function write(path: string, head: string, tail: string, count: number, line: (i: number) => string): Promise<void> {
  function* text(): Generator<string> {
    yield head;
    for (let first = 0; first < count; first += LINES_PER_CHUNK) {
      const chunk = Array.from({ length: Math.min(LINES_PER_CHUNK, count - first) }, (_, i) => line(first + i));
      yield `${first === 0 ? '' : ','}\n${chunk.join(',\n')}`;
    }
    yield `\n${tail}\n`;
  }
  return pipeline(Readable.from(text()), createWriteStream(path));
}
