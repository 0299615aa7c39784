/** `vxlane demo`: the announcement's three hosts on this machine, proved pair by pair, and gone again. */
import { setTimeout as sleep } from 'node:timers/promises';
import pc from 'picocolors';
import { messageOf, VxlaneError } from '../errors.js';
import { Lab } from './lab.js';
import { LEASE_TOOLS, obtainLease, serveLease } from './lease.js';
import { lookAround } from './look-around.js';
import { isWhole, measure, renderMatrix } from './matrix.js';
import { requireLab, requireTools, type Tool } from './requirements.js';
import { buildSeed, SEED_FILE, type SeedMachine } from './seed.js';

export interface DemoOptions {
  /** Leave the hosts up until Ctrl-C. */
  readonly keep: boolean;
}

const TOOLS: readonly Tool[] = [
  { program: 'ip', package: 'iproute2' },
  { program: 'ping', package: 'iputils-ping' },
];
const DAD_TIMEOUT_MS = 10_000;

/** Runs the demo to its end; answers the exit status: 0 when every pair reaches the other. */
export async function runDemo(options: DemoOptions): Promise<number> {
  try {
    requireLab('vxlane demo');
    requireTools(TOOLS, say);
  } catch (error) {
    return refuse(error);
  }
  announceTheEnd();
  const lab = await Lab.create();
  try {
    const isProved = await demonstrate(lab, options);
    return isProved ? 0 : 1;
  } catch (error) {
    if (lab.closing) await new Promise(() => {}); // a signal ended the laboratory; its handler ends the process
    process.stderr.write(lab.logs());
    return refuse(error);
  } finally {
    await lab.close();
  }
}

async function demonstrate(lab: Lab, options: DemoOptions): Promise<boolean> {
  heading('hosts.json, the same on all three hosts');
  say(pc.dim(SEED_FILE.trim()));
  heading('Three hosts, each with its own daemon');
  const { machines, file } = await buildSeed(lab, ({ name }, command) => say(`${pc.cyan(`${name} #`)} ${command}`));
  await Promise.all(machines.map(addressesUsable));
  heading('Every host pings every other: ARP and NDP are answered from hosts.json');
  const reaches = await measure(machines);
  say(renderMatrix(machines, reaches));
  heading('A DHCP lease for zlan2 from a server on zlan, through dhcp-proxy');
  const hasLease = await tryLease(machines);
  heading('Where zlan sends what');
  say(`${pc.cyan('zlan #')} vxlane show-overlay -t overlay0`);
  const [zlan] = machines as [SeedMachine, ...SeedMachine[]];
  say((await zlan.host.vxlane('show-overlay', '-t', 'overlay0')).trimEnd());
  const isProved = isWhole(reaches) && hasLease;
  say(isProved ? pc.green('\nEvery pair reaches the other.') : pc.red('\nNot everything worked: see above.'));
  if (!isProved) process.stderr.write(lab.logs());
  if (options.keep) await stayUp(machines, file);
  return isProved;
}

/** True also when a program for it is missing and cannot be installed, which is said. */
async function tryLease(machines: readonly SeedMachine[]): Promise<boolean> {
  try {
    requireTools(LEASE_TOOLS, say);
  } catch (error) {
    if (!(error instanceof VxlaneError)) throw error;
    say(`skipped: ${error.message}`);
    return true;
  }
  const [zlan, zlan2] = machines as [SeedMachine, SeedMachine];
  const server = await serveLease(zlan.host, zlan.seed.vnic, zlan2.seed.mac, zlan2.seed.ipv4);
  try {
    const address = await obtainLease(zlan2.host, zlan2.seed.vnic, { broadcast: false });
    say(`${pc.cyan('zlan2 #')} udhcpc -i ${zlan2.seed.vnic}: ${pc.green(`lease of ${address}`)}`);
    return true;
  } catch (error) {
    say(pc.red(messageOf(error)));
    return false;
  } finally {
    await server.stop();
  }
}

/** Duplicate address detection asks through the proxy too, for about a second. */
async function addressesUsable({ seed, host }: SeedMachine): Promise<void> {
  const deadline = performance.now() + DAD_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if ((await host.exec('ip', '-6', 'addr', 'show', 'dev', seed.vnic, 'tentative')) === '') return;
    await sleep(100);
  }
}

async function stayUp(machines: readonly SeedMachine[], file: string): Promise<void> {
  heading('The hosts stay up until Ctrl-C, which takes them down');
  say(lookAround(machines, file));
  setInterval(() => {}, 3_600_000); // keeps this process alive: the laboratory lives as long as it
  await new Promise(() => {});
}

function announceTheEnd(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => say('\nTaking the hosts down.'));
  }
}

function refuse(error: unknown): number {
  if (!(error instanceof VxlaneError)) throw error;
  process.stderr.write(`vxlane: ${error.message}\n`);
  return 1;
}

function heading(text: string): void {
  say(`\n${pc.bold(text)}`);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
