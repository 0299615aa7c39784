/** A leaf with FRR and a host with GoBGP, by the configurations of docs/evpn.md as they stand there. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Running } from '../../src/demo/processes.js';
import { eventually, type Host, type Lab } from './support.js';

const FRR = '/usr/lib/frr';
export const NEEDED = ['iperf3', 'gobgpd', 'gobgp', 'vtysh', `${FRR}/bgpd`, `${FRR}/zebra`] as const;

/** FRR's zebra and bgpd, with a configuration and a runtime directory of their own. */
export class Frr {
  readonly #host: Host;
  readonly #dir: string;
  readonly #bgpd: Running;

  private constructor(host: Host, dir: string, bgpd: Running) {
    this.#host = host;
    this.#dir = dir;
    this.#bgpd = bgpd;
  }

  static async start(lab: Lab, host: Host, configuration: string): Promise<Frr> {
    const dir = join(lab.dir, `frr-${host.name}`);
    mkdirSync(dir);
    writeFileSync(join(dir, 'zebra.conf'), '');
    writeFileSync(join(dir, 'bgpd.conf'), configuration);
    await host.exec('chown', '-R', 'frr:frr', dir);
    const own = (name: string) => [
      '-f',
      join(dir, `${name}.conf`),
      '-i',
      join(dir, `${name}.pid`),
      '--vty_socket',
      dir,
    ];
    const common = ['-z', join(dir, 'zserv.api'), '-A', '127.0.0.1', '-u', 'frr', '-g', 'frr', '--log', 'stdout'];
    const startOne = async (name: string) => {
      const running = host.spawn([join(FRR, name), ...own(name), ...common], { timeoutMs: 230_000 });
      const answers = async () => (await host.try(['test', '-S', join(dir, `${name}.vty`)])).code === 0;
      await eventually(`${name} answers`, answers);
      return running;
    };
    await startOne('zebra');
    return new Frr(host, dir, await startOne('bgpd'));
  }

  async killBgp(): Promise<void> {
    await this.#bgpd.stop('SIGKILL');
  }

  async show(command: string): Promise<string> {
    return this.#host.exec('vtysh', '--vty_socket', this.#dir, '-c', command);
  }

  /** The line of a MAC in `show evpn mac vni 23`, as words; none: it is not there. */
  async mac(mac: string): Promise<string[]> {
    const lines = (await this.show('show evpn mac vni 23')).split('\n');
    return lines.find((line) => line.startsWith(mac))?.split(/\s+/) ?? [];
  }

  /** The sequence number of a MAC's own route here, and of the latest that was heard. */
  async sequences(mac: string): Promise<readonly number[]> {
    const words = await this.mac(mac);
    return (words.at(-1) === '' ? words.at(-2) : words.at(-1))?.split('/').map(Number) ?? [];
  }
}

/** GoBGP with its API on the loopback of its host. */
export class HostGoBgp {
  readonly #host: Host;
  readonly #file: string;
  #process: Running | null = null;

  constructor(lab: Lab, host: Host, configuration: string) {
    this.#host = host;
    this.#file = join(lab.dir, `gobgpd-${host.name}.toml`);
    writeFileSync(this.#file, configuration);
  }

  async start(): Promise<void> {
    const argv = ['gobgpd', '-f', this.#file, '-p', '--api-hosts', '127.0.0.1:50051', '--pprof-disable'];
    this.#process = this.#host.spawn(argv, { timeoutMs: 230_000 });
    await this.#process.printed(/Finished reading the config file/);
  }

  async kill(): Promise<void> {
    await this.#process?.stop('SIGKILL');
  }

  /** It has this neighbour no more. */
  async forget(neighbour: string): Promise<void> {
    await this.#host.exec('gobgp', 'neighbor', 'del', neighbour);
  }

  /** Another VTEP tells of a MAC, or takes it back. */
  async tell(mac: string, vtep: string, what: 'add' | 'del' = 'add'): Promise<void> {
    const words = ['etag', '0', 'label', '23', 'rd', `${vtep}:23`, 'rt', '65000:23', 'encap', 'vxlan', 'nexthop', vtep];
    await this.#host.exec('gobgp', 'global', 'rib', '-a', 'evpn', what, 'macadv', mac, '0.0.0.0', ...words);
  }

  /** Lines of its table that mention `text`. */
  async routes(text: string): Promise<string[]> {
    const printed = await this.#host.exec('gobgp', 'global', 'rib', '-a', 'evpn');
    return printed.split('\n').filter((line) => line.startsWith('*') && line.includes(text));
  }
}

/** What a TCP flow of a second carries, each way. */
export async function tcpRates(host: Host, other: Host, address: string): Promise<string> {
  const rates: string[] = [];
  for (const way of [[], ['-R']]) {
    const server = other.spawn(['iperf3', '-s', '-1', '--forceflush'], { timeoutMs: 60_000 });
    await server.printed(/listening/);
    const said = await host.exec('iperf3', '-c', address, '-t', '1', '-J', '--connect-timeout', '5000', ...way);
    await server.done;
    const bits = JSON.parse(said).end.sum_received.bits_per_second as number;
    assert.ok(bits > 0);
    rates.push(`${(bits / 1e9).toFixed(2)} Gbit/s ${way.length === 0 ? 'to' : 'from'} ${other.name}`);
  }
  return `TCP: ${rates.join(', ')}`;
}
