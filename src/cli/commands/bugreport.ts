import { defineCommand, JSON_FLAG } from '../command.js';
import { printJson } from '../output.js';

export const bugreport = defineCommand({
  name: 'bugreport',
  sentence: 'Write one archive with what somebody needs who looks for what is wrong, secrets taken out.',
  options: {
    output: {
      type: 'text',
      aliases: ['o'],
      what: 'file',
      value: 'FILE',
      completes: 'file',
      help: 'where to write it; never over a file; default vxlane-bugreport-HOST-TIME.tar.gz here',
    },
    'state-dir': {
      type: 'text',
      what: 'state directory',
      value: 'DIR',
      completes: 'file',
      help: 'where the daemon keeps its state; by default what its process was told, or /var/lib/vxlane',
    },
    json: JSON_FLAG,
  },
  positionals: {},
  example: 'vxlane bugreport -o report.tar.gz',
  async run({ output, 'state-dir': stateDir, json }, context) {
    // Apart from the command: it loads much, and every command pays for its start.
    const { contentsText, writeBugReport } = await import('../../bugreport/bug-report.js');
    const { client, socket } = context;
    const report = await writeBugReport({ client, socket, file: output ?? null, stateDir: stateDir ?? null });
    const { file, bytes, packed, missing, removed } = report;
    if (json) {
      printJson(context, { file, bytes, packed: packed.map(({ text: _, ...each }) => each), missing, removed });
    } else {
      context.print(
        `${contentsText(report)}${file}: ${bytes} bytes, for its owner alone to read; look at it before you send it\n`,
      );
    }
    return 0;
  },
});
