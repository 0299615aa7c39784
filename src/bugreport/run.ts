/** Programs that are asked, for so long, and for so many bytes. */
import { spawn } from 'node:child_process';
import { withNetns } from '../system/netns.js';
import { PART_BYTES_MAX } from './part.js';

const SECONDS_MAX = 15;

/**
 * What it prints, the beginning of it where that is too much. `netns`: a namespace to run in. Throws when it is not
 * installed, fails, or takes too long.
 */
export function run(argv: readonly [string, ...string[]], netns: string | null = null): Promise<string> {
  const line = argv.join(' ');
  return new Promise((resolve, reject) => {
    const [program, ...args] = argv;
    const env = { ...process.env, LC_ALL: 'C' };
    const child = withNetns(netns, () => spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env }));
    const output: Buffer[] = [];
    let bytes = 0;
    let complaint = '';
    let isLate = false;
    let isMuch = false;
    const timer = setTimeout(() => {
      isLate = true;
      child.kill('SIGKILL');
    }, SECONDS_MAX * 1000);
    child.stdout.on('data', (part: Buffer) => {
      output.push(part);
      bytes += part.length;
      isMuch = bytes > PART_BYTES_MAX;
      if (isMuch) child.kill('SIGKILL');
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint = (complaint + text).slice(0, 1000);
    });
    child.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(new Error(error.code === 'ENOENT' ? `${program} is not installed` : `${line}: ${error.message}`));
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      if (isLate) reject(new Error(`${line}: not within ${SECONDS_MAX} s`));
      else if (code === 0 || isMuch) resolve(Buffer.concat(output).toString());
      else reject(new Error(`${program}: ${complaint.trim().split('\n')[0] || `exit status ${code}`}`));
    });
  });
}
