import type { ConfigurationView } from '../../control/protocol.js';
import { noConfiguration } from '../../errors.js';
import type { Column } from '../../table.js';
import { BAD_ANSWER, defineCommand } from '../command.js';
import { OUTPUT, printerOf } from '../output.js';

/** One of what is wrong, or the one row that says that nothing is. */
interface Row extends Omit<ConfigurationView, 'details'> {
  readonly detail: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'FILE', value: ({ file }) => file },
  { title: 'STATUS', value: ({ status }) => status, tint: ({ status }) => (status === 'applied' ? 'good' : 'bad') },
  { title: 'APPLIED', value: ({ appliedAt }) => appliedAt ?? '' },
  { title: 'DETAILS', value: ({ detail }) => detail },
];

export const showConfig = defineCommand({
  name: 'show-config',
  sentence: 'Show what became of the configuration file when it was last read: FILE STATUS APPLIED DETAILS.',
  options: OUTPUT,
  positionals: {},
  example: 'vxlane show-config -o status,details',
  async run(args, context) {
    let shown: ConfigurationView | null = null;
    const print = printerOf(COLUMNS, args, () => shown);
    shown = (await context.client.daemon()).configuration;
    if (shown === null) throw noConfiguration();
    const { details, ...rest } = shown;
    print(context, details.length === 0 ? [{ ...rest, detail: '' }] : details.map((detail) => ({ ...rest, detail })));
    return shown.status === 'applied' ? 0 : BAD_ANSWER;
  },
});
