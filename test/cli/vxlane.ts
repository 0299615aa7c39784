/** Commands as a test types them: in its own process, or to the built program as a child, as a shell would. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { runHere } from '../support/vxlane.js';

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

/** Commands for the daemon behind `socket`, which come to an end by themselves, in this process. */
export function vxlaneAt(socket: string): Run {
  return async (...args) => {
    const { code, stdout, stderr } = await runHere(args, { PATH: process.env.PATH, VXLANE_SOCKET: socket });
    return { status: code, stdout, stderr };
  };
}

/** The same by the program, for what only a process shows: that its end has that status, and what is no command's. */
export function programAt(socket: string): Run {
  return (...args) => outcomeOf(start(args, { VXLANE_SOCKET: socket }));
}
