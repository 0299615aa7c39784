import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { benchMissing } from '../../errors.js';
import { defineCommand } from '../command.js';

export const bench = defineCommand({
  name: 'bench',
  sentence: 'Measure encap and decap of the datapath on this machine.',
  options: {
    quick: { type: 'flag', help: 'frames a second, in about ten seconds (default)' },
    full: { type: 'flag', help: 'every case, in about ten minutes' },
    json: { type: 'flag', aliases: ['j'], help: 'print JSON instead of tables, and write no file' },
    runs: { type: 'integer', what: 'runs', value: 'N', range: [1, 1000], help: 'processes a case' },
    time: { type: 'integer', what: 'time', value: 'MS', range: [1, 60_000], help: 'milliseconds a row is timed' },
  },
  positionals: { cases: { label: 'CASE', what: 'case', rest: true } },
  example: 'vxlane bench --runs 3 decap',
  async run({ cases, ...flags }) {
    const [first, ...rows] = cases;
    const [name, argv] = first === 'e2e' ? ['e2e', endToEnd(rows, flags)] : ['run', alone(cases, flags)];
    const script = fileURLToPath(new URL(`../../../bench/${name}.js`, import.meta.url));
    if (!existsSync(script)) throw benchMissing(script);
    const child = spawn(process.execPath, [script, ...argv], { stdio: 'inherit' });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve(status ?? 1));
    });
  },
});

interface Flags {
  readonly quick: boolean;
  readonly full: boolean;
  readonly json: boolean;
  readonly runs?: number | undefined;
  readonly time?: number | undefined;
}

/** Command line of the benches of the datapath alone. */
function alone(cases: readonly string[], { quick, full, json, runs, time }: Flags): string[] {
  const flags = Object.entries({ quick, full, json }).flatMap(([name, isSet]) => (isSet ? [`--${name}`] : []));
  const numbers = Object.entries({ runs, time }).flatMap(([name, n]) => (n === undefined ? [] : [`--${name}`, `${n}`]));
  return [...flags, ...numbers, '--', ...cases];
}

/** Command line of the comparison of tunnels. iperf3 counts whole seconds. */
function endToEnd(rows: readonly string[], { full, json, runs = full ? 5 : 2, time = full ? 4000 : 1000 }: Flags) {
  const wanted = rows.length === 0 ? [] : ['--only', rows.join(',')];
  const files = json ? ['--json'] : ['--out', process.cwd()];
  const tunnels = full ? [] : ['--tunnels', 'kernel,vxlane'];
  return ['--rounds', `${runs}`, '--seconds', `${Math.ceil(time / 1000)}`, ...wanted, ...tunnels, ...files];
}
