/** The command line: from words to an exit status. Separate from main.ts, so that nothing here touches the process. */
import { createClient } from '../control/client.js';
import { DEFAULT_SOCKET } from '../control/default-socket.js';
import { ConfigurationRefused, unknownCommand, VxlaneError } from '../errors.js';
import { nearestNames } from '../nearest-names.js';
import type { Paint } from '../table.js';
import { version } from '../version.js';
import type { Command, Context } from './command.js';
import { COMMANDS } from './commands/index.js';
import { argsOf } from './values.js';
import { helpText, parseOptions, splitCommand } from './yargs.js';

/** What the process lends to the CLI. */
export interface Terminal {
  print(text: string): void;
  printError(text: string): void;
  /** stdout is a terminal. */
  readonly isTerminal: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Answers the exit status, as docs/cli.md has it. Throws on a bug only. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  let helpAt = 'vxlane --help';
  // Before the options are parsed: what is wrong with them is told so, too.
  const isJson = argv.slice(0, argv.includes('--') ? argv.indexOf('--') : argv.length).includes('--json');
  const complain = (said: string, code = 'warning') => {
    const message = said.replaceAll('\n', ' ');
    terminal.printError(isJson ? `${JSON.stringify({ error: { code, message } })}\n` : `vxlane: ${message}\n`);
  };
  try {
    const { name, rest } = splitCommand(argv, isCommand);
    const command = name === null ? null : await load(name);
    if (command !== null) helpAt = `vxlane ${name} --help`;
    const typed = parseOptions(command, rest);
    if (typed.options.version !== undefined) {
      terminal.print(`${version()}\n`);
      return 0;
    }
    if (command === null || typed.options.help !== undefined) {
      terminal.print(await helpText(command, await Promise.all(Object.keys(COMMANDS).map(load))));
      return 0;
    }
    const args = argsOf(command, typed);
    const context = await contextOf(terminal, args.socket, complain);
    return await command.run(args as never, context);
  } catch (error) {
    if (!(error instanceof VxlaneError)) throw error;
    if (error instanceof ConfigurationRefused) {
      for (const problem of error.problems) complain(problem, error.code);
      return error.exitCode;
    }
    complain(error.exitCode === 2 ? `${error.message} (see "${helpAt}")` : error.message, error.code);
    return error.exitCode;
  }
}

const isCommand = (name: string): boolean => Object.hasOwn(COMMANDS, name);

async function load(name: string): Promise<Command> {
  const loader = isCommand(name) ? COMMANDS[name] : undefined;
  if (loader !== undefined) return loader();
  const known = Object.keys(COMMANDS);
  const longer = known.filter((each) => each.startsWith(`${name} `));
  throw unknownCommand(name, longer, nearestNames(name, known));
}

async function contextOf(terminal: Terminal, socketTyped: unknown, complain: Context['complain']): Promise<Context> {
  const socket = (socketTyped as string | undefined) ?? (terminal.env.VXLANE_SOCKET || DEFAULT_SOCKET);
  return {
    print: terminal.print,
    complain,
    paint: await painter(terminal),
    isTerminal: terminal.isTerminal,
    env: terminal.env,
    socket,
    client: createClient(socket),
    commands: COMMANDS,
  };
}

/** Colours on a terminal only, and not when NO_COLOR says so (https://no-color.org). */
async function painter({ isTerminal, env }: Terminal): Promise<Paint> {
  if (!isTerminal || env.NO_COLOR) return (_, text) => text;
  const { createColors } = (await import('picocolors')).default;
  const { green, red, dim } = createColors(true);
  const paints = { good: green, bad: red, faint: dim, plain: String };
  return (tint, text) => paints[tint](text);
}
