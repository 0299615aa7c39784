/** Runs the built program as a child, as a shell would. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

export interface Outcome {
  status: number | null;
  stdout: string;
  stderr: string;
}

export type Run = (...args: string[]) => Promise<Outcome>;

export function start(args: readonly string[], env: Record<string, string>): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [MAIN, ...args], { env: { PATH: process.env.PATH, ...env } });
}

export function outcomeOf(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
  const outcome: Outcome = { status: null, stdout: '', stderr: '' };
  child.stdin.end();
  child.stdout.setEncoding('utf8').on('data', (text) => {
    outcome.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    outcome.stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ ...outcome, status }));
  });
}

/** Commands for the daemon behind `socket`. */
export function vxlaneAt(socket: string): Run {
  return (...args) => outcomeOf(start(args, { VXLANE_SOCKET: socket }));
}
