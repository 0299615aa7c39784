/** Servers on 127.0.0.1, 127.0.0.2 … of one port, and an instance that asks them. */
import assert from 'node:assert/strict';
import type { Server } from 'node:net';
import { afterEach, beforeEach } from 'node:test';
import { freePort } from '../../support/ports.js';
import { OPS, SvpServer } from '../../support/svp-server.js';
import { until } from '../../support/until.js';
import { type Client, client } from './testbed.js';

export const A = 'de:ad:be:ef:00:00';
/** What each server says of A. */
export const TARGET = { target: { ip: '10.88.88.69', port: 4789 } };

export class Servers {
  port = 0;
  one!: Client;
  /** By the last byte of their address. */
  #servers = new Map<number, SvpServer>();

  /** Installs, for each test, one server and an instance that is not started. */
  constructor() {
    beforeEach(async () => {
      this.port = freePort();
      await this.serve(1);
      this.one = client(this.port);
    });
    afterEach(async () => {
      this.one.instance.stop();
      for (const server of this.#servers.values()) {
        await server.close();
        assert.equal(server.died, null);
      }
      this.#servers.clear();
    });
  }

  async serve(n: number): Promise<void> {
    const server = new SvpServer().set(23, A, { ip: '10.88.88.69' });
    this.#servers.set(n, server);
    await server.listen((listener: Server) => listener.listen(this.port, `127.0.0.${n}`));
  }

  async end(n: number): Promise<void> {
    await this.at(n).close();
    this.#servers.delete(n);
  }

  at(n: number): SvpServer {
    return this.#servers.get(n) as SvpServer;
  }

  /** How many lookups a server was asked. */
  lookups(n: number): number {
    return this.at(n).asked(OPS.VL2).length;
  }

  /** Started, and connected to each of these. */
  async start(...of: number[]): Promise<void> {
    this.one.testbed.addresses = of.map((n) => `127.0.0.${n}`);
    this.one.instance.start();
    await until(() => of.every((n) => this.at(n).asked(OPS.PING).length === 1));
    await this.one.testbed.pass(0);
  }

  /** Waits for a break that is under way. */
  broken(count: number): Promise<void> {
    return until(() => this.one.breaks.length >= count);
  }
}
