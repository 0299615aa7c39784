/** A real etcd for tests: on free ports of the loopback, in a directory of its own, gone when the test is. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { freePort } from './ports.js';
import { needsPrograms, ServerProcess } from './server-process.js';

const READY_MS = 30_000;

/** For the `skip` option of node:test. */
export const needsEtcd = () => needsPrograms('etcd');

export interface EtcdOptions {
  /** Added to etcd's command line. */
  readonly args?: readonly string[];
  /** For etcdctl: `--cacert`, `--user`, … */
  readonly ctlArgs?: readonly string[];
  readonly scheme?: 'http' | 'https';
}

export class EtcdServer extends ServerProcess {
  /** Where clients find it: `http://127.0.0.1:PORT`. */
  endpoint: string;
  /** For etcdctl, may be changed. */
  ctlArgs: readonly string[];
  readonly #peer: string;
  readonly #args: readonly string[];

  private constructor(ports: readonly number[], { args = [], ctlArgs = [], scheme = 'http' }: EtcdOptions) {
    super('etcd');
    this.endpoint = `${scheme}://127.0.0.1:${ports[0]}`;
    this.#peer = `http://127.0.0.1:${ports[1]}`;
    this.#args = args;
    this.ctlArgs = ctlArgs;
  }

  static async start(options: EtcdOptions = {}): Promise<EtcdServer> {
    const server = new EtcdServer([freePort(), freePort()], options);
    await server.start();
    return server;
  }

  /** Starts etcd on the same ports and the same data. */
  async start(): Promise<void> {
    const [client, peer] = [this.endpoint, this.#peer];
    const log: string[] = [];
    const args = [
      ...['--name', 'one', '--data-dir', this.directory, '--heartbeat-interval', '10', '--election-timeout', '100'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer],
      ...['--initial-advertise-peer-urls', peer, '--initial-cluster', `one=${peer}`, ...this.#args],
    ];
    // Elsewhere than on amd64 etcd 3.4 starts only when told so.
    const env = { PATH: process.env.PATH, ETCD_UNSUPPORTED_ARCH: process.arch, GOMAXPROCS: '2' };
    const child = spawn('etcd', args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.setEncoding('utf8').on('data', (text: string) => log.push(text));
    this.process = child;
    const deadline = Date.now() + READY_MS;
    while (true) {
      const health = await this.ctl('endpoint', 'health').catch((error: Error) => error);
      if (!(health instanceof Error)) return;
      if (child.exitCode !== null || Date.now() > deadline) throw new Error(`etcd: ${health.message}\n${log.join('')}`);
      await setTimeout(20);
    }
  }

  /** Lets something happen to the data of this dead etcd that nobody who knows its address can see. */
  async elsewhere(happen: (elsewhere: EtcdServer) => Promise<unknown>): Promise<void> {
    const port = freePort();
    const home = this.endpoint;
    this.endpoint = home.replace(/\d+$/, String(port));
    try {
      await this.start();
      await happen(this);
    } finally {
      await this.kill();
      this.endpoint = home;
    }
  }

  /** Removes what it knows; only while it is not running. */
  forget(): void {
    rmSync(join(this.directory, 'member'), { recursive: true, force: true });
  }

  /** What etcdctl prints. */
  ctl(...args: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const all = ['--endpoints', this.endpoint, '--dial-timeout', '2s', ...this.ctlArgs, ...args];
      const env = { PATH: process.env.PATH, ETCDCTL_API: '3' };
      execFile('etcdctl', all, { env, maxBuffer: 2 ** 28 }, (error, stdout) => {
        if (error === null) resolve(stdout);
        else reject(error);
      });
    });
  }

  async put(key: string, value: string | object): Promise<void> {
    await this.ctl('put', key, typeof value === 'string' ? value : JSON.stringify(value));
  }

  /** The store's revision. */
  async revision(): Promise<number> {
    const [status] = JSON.parse(await this.ctl('endpoint', 'status', '-w', 'json'));
    return status.Status.header.revision;
  }

  /** Everything under a prefix as etcdctl reads it. */
  async all(prefix: string): Promise<Map<string, { value: string; revision: number }>> {
    const { kvs = [] } = JSON.parse(await this.ctl('get', '--prefix', prefix, '-w', 'json'));
    const text = (base64: string | undefined) => Buffer.from(base64 ?? '', 'base64').toString();
    // biome-ignore lint/suspicious/noExplicitAny: JSON of etcdctl
    return new Map(kvs.map((kv: any) => [text(kv.key), { value: text(kv.value), revision: kv.mod_revision }]));
  }
}

/** A certificate for 127.0.0.1, signed by itself or by an authority made before in `directory`. */
export function certificate(directory: string, name: string, authority?: string): { cert: string; key: string } {
  const [cert, key] = [join(directory, `${name}.pem`), join(directory, `${name}-key.pem`)];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert];
  const by = authority === undefined ? [] : ['-CA', join(directory, `${authority}.pem`)];
  const byKey = authority === undefined ? [] : ['-CAkey', join(directory, `${authority}-key.pem`)];
  execFileSync('openssl', [...made, ...subject, ...by, ...byKey], { stdio: 'pipe' });
  return { cert, key };
}
