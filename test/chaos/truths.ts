/** What must be true of the first host some seconds after each fault, and what at the end. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { booksWrong } from '../../bench/soak/verdict.js';
import { messageOf } from '../../src/errors.js';
import { OVERLAYS, type Site } from './site.js';

/** Longer than the daemon waits before it tries again what failed, milliseconds. */
const WELL_WITHIN_MS = 40_000;
/** Connections that are being closed, and the like. */
const DESCRIPTORS_MORE_MAX = 8;
const VNICS = OVERLAYS.map(({ vnic }) => vnic).sort();

export class Truths {
  readonly #site: Site;
  #descriptors = Number.POSITIVE_INFINITY;

  constructor(site: Site) {
    this.#site = site;
  }

  /** Throws what is not true, after the time that a daemon may take to see to it. */
  async hold(): Promise<void> {
    await until(() => this.#everythingIsWell());
    await this.#guestsTalk();
    await this.#noInterfaceIsAStranger();
    this.#logHasNoBug();
    await until(() => this.#descriptorsHold());
  }

  /** With no load any more. */
  async booksBalance(): Promise<void> {
    for (const { client } of [this.#site.victim, this.#site.witness]) {
      await until(async () => {
        const { totals } = await client.stats();
        assert.equal(booksWrong({ ...totals }), null);
      });
    }
  }

  async #everythingIsWell(): Promise<void> {
    const { client } = this.#site.victim;
    const { overlays } = await client.status();
    const states = Object.fromEntries(overlays.map(({ name, status }) => [name, status]));
    assert.deepEqual(states, { table: 'ONLINE', peer: 'ONLINE', flood: 'ONLINE' });
    const vnics = await client.vnics();
    assert.deepEqual(
      vnics.map(({ name, state }) => [name, state]).sort(),
      VNICS.map((name) => [name, 'up']),
    );
    assert.equal((await client.daemon()).configuration?.status, 'applied');
  }

  async #guestsTalk(): Promise<void> {
    for (const { net } of OVERLAYS) {
      for (const [side, { guest }] of [this.#site.victim, this.#site.witness].entries()) {
        const { code, stdout } = await guest.try([
          'ping',
          '-n',
          '-c',
          '3',
          '-i',
          '0.1',
          '-W',
          '5',
          `${net}.${2 - side}`,
        ]);
        assert.equal(code, 0, stdout);
      }
    }
  }

  /** What the daemon made and does not know any more stays for ever. */
  async #noInterfaceIsAStranger(): Promise<void> {
    const { host, guest } = this.#site.victim;
    const tapsOf = async (where: typeof host) => {
      const links = await where.json<{ ifname: string; linkinfo?: { info_kind?: string } }[]>(
        ...['ip', '-j', '-d', 'link', 'show'],
      );
      return links.filter(({ linkinfo }) => linkinfo?.info_kind === 'tun').map(({ ifname }) => ifname);
    };
    assert.deepEqual((await tapsOf(guest)).sort(), VNICS);
    const others = (await tapsOf(host)).filter((name) => !/^vxlane-u\d+$/.test(name)); // the underlay TAP
    assert.deepEqual(others, []);
  }

  #logHasNoBug(): void {
    const bugs = this.#site.victim.host
      .daemonLog()
      .split('\n')
      .filter((line) => /"level":"fatal"|\bbug\b/.test(line));
    assert.deepEqual(bugs, []);
  }

  #descriptorsHold(): void {
    const open = readdirSync(`/proc/${this.#site.victim.host.daemonPid}/fd`).length;
    this.#descriptors = Math.min(this.#descriptors, open);
    assert.ok(open <= this.#descriptors + DESCRIPTORS_MORE_MAX, `${open} descriptors, once ${this.#descriptors}`);
  }
}

async function until(look: () => void | Promise<void>): Promise<void> {
  const deadline = performance.now() + WELL_WITHIN_MS;
  for (;;) {
    try {
      await look();
      return;
    } catch (thrown) {
      if (performance.now() > deadline) throw new Error(`not within ${WELL_WITHIN_MS} ms: ${messageOf(thrown)}`);
      await sleep(100);
    }
  }
}
