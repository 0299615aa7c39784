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
  async run({ cases, quick, full, json, runs, time }) {
    const script = fileURLToPath(new URL('../../../bench/run.js', import.meta.url));
    if (!existsSync(script)) throw benchMissing(script);
    const flags = Object.entries({ quick, full, json }).flatMap(([name, isSet]) => (isSet ? [`--${name}`] : []));
    const numbers = Object.entries({ runs, time }).flatMap(([name, n]) =>
      n === undefined ? [] : [`--${name}`, `${n}`],
    );
    const child = spawn(process.execPath, [script, ...flags, ...numbers, '--', ...cases], { stdio: 'inherit' });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve(status ?? 1));
    });
  },
});
