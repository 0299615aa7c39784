import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { benchMissing } from '../../errors.js';
import { defineCommand } from '../command.js';

export const bench = defineCommand({
  name: 'bench',
  sentence: 'Measure encap and decap of the datapath on this machine.',
  options: {},
  positionals: {},
  example: 'vxlane bench',
  async run() {
    const script = fileURLToPath(new URL('../../../bench/run.js', import.meta.url));
    if (!existsSync(script)) throw benchMissing(script);
    const child = spawn(process.execPath, [script], { stdio: 'inherit' });
    return new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (status) => resolve(status ?? 1));
    });
  },
});
