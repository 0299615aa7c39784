/** An etcd on the underlay of a laboratory. */
import assert from 'node:assert/strict';
import { eventually, type Host } from './support.js';

export const STORE = '10.88.88.10';
export const ENDPOINT = `http://${STORE}:2379`;
export const PREFIX = '/vxlane/23/';

/** A machine with etcd on the underlay. */
export class Store {
  readonly host: Host;
  readonly #directory: string;
  #etcd: ReturnType<Host['spawn']> | null = null;

  constructor(host: Host) {
    this.host = host;
    this.#directory = `${host.dir}/etcd`;
  }

  async start(): Promise<void> {
    const [peer, env] = [`http://${STORE}:2380`, { ETCD_UNSUPPORTED_ARCH: process.arch }];
    const urls = ['--listen-client-urls', ENDPOINT, '--advertise-client-urls', ENDPOINT, '--listen-peer-urls', peer];
    const cluster = ['--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`];
    const argv = ['etcd', '--data-dir', this.#directory, ...urls, ...cluster];
    this.#etcd = this.host.spawn(argv, { env, timeoutMs: 240_000 });
    const health = async () => (await this.try('endpoint', 'health')).code === 0;
    await eventually('etcd is healthy', health, 30_000);
  }

  try(...args: string[]) {
    return this.host.try(['etcdctl', '--endpoints', ENDPOINT, ...args], { env: { ETCDCTL_API: '3' } });
  }

  async put(mac: string, value: object): Promise<void> {
    assert.equal((await this.try('put', PREFIX + mac, JSON.stringify(value))).code, 0);
  }

  async kill(): Promise<void> {
    await this.#etcd?.stop('SIGKILL');
  }
}
