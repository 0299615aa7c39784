/**
 * `vxlane` in the process of a test: starting a program for each command is half of what a test of commands costs. Only
 * commands that come to an end by themselves; test/cli shows what the program is as a process.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { runCli } from '../../src/cli/cli.js';
import { type Outcome, RUN_TIMEOUT_MS } from '../../src/demo/processes.js';
import { stackOf } from '../../src/stack.js';

const ASKING = /^((create|delete|modify|show)-.+|lookup|reload|status|trace|wait)$/;
/** An option by which a command goes on until a signal comes, which would be the test's own. */
const GOES_ON = /^--watch(=|$)/;

/** null: the command needs a process of its own. */
export function runVxlane(args: readonly string[], socket: string): Promise<Outcome> | null {
  if (!ASKING.test(args[0] ?? '') || args.some((arg) => GOES_ON.test(arg))) return null;
  return runHere(args, { ...process.env, VXLANE_SOCKET: socket });
}

/** What the command prints and answers, as if it were a program with that environment whose stdout is a file. */
export async function runHere(args: readonly string[], env: NodeJS.ProcessEnv): Promise<Outcome> {
  const stdout: string[] = [];
  const stderr: string[] = [];
  const terminal = {
    print: (text: string) => void stdout.push(text),
    printError: (text: string) => void stderr.push(text),
    isTerminal: false,
    env,
  };
  const isOver = new AbortController();
  const code = await Promise.race([
    runCli(args, terminal).catch((bug: unknown) => {
      terminal.printError(`vxlane: bug: ${stackOf(bug)}\n`);
      return 1;
    }),
    sleep(RUN_TIMEOUT_MS, null, { signal: isOver.signal }),
  ]).finally(() => isOver.abort());
  return { stdout: stdout.join(''), stderr: stderr.join(''), code, signal: null, timedOut: code === null };
}
