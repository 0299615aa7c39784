/**
 * Open vSwitch's userspace datapath (`datapath_type=netdev`): on each host a database server and a switch of its own,
 * ours from start to end. All they write lies in the host's folder of the laboratory; the machine's own Open vSwitch is
 * not touched, and openvswitch.ko is not needed.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../../src/demo/host.js';
import { isInstalled } from '../../src/demo/requirements.js';
import { type Contender, MTU, sides, type Testbed, VNI } from './tunnel.js';

const PROGRAMS = ['ovsdb-tool', 'ovsdb-server', 'ovs-vswitchd', 'ovs-vsctl'];
const SCHEMA = '/usr/share/openvswitch/vswitch.ovsschema';
const UNDERLAY = ['10.9.1.1', '10.9.1.2'] as const;

/** A switch that is one end of a tunnel. */
export interface OvsEnd {
  /** The network interface of the host that it takes, which has no address. */
  readonly cable: string;
  /** Its underlay address, and that of the other end. */
  readonly local: string;
  readonly remote: string;
  readonly prefix: number;
  /** The UDP port of both ends. */
  readonly port: number;
  /** Addresses inside the tunnel, with prefix length, and the MTU there. */
  readonly inner: readonly string[];
  readonly mtu: string;
}

/** What is missing for it, or null. */
export function ovsMissing(): string | null {
  const missing = PROGRAMS.filter((program) => !isInstalled(program));
  if (missing.length === 0) return null;
  return `left out: Open vSwitch (not installed: ${missing.join(', ')}; Debian: apt-get install openvswitch-switch)`;
}

/** Needs eth1 on both hosts, a cable between them. */
export async function addOvs(testbed: Testbed): Promise<Contender> {
  const daemons: number[] = [];
  for (const [host, side] of sides(testbed)) {
    const [local, remote] = [UNDERLAY[side], UNDERLAY[side === 0 ? 1 : 0]];
    const ends = { cable: 'eth1', local, remote, prefix: 24, port: 4700, inner: [`10.52.0.${side + 1}/24`], mtu: MTU };
    daemons.push(await startSwitch(host, ends));
  }
  return { name: 'ovs', kind: 'ovs', right: '10.52.0.2', daemons, busy: null };
}

/**
 * Starts a switch with interfaces `under`, which has the underlay address, and `over`, which has the inner ones.
 * Answers the id of the process that carries the frames.
 */
export async function startSwitch(host: Host, end: OvsEnd): Promise<number> {
  const dir = join(host.dir, 'ovs');
  mkdirSync(dir, { recursive: true });
  const env = { OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSCONFDIR: dir };
  const database = `unix:${dir}/db.sock`;
  const run = async (...argv: string[]) => {
    const outcome = await host.try(argv, { env });
    if (outcome.code !== 0) throw new Error(`${argv.join(' ')}: ${outcome.stderr}`);
  };
  const wait = (program: string, control: string) =>
    run('ovs-appctl', `--target=${dir}/${control}`, '--timeout=10', 'version').catch((error: unknown) => {
      throw new Error(`${program} of ${host.name} does not answer`, { cause: error });
    });

  await run('ovsdb-tool', 'create', `${dir}/conf.db`, SCHEMA);
  const server = ['ovsdb-server', `${dir}/conf.db`, `--remote=p${database}`, `--unixctl=${dir}/db.ctl`];
  host.spawn([...server, `--log-file=${dir}/db.log`], { env });
  await untilThere(() => wait('ovsdb-server', 'db.ctl'));
  await run('ovs-vsctl', `--db=${database}`, '--timeout=10', '--no-wait', 'init');
  // --disable-system: no kernel datapath, whatever modules this machine has
  const vswitchd = ['ovs-vswitchd', database, `--unixctl=${dir}/vs.ctl`, '--disable-system'];
  const { pid } = host.spawn([...vswitchd, `--log-file=${dir}/vs.log`], { env });
  await untilThere(() => wait('ovs-vswitchd', 'vs.ctl'));
  await run('ovs-vsctl', `--db=${database}`, '--timeout=10', ...configuration(end));
  await addAddresses(host, 'under', [`${end.local}/${end.prefix}`]);
  await addAddresses(host, 'over', end.inner);
  return pid;
}

async function addAddresses(host: Host, device: string, addresses: readonly string[]): Promise<void> {
  for (const address of addresses) {
    const nodad = address.includes(':') ? ['nodad'] : [];
    await host.exec('ip', 'addr', 'add', address, 'dev', device, ...nodad);
  }
  await host.exec('ip', 'link', 'set', device, 'up');
}

/** Two bridges: one holds the cable and the underlay address, the other the tunnel and the inner one. */
function configuration({ cable, local, remote, port, mtu }: OvsEnd): string[] {
  const ends = [`options:local_ip=${local}`, `options:remote_ip=${remote}`];
  const under = ['add-br', 'under', '--', 'set', 'bridge', 'under', 'datapath_type=netdev'];
  const over = ['add-br', 'over', '--', 'set', 'bridge', 'over', 'datapath_type=netdev'];
  const vxlan = ['set', 'interface', 'vx', 'type=vxlan', ...ends, `options:key=${VNI}`, `options:dst_port=${port}`];
  return [
    ...under,
    ...['--', 'add-port', 'under', cable, '--'],
    ...over,
    ...['--', 'set', 'interface', 'over', `mtu_request=${mtu}`],
    ...['--', 'add-port', 'over', 'vx', '--'],
    ...vxlan,
  ];
}

/** A program that was just started makes its socket when it is ready. */
async function untilThere(attempt: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (true) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
