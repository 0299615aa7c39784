/** A program in C (bench/native/tunnel.c), built here, that does the least a tunnel can do; one on each host. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { VXLAN_PORT } from '../../src/address.js';
import { isInstalled } from '../../src/demo/requirements.js';
import { ROOT } from '../environment.js';
import { type Contender, MTU, sides, type Testbed, UNDERLAY, VNI } from './tunnel.js';

const SOURCE = join(ROOT, 'bench', 'native', 'tunnel.c');
const FLAGS = ['-O3', '-march=native'];
/** Beyond those of vxlane's variants, their busy twins included. */
const PORT = String(VXLAN_PORT + 1000);
const DEVICE = 'nat0';

/** What is missing for it, or null. */
export function nativeMissing(): string | null {
  return isInstalled('cc') ? null : 'left out: the native program (no C compiler, cc; Debian: apt-get install gcc)';
}

export async function addNative(testbed: Testbed): Promise<Contender> {
  const program = join(testbed.lab.dir, 'tunnel');
  const { status, stderr } = spawnSync('cc', [...FLAGS, '-o', program, SOURCE], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`cc refuses ${SOURCE}: ${stderr}`);
  const daemons: number[] = [];
  for (const [host, side] of sides(testbed)) {
    const ends = [UNDERLAY[side], UNDERLAY[side === 0 ? 1 : 0]];
    const end = host.spawn([program, DEVICE, ...ends, PORT, String(VNI)]);
    await end.printed(/ready/);
    await host.exec('ip', 'link', 'set', DEVICE, 'mtu', MTU, 'up');
    await host.exec('ip', 'addr', 'add', `10.53.0.${side + 1}/24`, 'dev', DEVICE);
    daemons.push(end.pid);
  }
  return { name: 'native', kind: 'native', right: '10.53.0.2', daemons, busy: null };
}
