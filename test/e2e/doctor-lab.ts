/** Two hosts with a daemon each and one table for both, healthy until a test makes it otherwise. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnosis, Finding } from '../../src/doctor/finding.js';
import { type Host, type Lab, mac, pingAll } from './support.js';

export const VNI = 42;
export const UNDERLAY = ['10.88.88.1', '10.88.88.2'] as const;
/** Of the VNICs v0, whose MACs are 1 and 2. */
export const INNER = ['10.9.0.1', '10.9.0.2'] as const;

export interface DoctorPair {
  readonly ours: Host;
  readonly other: Host;
  /** The table of both. */
  readonly file: string;
}

export async function buildDoctorPair(lab: Lab, daemon: readonly string[] = []): Promise<DoctorPair> {
  const file = join(lab.dir, 'hosts.json');
  const entry = (n: 0 | 1) => ({ ip: UNDERLAY[n], arp: INNER[n] });
  writeFileSync(file, JSON.stringify({ [mac(1)]: entry(0), [mac(2)]: entry(1) }));
  const [ours, other] = [
    await lab.addHost('ours', { addresses: [`${UNDERLAY[0]}/24`] }),
    await lab.addHost('other', { addresses: [`${UNDERLAY[1]}/24`] }),
  ];
  await Promise.all([ours, other].map((host) => host.startDaemon(...daemon)));
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

/** What the doctor says, and its exit status. */
export async function doctor(host: Host, ...args: string[]): Promise<Diagnosis & { readonly code: number | null }> {
  const outcome = await host.tryVxlane('doctor', '--json', '--seconds', '1', ...args);
  assert.ok(outcome.code !== null && outcome.stdout !== '', outcome.stderr);
  return { ...(JSON.parse(outcome.stdout) as Diagnosis), code: outcome.code };
}

/** Looks until the doctor finds this and nothing else; `found`: what it says of it. */
export async function findsOnly(host: Host, check: string, object: string, ...args: string[]): Promise<Finding> {
  let seen: Diagnosis | null = null;
  for (let looks = 0; looks < 5; looks++) {
    seen = await doctor(host, ...args);
    const [finding] = seen.findings;
    if (seen.findings.length === 1 && finding!.check === check && finding!.object === object) return finding!;
  }
  assert.fail(`expected ${check} of ${object} alone: ${JSON.stringify(seen?.findings, null, 1)}`);
}

/** Looks until it finds nothing, and has looked at everything. */
export async function findsNothing(host: Host): Promise<void> {
  let seen: Awaited<ReturnType<typeof doctor>> | null = null;
  for (let looks = 0; looks < 5; looks++) {
    seen = await doctor(host);
    if (seen.code === 0) return;
  }
  assert.fail(`expected nothing: ${JSON.stringify(seen, null, 1)}`);
}
