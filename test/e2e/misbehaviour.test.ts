/**
 * User plugins that do what they must not, each in an overlay of its own, all in one daemon and all at once, beside
 * datagrams to known destinations in every one of these overlays and in one that has nothing to do with it.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '../../src/control/client.js';
import type { OverlayView } from '../../src/control/protocol.js';
import { allOf } from '../support/pages.js';
import { MISBEHAVIOURS, type Misbehaviour, STRANGERS, writePlugin } from './misbehaving-plugins.js';
import { SteadyFlows } from './steady-flows.js';
import { eventually, type Host, type Lab, labTest } from './support.js';

const NEAR = '10.88.88.1';
const FAR = { ip: '10.88.88.2', port: 4789 };
const INNOCENT = 'innocent';

interface Tenant {
  /** Of the overlay, and of the plugin unless it is `files`. */
  readonly name: string;
  readonly number: number;
  readonly misbehaviour: Misbehaviour | null;
}

const TENANTS: readonly Tenant[] = [
  { name: INNOCENT, number: 1, misbehaviour: null },
  ...MISBEHAVIOURS.map((misbehaviour, index) => ({ name: misbehaviour.name, number: index + 2, misbehaviour })),
];
const ENDING = MISBEHAVIOURS.filter(({ told }) => told !== null).map(({ name }) => name);
const ENDED = 'search plugin ended';

const macOf = ({ number }: Tenant, side: 'near' | 'far') =>
  `02:00:00:00:${number.toString(16).padStart(2, '0')}:0${side === 'near' ? 1 : 2}`;
const sourceOf = ({ name, misbehaviour }: Tenant) => (misbehaviour === null ? 'files' : name);
const addressOf = ({ number }: Tenant, last: number) => `10.60.${number}.${last}`;

interface Testbed {
  readonly near: Host;
  readonly far: Host;
  /** Where all VNICs are. */
  readonly machine: Host;
  readonly client: Client;
}

async function build(lab: Lab): Promise<Testbed> {
  const near = await lab.addHost('near', { addresses: [`${NEAR}/24`] });
  const far = await lab.addHost('far', { addresses: [`${FAR.ip}/24`] });
  const machine = await lab.addMachine('machine');
  await near.startDaemon();
  const client = createClient(near.socket);
  for (const tenant of TENANTS) {
    await addOverlay(lab, client, tenant);
    await client.createVnic({
      name: `v${tenant.number}`,
      overlay: tenant.name,
      mac: macOf(tenant, 'near'),
      netns: machine.netns,
      allowAnyMac: false,
    });
  }
  await batch(machine, TENANTS.flatMap(nearSide));
  await batch(far, TENANTS.flatMap(farSide));
  return { near, far, machine, client };
}

async function addOverlay(lab: Lab, client: Client, tenant: Tenant): Promise<void> {
  const { name, number, misbehaviour } = tenant;
  const own: Record<string, string> = {};
  let search = 'files';
  if (misbehaviour === null) {
    const file = join(lab.dir, 'hosts.json');
    writeFileSync(file, JSON.stringify({ [macOf(tenant, 'far')]: FAR }));
    own['files/config'] = file;
  } else {
    search = writePlugin(lab.dir, misbehaviour, macOf(tenant, 'far'), FAR);
    if (misbehaviour.memory !== undefined) own['lookup/memory'] = String(misbehaviour.memory);
  }
  const properties = { 'vxlan/listen_ip': NEAR, ...own };
  await client.createOverlay({ name, vni: 100 + number, encap: 'vxlan', search, properties });
}

/** Neighbours are told, not asked for: nothing here answers ARP. */
function nearSide(tenant: Tenant): string[] {
  const device = `v${tenant.number}`;
  const neighbour = (address: string, mac: string) =>
    `neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`;
  return [
    `addr add ${addressOf(tenant, 1)}/24 dev ${device}`,
    neighbour(addressOf(tenant, 2), macOf(tenant, 'far')),
    ...STRANGERS.map((mac, index) => neighbour(addressOf(tenant, 101 + index), mac)),
  ];
}

/** The far side is the kernel's. */
function farSide(tenant: Tenant): string[] {
  const device = `vx${tenant.number}`;
  const tunnel = `id ${100 + tenant.number} local ${FAR.ip} remote ${NEAR} dstport ${FAR.port}`;
  return [
    `link add ${device} address ${macOf(tenant, 'far')} type vxlan ${tunnel}`,
    `addr add ${addressOf(tenant, 2)}/24 dev ${device}`,
    `link set ${device} up`,
  ];
}

async function batch(host: Host, lines: readonly string[]): Promise<void> {
  const file = join(host.dir, 'batch');
  writeFileSync(file, `${lines.join('\n')}\n`);
  await host.exec('ip', '-batch', file);
}

/** A frame to a stranger each, or to as many as it takes. */
async function provoke({ machine }: Testbed, tenants: readonly Tenant[]): Promise<void> {
  const addresses = tenants.flatMap((tenant) =>
    STRANGERS.slice(0, tenant.misbehaviour?.strangers ?? 1).map((_, index) => addressOf(tenant, 101 + index)),
  );
  const each = 'ping -n -q -c 1 -W 1 $a >/dev/null 2>&1 &';
  await machine.try(['sh', '-c', `for a in ${addresses.join(' ')}; do ${each} done; wait`]);
}

/** What the overlays' health says, looked at again and again. */
class HealthWatch {
  readonly #seen = new Map<string, Set<string>>();
  readonly #client: Client;
  readonly #watching: Promise<void>;
  #latest: readonly OverlayView[] = [];
  #isOver = false;

  constructor(client: Client) {
    this.#client = client;
    this.#watching = this.#watch();
    this.#watching.catch(() => {}); // whoever calls end() sees it
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      this.#latest = await this.#client.overlays();
      for (const { name, details } of this.#latest) {
        this.#seen.set(name, (this.#seen.get(name) ?? new Set()).add(details));
      }
      await sleep(50);
    }
  }

  hasSaid(name: string, pattern: RegExp): boolean {
    return this.said(name).some((details) => pattern.test(details));
  }

  /** Empty: it was ONLINE all the time. */
  said(name: string): string[] {
    return [...(this.#seen.get(name) ?? [])].filter((details) => details !== '');
  }

  isOnline(name: string): boolean {
    return this.#latest.find((overlay) => overlay.name === name)?.status === 'ONLINE';
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#watching;
  }
}

interface LogLine {
  readonly overlay?: string;
  readonly msg: string;
  readonly reason?: string;
  readonly restartInMs?: number;
}

function logOf({ near }: Testbed, overlay: string): LogLine[] {
  const lines = near.daemonLog().split('\n');
  const parsed = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine);
  return parsed.filter((line) => line.overlay === overlay);
}

const deathsOf = (testbed: Testbed, overlay: string) => logOf(testbed, overlay).filter(({ msg }) => msg === ENDED);

async function countsOf({ client }: Testbed) {
  const { overlays } = await client.stats();
  return new Map(overlays.map(({ name, plugin }) => [name, plugin]));
}

/** Where the overlay's destination is, is forgotten and has to be asked again, while datagrams to it wait. */
async function forgetAndAsk({ client }: Testbed, tenant: Tenant): Promise<void> {
  await client.flushTargets(tenant.name);
  await eventually(`${tenant.name} is asked`, async () => {
    const targets = await allOf(client.targetPages(tenant.name));
    return targets.some(({ mac, source }) => mac === macOf(tenant, 'far') && source === sourceOf(tenant));
  });
}

labTest('plugins that misbehave cost no packet of a known destination', async ({ lab, step, note }) => {
  const testbed = await build(lab);
  const { near, far, machine, client } = testbed;
  const where = TENANTS.map((tenant) => ({ name: tenant.name, address: addressOf(tenant, 2) }));
  const flows = await SteadyFlows.start(machine, far, where);
  const health = new HealthWatch(client);
  const provokedAtMs = performance.now();
  await provoke(testbed, TENANTS);

  await step('each overlay says which plugin did what, in its health and in the log', async () => {
    for (const { name, told } of MISBEHAVIOURS.filter(({ told }) => told !== null)) {
      await eventually(`${name} is told of`, async () => health.hasSaid(name, told as RegExp), 20_000);
      assert.match(deathsOf(testbed, name)[0]?.reason ?? '', told as RegExp);
    }
  });

  await step('one that dies again and again is started after 1, 2 and 4 seconds', async () => {
    const again = TENANTS.filter(({ name }) => name === 'exits');
    for (const deaths of [2, 3]) {
      await eventually('it is there again', async () => health.isOnline('exits'), 20_000);
      await provoke(testbed, again);
      await eventually('it is gone again', async () => deathsOf(testbed, 'exits').length === deaths);
    }
    assert.match(await near.vxlane('show-overlay', '-f', 'exits'), /exits +DEGRADED +search plugin exits ended/);
    assert.deepEqual(
      deathsOf(testbed, 'exits').map(({ restartInMs }) => restartInMs),
      [1000, 2000, 4000],
    );
  });

  await step('then all are ONLINE, and answer again', async () => {
    for (const { name } of TENANTS) {
      await eventually(`${name} is ONLINE again`, async () => health.isOnline(name), 20_000);
    }
    for (const tenant of TENANTS) if (!tenant.misbehaviour?.isDeaf) await forgetAndAsk(testbed, tenant);
  });

  await step('each was counted', async () => {
    const counts = await countsOf(testbed);
    for (const { name } of TENANTS) {
      const { deaths } = counts.get(name)!;
      assert.equal(deaths, deathsOf(testbed, name).length, name);
      assert.equal(deaths > 0, ENDING.includes(name), `${name} ended ${deaths} times`);
    }
    for (const name of ['throws', 'rejects', 'hangs']) assert.equal(counts.get(name)!.faults, 3, name);
    assert.equal(counts.get('hangs')!.timeouts, 3);
  });

  await step('one that only floods serves on, and the log is no longer for it', async () => {
    for (const { name, logged } of MISBEHAVIOURS.filter(({ told }) => told === null)) {
      assert.deepEqual(health.said(name), [], name);
      if (logged)
        assert.match(
          logOf(testbed, name)
            .map(({ msg }) => msg)
            .join('\n'),
          logged,
        );
      const lines = logOf(testbed, name).length;
      const most = 500 + 110 * ((performance.now() - provokedAtMs) / 1000);
      assert.ok(lines < most, `${lines} lines`);
    }
  });

  await step('an overlay beside them was ONLINE all the time, and the datapath did not notice', async () => {
    await health.end();
    assert.deepEqual(health.said(INNOCENT), []);
    assert.doesNotMatch(
      logOf(testbed, INNOCENT)
        .map(({ msg }) => msg)
        .join('\n'),
      /DEGRADED/,
    );
    assert.equal((await client.daemon()).workerRestarts, 0);
  });

  await step('and every datagram arrived', async () => note(`${await flows.end()} datagrams a flow`));
});
