/** Captures: tcpdump writes them, tshark reads them back. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../../src/demo/host.js';
import type { Running } from '../../src/demo/processes.js';
import { eventually } from './support.js';

let captures = 0;
/** Bytes of a file without packets. */
const FILE_HEADER = 24;

/** One layer of a packet as `tshark -T json` tells it: field name to text, nested. */
export type Packet = Readonly<Record<string, string[]>>;

export class Capture {
  readonly file: string;
  #host: Host;
  #tcpdump: Running;
  /** What tshark was asked last, of which state of the file, and what it said. */
  #last = { question: '', text: '' };

  private constructor(host: Host, file: string, tcpdump: Running) {
    this.#host = host;
    this.file = file;
    this.#tcpdump = tcpdump;
  }

  /**
   * Captures on an interface of a host from now on. `filter` is libpcap's; `direction` as the interface sees it.
   */
  static async start(host: Host, device: string, filter: string, direction: 'in' | 'out' | 'inout' = 'inout') {
    captures += 1;
    const file = join(host.dir, `capture-${captures}.pcap`);
    const sizes = ['-s', '2048', '-B', '8192']; // without the first, few frames fit in the buffer, and bursts are lost
    const argv = ['tcpdump', '-Z', 'root', '--immediate-mode', '-U', '-n', ...sizes, '-i', device, '-Q', direction];
    const tcpdump = host.spawn([...argv, '-w', file, ...(filter === '' ? [] : [filter])], { timeoutMs: 120_000 });
    await tcpdump.printed(/listening on/);
    return new Capture(host, file, tcpdump);
  }

  /** Ends the capture; answers the fields of every packet that the display filter lets through. */
  async stop(fields: readonly string[], display = '', ...options: string[]): Promise<Packet[]> {
    if (!this.#tcpdump.ended) {
      await eventually('tcpdump has read all that has come, and sleeps', async () =>
        /\) S /.test(readFileSync(`/proc/${this.#tcpdump.pid}/stat`, 'utf8')),
      );
      await this.#tcpdump.stop('SIGINT');
    }
    return this.dissect(fields, display, ...options);
  }

  /** The same from what lies in the file now. */
  async dissect(fields: readonly string[], display = '', ...options: string[]): Promise<Packet[]> {
    const columns = fields.flatMap((field) => ['-e', field]);
    const only = display === '' ? [] : ['-Y', display];
    const argv = ['tshark', '-r', this.file, '-n', '-T', 'fields', '-E', 'separator=/t', '-E', 'aggregator=;'];
    return (await this.#ask([...argv, ...options, ...only, ...columns]))
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => packet(fields, line));
  }

  /** Starts tshark only where the file is another than the last time: a test that waits asks again and again. */
  async #ask(argv: readonly string[]): Promise<string> {
    const { size, mtimeMs } = statSync(this.file);
    if (size === FILE_HEADER) return '';
    const question = JSON.stringify([size, mtimeMs, argv]);
    if (question !== this.#last.question) this.#last = { question, text: await this.#host.exec(...argv) };
    return this.#last.text;
  }
}

function packet(fields: readonly string[], line: string): Packet {
  const cells = line.split('\t');
  return Object.fromEntries(
    fields.map((field, i) => [field, (cells[i] ?? '').split(';').filter((cell) => cell !== '')]),
  );
}
