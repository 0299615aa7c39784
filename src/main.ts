#!/usr/bin/env node
/** The `vxlane` program: lends the process to the CLI and ends with its status. */
import { runCli } from './cli/cli.js';
import { stackOf } from './stack.js';

// A reader that has enough, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  process.exitCode = await runCli(process.argv.slice(2), {
    print: (text) => void process.stdout.write(text),
    printError: (text) => void process.stderr.write(text),
    isTerminal: process.stdout.isTTY === true,
    env: process.env,
  });
} catch (bug) {
  process.stderr.write(`vxlane: bug: ${stackOf(bug)}\n`);
  process.exitCode = 1;
}
