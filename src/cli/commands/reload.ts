import type { StatusView } from '../../control/protocol.js';
import { BAD_ANSWER, type Context, defineCommand, JSON_FLAG } from '../command.js';
import { printJson } from '../output.js';

export const reload = defineCommand({
  name: 'reload',
  sentence:
    'Have the daemon read its configuration file and the sources of its plugins again; wait for what comes of it.',
  options: { json: JSON_FLAG },
  positionals: {},
  example: 'vxlane reload',
  async run({ json }, context) {
    const view = await context.client.reload();
    if (json) printJson(context, view);
    else context.print(`${outcomeOf(view)}\n`);
    return complain(view, context);
  },
});

function outcomeOf({ daemon: { configuration } }: StatusView): string {
  return configuration === null
    ? 'reloaded, without a configuration file'
    : `${configuration.file}: ${configuration.status}`;
}

/** Answers the exit status. */
function complain({ daemon: { configuration }, problems }: StatusView, context: Context): number {
  if (configuration?.status === 'refused') {
    for (const detail of configuration.details) context.complain(detail, 'bad_configuration');
    return 1;
  }
  const bad = problems.filter(({ severity }) => severity === 'bad');
  for (const { text } of bad) context.complain(text);
  return bad.length > 0 ? BAD_ANSWER : 0;
}
