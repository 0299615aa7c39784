/** `vxlane capture` on a host of a laboratory, its file read back by tshark. */
import assert from 'node:assert/strict';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Host } from '../../src/demo/host.js';
import type { Running } from '../../src/demo/processes.js';
import { eventually } from './support.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

/** How `vxlane ARGS` is started on a host. */
export function vxlaneArgv(host: Host, ...args: string[]): string[] {
  return ['env', `VXLANE_SOCKET=${host.socket}`, process.execPath, MAIN, ...args];
}

/** What tshark says of a packet; names of fields are the keys, of outer and inner headers in that order. */
export type Fields = Readonly<Record<string, string[]>>;

const COMMENT = 'frame.comment';
export const FIELDS = [
  ...['frame.interface_name', 'frame.packet_flags_direction', COMMENT, 'frame.len', 'frame.cap_len'],
  ...['eth.src', 'ip.src', 'ip.dst', 'ip.ttl', 'udp.dstport', 'vxlan.vni', 'icmp.type', '_ws.malformed'],
];

let files = 0;

export class Captured {
  readonly file: string;
  readonly #host: Host;
  readonly running: Running;

  private constructor(host: Host, file: string, running: Running) {
    this.#host = host;
    this.file = file;
    this.running = running;
  }

  static async start(host: Host, ...args: string[]): Promise<Captured> {
    const file = join(host.dir, `captured-${++files}.pcapng`);
    const running = host.spawn(vxlaneArgv(host, 'capture', '-w', file, ...args), { timeoutMs: 120_000 });
    await eventually('the capture has begun', async () => {
      assert.ok(!running.ended, running.stderr);
      return existsSync(file) && statSync(file).size > 0;
    });
    return new Captured(host, file, running);
  }

  /** Ends it, if it has not ended by itself; answers what it said then, and the packets. */
  async stop(): Promise<{ said: string; packets: Fields[] }> {
    const { code, stderr } = await this.running.stop('SIGINT');
    assert.equal(code, 0, stderr);
    return { said: stderr.trim(), packets: await this.packets() };
  }

  async packets(): Promise<Fields[]> {
    const columns = FIELDS.flatMap((field) => ['-e', field]);
    const text = await this.#host.exec('tshark', '-n', '-r', this.file, '-T', 'json', ...columns);
    const parsed = JSON.parse(text) as { _source: { layers: Fields } }[];
    return parsed.map(({ _source: { layers } }) => layers);
  }
}

/** Interface, direction (1: into vxlane, 2: out of it) and comment. */
export function sightOf(packet: Fields): string {
  const of = (field: string) => packet[field]?.[0] ?? '?';
  return `${of('frame.interface_name')} ${Number(of('frame.packet_flags_direction'))} ${of(COMMENT)}`;
}
