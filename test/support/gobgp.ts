/** A real GoBGP for tests: its API on a free port of the loopback, no BGP port, gone when the test is. */
import { execFile, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from './ports.js';
import { ServerProcess } from './server-process.js';

const READY_MS = 30_000;
export const AS = 65_000;
export const ROUTER_ID = '192.0.2.9';

/** A type 2 route as `gobgp global rib add` takes it. */
export interface MacRouteWords {
  readonly mac: string;
  readonly ip?: string;
  readonly vtep: string;
  readonly rd?: string;
  readonly target?: string;
  readonly label?: number;
}

/** What its file says. */
export interface GoBgpConfiguration {
  readonly asn?: number;
  readonly routerId?: string;
  /** Where it takes BGP sessions; -1: nowhere. */
  readonly bgpPort?: number;
  /** More of the file. */
  readonly neighbours?: string;
}

export class GoBgp extends ServerProcess {
  readonly endpoint: string;
  readonly #port = freePort();
  readonly #options: readonly string[];
  #configuration: GoBgpConfiguration;

  private constructor(options: readonly string[], configuration: GoBgpConfiguration = {}) {
    super('gobgp');
    this.#configuration = configuration;
    this.endpoint = `127.0.0.1:${this.#port}`;
    this.#options = options;
  }

  /** `options`: more of the daemon's. */
  static async start(...options: readonly string[]): Promise<GoBgp> {
    const server = new GoBgp(options);
    await server.start();
    return server;
  }

  /** Otherwise configured than the tests' usual one; `options`: more of the daemon's. */
  static async of(configuration: GoBgpConfiguration, ...options: readonly string[]): Promise<GoBgp> {
    const server = new GoBgp(options, configuration);
    await server.start();
    return server;
  }

  /** Starts it on the same port, knowing nothing. */
  async start(configuration = this.#configuration): Promise<void> {
    this.#configuration = configuration;
    const { asn = AS, routerId = ROUTER_ID, bgpPort = -1, neighbours = '' } = configuration;
    const file = join(this.directory, 'gobgpd.toml');
    const words = `[global.config]\n  as = ${asn}\n  router-id = "${routerId}"\n  port = ${bgpPort}\n`;
    writeFileSync(file, `${words}  local-address-list = ["127.0.0.1"]\n${neighbours}`);
    const args = ['-f', file, '--api-hosts', this.endpoint, '--pprof-disable', '-p', ...this.#options];
    const child = spawn('gobgpd', args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const log: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => log.push(text.toString()));
    this.process = child;
    for (const deadline = Date.now() + READY_MS; ; await setTimeout(20)) {
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`gobgpd: ${log.join('')}`);
      if (log.some((text) => text.includes('Finished reading the config file'))) return;
    }
  }

  /** What the command line client prints. */
  ctl(...args: readonly string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const all = ['-p', String(this.#port), ...args];
      execFile('gobgp', all, { maxBuffer: 2 ** 28, timeout: READY_MS }, (error, stdout) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${error.message}${stdout}`));
      });
    });
  }

  async mac(route: MacRouteWords, what: 'add' | 'del' = 'add'): Promise<void> {
    const { mac, ip = '0.0.0.0', vtep, target = `${AS}:23`, label = 23 } = route;
    const rd = route.rd ?? `${vtep}:23`;
    const words = ['macadv', mac, ip, 'etag', '0', 'label', String(label), 'rd', rd, 'rt', target, 'encap', 'vxlan'];
    await this.ctl('global', 'rib', '-a', 'evpn', what, ...words, 'nexthop', vtep);
  }

  async vtep(vtep: string, what: 'add' | 'del' = 'add'): Promise<void> {
    const words = ['multicast', vtep, 'etag', '0', 'rd', `${vtep}:23`, 'rt', `${AS}:23`, 'encap', 'vxlan'];
    const tunnel = ['pmsi', 'ingress-repl', '23', vtep];
    await this.ctl('global', 'rib', '-a', 'evpn', what, ...words, ...tunnel, 'nexthop', vtep);
  }

  /** Lines of its table that mention `text`. */
  async routes(text: string): Promise<string[]> {
    const printed = await this.ctl('global', 'rib', '-a', 'evpn');
    return printed.split('\n').filter((line) => line.startsWith('*') && line.includes(text));
  }
}
