/**
 * Two hosts with a daemon each and three overlays between them: one of `files`, one of `direct` that a configuration
 * file declares, one of `flood`. Each has a VNIC in the virtual machine of either host. What goes wrong goes wrong on
 * the first host; the second one is there to talk to.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Client, createClient } from '../../src/control/client.js';
import type { Host } from '../../src/demo/host.js';
import { Lab } from '../../src/demo/lab.js';
import type { Running } from '../../src/demo/processes.js';
import { messageOf } from '../../src/errors.js';
import { ENGINE } from '../support/engine.js';
import { runVxlane } from '../support/vxlane.js';

/** Overlays with their VNICs, which have the same name on both hosts. `net`: of the addresses inside. */
export const OVERLAYS = [
  { name: 'table', vni: 6, vnic: 'table0', net: '10.6.0' },
  { name: 'peer', vni: 7, vnic: 'peer0', net: '10.7.0' },
  { name: 'flood', vni: 8, vnic: 'flood0', net: '10.8.0' },
] as const;

const UNDERLAY = ['10.88.88.1', '10.88.88.2'] as const;
/** Between two pings of the load, in seconds. With less than 0.01, ping(8) waits in a busy loop. */
const LOAD_EVERY = '0.02';

interface Vtep {
  readonly host: Host;
  readonly client: Client;
  readonly guest: Host;
}

const macOf = (vni: number, side: number) => `02:00:00:00:0${vni}:0${side + 1}`;

export class Site {
  readonly lab: Lab;
  readonly victim: Vtep;
  readonly witness: Vtep;
  readonly #load: Running[] = [];

  private constructor(lab: Lab, victim: Vtep, witness: Vtep) {
    this.lab = lab;
    this.victim = victim;
    this.witness = witness;
  }

  static async build(): Promise<Site> {
    const lab = await Lab.create({ daemonOptions: ['--engine', ENGINE], runVxlane });
    const vtep = async (side: 0 | 1): Promise<Vtep> => {
      const host = await lab.addHost(`host${side}`, { addresses: [`${UNDERLAY[side]}/24`] });
      return { host, client: createClient(host.socket), guest: await lab.addMachine(`guest${side}`) };
    };
    try {
      const site = new Site(lab, await vtep(0), await vtep(1));
      site.writeTable();
      await Promise.all([site.#fill(site.victim, 0), site.#fill(site.witness, 1)]);
      return site;
    } catch (thrown) {
      const logs = lab.logs();
      await lab.close();
      throw new Error(`${messageOf(thrown)}\n${logs}`, { cause: thrown });
    }
  }

  get tablePath(): string {
    return join(this.lab.dir, 'hosts.json');
  }

  get configurationPath(): string {
    return join(this.victim.host.dir, 'vxlane.yaml');
  }

  writeTable(): void {
    const entry = (side: 0 | 1) => [macOf(6, side), { ip: UNDERLAY[side], arp: `10.6.0.${side + 1}` }];
    const path = `${this.tablePath}.new`;
    writeFileSync(path, JSON.stringify(Object.fromEntries([entry(0), entry(1)])), { mode: 0o644 });
    renameSync(path, this.tablePath);
  }

  writeConfiguration({ host, guest }: Vtep, side: 0 | 1): void {
    const [{ name, vni, vnic, net }, peer] = [OVERLAYS[1], UNDERLAY[1 - side]];
    const properties = { 'vxlan/listen_ip': UNDERLAY[side], 'direct/dest_ip': peer };
    const declared = {
      overlays: { [name]: { vni, search: 'direct', properties } },
      vnics: {
        [vnic]: { overlay: name, mac: macOf(vni, side), netns: guest.netns, addresses: [`${net}.${side + 1}/24`] },
      },
    };
    writeFileSync(join(host.dir, 'vxlane.yaml'), JSON.stringify(declared), { mode: 0o600 }); // JSON is YAML
  }

  /** Starts the daemon of a host again, as its supervisor does. */
  start({ host }: Vtep): Promise<void> {
    return host.startDaemon('--config', join(host.dir, 'vxlane.yaml'));
  }

  /** Pings both ways in every overlay, for as long as it takes. */
  startLoad(): void {
    for (const { net } of OVERLAYS) {
      for (const [side, { guest }] of [this.victim, this.witness].entries()) {
        const argv = ['ping', '-n', '-q', '-i', LOAD_EVERY, `${net}.${2 - side}`];
        this.#load.push(guest.spawn(argv, { timeoutMs: 24 * 3_600_000 }));
      }
    }
  }

  async endLoad(): Promise<void> {
    await Promise.all(this.#load.map((each) => each.stop('SIGINT')));
  }

  async #fill(vtep: Vtep, side: 0 | 1): Promise<void> {
    const { client, guest } = vtep;
    this.writeConfiguration(vtep, side);
    await this.start(vtep);
    const listen = { 'vxlan/listen_ip': UNDERLAY[side] };
    const searches = {
      table: { search: 'files', properties: { ...listen, 'files/config': this.tablePath } },
      flood: { search: 'flood', properties: { ...listen, 'flood/endpoints': UNDERLAY.join(',') } },
    };
    for (const { name, vni, vnic, net } of OVERLAYS) {
      if (name === 'peer') continue;
      await client.createOverlay({ name, vni, encap: 'vxlan', temporary: false, ...searches[name] });
      const [mac, addresses] = [macOf(vni, side), [`${net}.${side + 1}/24`]];
      const wanted = { name: vnic, overlay: name, mac, netns: guest.netns, allowAnyMac: false, temporary: false };
      await client.createVnic({ ...wanted, addresses });
    }
  }
}
