/** Two hosts with a daemon each and one table for both, healthy until a test makes it otherwise. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '../../src/control/client.js';
import { examine } from '../../src/doctor/examine.js';
import type { Diagnosis, Finding } from '../../src/doctor/finding.js';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { type Host, type Lab, mac, pingAll } from './support.js';

export const VNI = 42;
export const UNDERLAY = ['10.88.88.1', '10.88.88.2'] as const;
/** Of the VNICs v0, whose MACs are 1 and 2. */
export const INNER = ['10.9.0.1', '10.9.0.2'] as const;

const LOOK_SECONDS = 0.5;
const PATIENCE_MS = 40_000;

export interface DoctorPair {
  /** Its border is the socket. */
  readonly ours: Host;
  /** Its border is the TAP, where that is possible. */
  readonly other: Host;
  /** The table of both. */
  readonly file: string;
}

export const BORDERS = [['--underlay', 'socket'], probeUnderlayTap().ok ? ['--underlay', 'tap'] : []] as const;

export async function buildDoctorPair(lab: Lab): Promise<DoctorPair> {
  const file = join(lab.dir, 'hosts.json');
  const entry = (n: 0 | 1) => ({ ip: UNDERLAY[n], arp: INNER[n] });
  writeFileSync(file, JSON.stringify({ [mac(1)]: entry(0), [mac(2)]: entry(1) }));
  const [ours, other] = [
    await lab.addHost('ours', { addresses: [`${UNDERLAY[0]}/24`] }),
    await lab.addHost('other', { addresses: [`${UNDERLAY[1]}/24`] }),
  ];
  await Promise.all([ours, other].map((host, index) => host.startDaemon(...BORDERS[index]!)));
  for (const [index, host] of [ours, other].entries()) {
    const given = [`vxlan/listen_ip=${UNDERLAY[index]}`, `files/config=${file}`, 'mtu=1450'];
    const properties = given.flatMap((property) => ['-p', property]);
    await host.vxlane('create-overlay', '-v', String(VNI), '-e', 'vxlan', '-s', 'files', ...properties, 'ov0');
    await addVnic(host, index as 0 | 1);
  }
  await pingAll(ours, INNER[1]);
  return { ours, other, file };
}

/** The VNIC v0 with its address; nothing leaves it by itself. */
export async function addVnic(host: Host, index: 0 | 1): Promise<void> {
  await host.vxlane('create-vnic', '-m', mac(index + 1), '-l', 'ov0', '-a', `${INNER[index]}/24`, 'v0');
  await host.exec('sysctl', '-q', '-w', 'net.ipv6.conf.v0.disable_ipv6=1');
}

/** What `vxlane doctor` would say, without the price of a process. */
async function look({ socket, dir }: Host): Promise<Diagnosis> {
  const looking = { client: createClient(socket), socket, overlay: null, stateDir: join(dir, 'state') };
  return (await examine({ ...looking, seconds: LOOK_SECONDS })).diagnosis;
}

/** Looks until it is as wanted. */
async function looksUntil(host: Host, what: string, isIt: (seen: Diagnosis) => boolean): Promise<Diagnosis> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look(host);
    if (isIt(seen)) return seen;
    if (performance.now() > deadline) assert.fail(`expected ${what}: ${JSON.stringify(seen, null, 1)}`);
  }
}

/** Looks until the doctor finds this and nothing else; answers what it says of it. */
export async function findsOnly(host: Host, check: string, object: string): Promise<Finding> {
  const isIt = ({ findings: [first, ...more] }: Diagnosis) =>
    more.length === 0 && first?.check === check && first.object === object;
  return (await looksUntil(host, `${check} of ${object} alone`, isIt)).findings[0]!;
}

/** Looks until this is among what the doctor finds; answers what it says of it. */
export async function finds(host: Host, check: string, object: string): Promise<Finding> {
  const isIt = (each: Finding) => each.check === check && each.object === object;
  return (await looksUntil(host, `${check} of ${object}`, ({ findings }) => findings.some(isIt))).findings.find(isIt)!;
}

/** Looks until it finds nothing, and has looked at everything. */
export async function findsNothing(host: Host): Promise<void> {
  await looksUntil(host, 'nothing', ({ findings, unseen }) => findings.length === 0 && unseen.length === 0);
}
