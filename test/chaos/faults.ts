/**
 * What goes wrong on a host. Each fault has its chance from the seed, and leaves things so that all could be well
 * again: the daemon runs, and whatever the operator broke is mended. Whether all is well, truths.ts says.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../src/control/client.js';
import { messageOf } from '../../src/errors.js';
import type { Random } from '../support/random.js';
import type { Site } from './site.js';

export type Fault = (site: Site, random: Random) => Promise<void>;

const PASSING = 'passing';
/** With so few more it can do nothing that needs some. */
const DESCRIPTORS_LEFT = 3;

export const FAULTS: Readonly<Record<string, Fault>> = {
  async 'it is killed'(site) {
    await site.victim.host.stopDaemon('SIGKILL');
    await site.start(site.victim);
  },

  async 'it is ended'(site) {
    const ended = await site.victim.host.stopDaemon('SIGTERM');
    assert.equal(ended?.code, 0, 'an orderly end');
    await site.start(site.victim);
  },

  async 'it is killed as it starts'(site, random) {
    await site.victim.host.stopDaemon('SIGKILL');
    const starting = site.start(site.victim).then(
      () => true,
      () => false,
    );
    await sleep(random.below(1500));
    await site.victim.host.stopDaemon('SIGKILL');
    await starting;
    await site.start(site.victim);
  },

  async 'it is replaced'(site) {
    await site.victim.host.replaceDaemon('--config', site.configurationPath);
  },

  async 'it is killed as VNICs come and go'(site, random) {
    const { client, host, guest } = site.victim;
    const wanted = { overlay: 'flood', netns: guest.netns, allowAnyMac: false, temporary: false, addresses: [] };
    let isOver = false;
    const churn = async () => {
      for (let n = 0; !isOver; n = (n + 1) % 4) {
        const name = `${PASSING}${n}`;
        await client.createVnic({ ...wanted, name, mac: `02:00:00:00:0f:0${n}` });
        if (random.oneIn(2)) await client.deleteVnic(name);
      }
    };
    const churning = churn().catch(messageOf);
    await sleep(random.below(1500));
    await host.stopDaemon('SIGKILL');
    isOver = true;
    await churning;
    await site.start(site.victim);
    await deletePassing(site);
  },

  async 'it is out of descriptors'(site, random) {
    const { host, client, guest } = site.victim;
    const pid = String(host.daemonPid);
    // The limit is on the number of a descriptor, and the kernel gives out the lowest that is free.
    const before = softLimit(pid);
    const highest = Math.max(...readdirSync(`/proc/${pid}/fd`).map(Number));
    await host.exec('prlimit', '--pid', pid, `--nofile=${highest + 1 + DESCRIPTORS_LEFT}:`);
    try {
      const wanted = { overlay: 'flood', netns: guest.netns, allowAnyMac: false, temporary: false, addresses: [] };
      for (let n = 0; n < 4; n++) {
        await client.createVnic({ ...wanted, name: `${PASSING}${n}`, mac: `02:00:00:00:0f:0${n}` }).catch(messageOf);
      }
      await sleep(random.below(1000));
    } finally {
      await host.exec('prlimit', '--pid', pid, `--nofile=${before}:`);
    }
    assert.equal(String(host.daemonPid), pid);
    await deletePassing(site);
  },

  async 'it sleeps'(site, random) {
    const pid = site.victim.host.daemonPid!;
    process.kill(pid, 'SIGSTOP');
    await sleep(random.below(3000));
    process.kill(pid, 'SIGCONT');
  },

  async 'clients connect and say nothing, or nonsense'(site, random) {
    const { socket } = site.victim.host;
    const clients: Socket[] = Array.from({ length: 200 }, () => connect(socket).on('error', () => {}));
    for (const each of clients) if (random.oneIn(2)) each.write('NONSENSE /v1 HTTP/9\r\n\r\n');
    await site.victim.client.daemon();
    await sleep(random.below(1000));
    for (const each of clients) each.destroy();
  },

  async 'an interface is deleted'({ victim }, random) {
    const vnic = random.pick(['table0', 'flood0', 'peer0']);
    await victim.guest.exec('ip', 'link', 'del', vnic);
    await sleep(random.below(500));
    await victim.client.reload();
  },

  async 'the underlay is down'({ victim: { host } }, random) {
    await host.exec('ip', 'link', 'set', 'eth0', 'down');
    await sleep(random.below(2000));
    await host.exec('ip', 'link', 'set', 'eth0', 'up');
  },

  async 'the underlay address is gone'({ victim: { host } }, random) {
    await host.exec('ip', 'addr', 'del', '10.88.88.1/24', 'dev', 'eth0');
    await sleep(random.below(2000));
    await host.exec('ip', 'addr', 'add', '10.88.88.1/24', 'dev', 'eth0');
  },

  async 'the table is cut off'(site, random) {
    const text = readFileSync(site.tablePath, 'utf8');
    writeFileSync(site.tablePath, text.slice(0, random.below(text.length)));
    await sleep(random.below(1500));
    site.writeTable();
  },

  async 'the configuration is cut off'(site, random) {
    const path = site.configurationPath;
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.slice(0, 1 + random.below(text.length - 2)));
    await site.victim.client.reload().catch(messageOf);
    await sleep(random.below(500));
    writeFileSync(path, text);
    await site.victim.client.reload();
  },

  async 'a bit of a state file flips'(site, random) {
    const { host, client } = site.victim;
    await host.stopDaemon();
    const path = join(host.dir, 'state', random.pick(['overlays/flood.json', 'vnics/table0.json']));
    const before = readFileSync(path);
    const damaged = Buffer.from(before);
    const at = random.below(damaged.length * 8);
    damaged[at >> 3]! ^= 1 << (at & 7);
    writeFileSync(path, damaged);
    await site.start(site.victim);
    assert.deepEqual(readFileSync(path), damaged, 'what cannot be read stays as it is');
    writeFileSync(path, before);
    await client.reload();
  },

  async 'a state file is of a newer version'(site) {
    const { host, client } = site.victim;
    await host.stopDaemon();
    const path = join(host.dir, 'state', 'overlays', 'table.json');
    const before = readFileSync(path, 'utf8');
    const newer = JSON.stringify({ ...JSON.parse(before), version: 99 });
    writeFileSync(path, newer);
    await site.start(site.victim);
    assert.equal(readFileSync(path, 'utf8'), newer);
    writeFileSync(path, before);
    await client.reload();
  },

  async 'a namespace is a FIFO'({ victim: { host, client } }) {
    const fifo = join(host.dir, 'fifo');
    await host.exec('sh', '-c', `test -p ${fifo} || mkfifo ${fifo}`);
    const wanted = { name: `${PASSING}0`, overlay: 'flood', mac: '02:00:00:00:0f:00', netns: fifo };
    const made = client.createVnic({ ...wanted, allowAnyMac: false, temporary: false, addresses: [] });
    await assert.rejects(made, { code: 'netns_not_one' });
  },

  async 'a plugin that dies is tried'({ victim: { host, client } }, random) {
    const path = join(host.dir, 'dies.mjs');
    const body = random.pick(['process.exit(3)', 'throw new Error("no")', 'for (;;) {}', 'process.abort()']);
    const plugin = `export default { name: 'dies', mode: 'dynamic', properties: [],
      create: () => ({ start() { ${body} }, stop() {}, lookup: () => null }) };`;
    writeFileSync(path, plugin, { mode: 0o644 });
    await assert.rejects(client.modifyOverlay('table', { search: path }));
  },
};

/** Whatever of them is there after a crash is there whole, and can be deleted. */
async function deletePassing({ victim: { host } }: Site): Promise<void> {
  const client = createClient(host.socket);
  for (const { name } of await client.vnics()) if (name.startsWith(PASSING)) await client.deleteVnic(name);
}

/** Of descriptors. */
function softLimit(pid: string): string {
  return /^Max open files +(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))![1]!;
}
