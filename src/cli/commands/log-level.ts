import { choiceBad } from '../../errors.js';
import { LOG_LEVELS, parseLogLevel } from '../../log-levels.js';
import { defineCommand } from '../command.js';

export const logLevel = defineCommand({
  name: 'log-level',
  sentence: "Show or change the level of the running daemon's log: debug, info, warn, error or fatal.",
  options: {},
  positionals: { level: { label: 'LEVEL', what: 'log level', completes: LOG_LEVELS, optional: true } },
  example: 'vxlane log-level debug',
  async run({ level }, { client, print }) {
    if (level === undefined) {
      print(`${(await client.daemon()).logLevel}\n`);
      return 0;
    }
    const parsed = parseLogLevel(level);
    if (parsed === null) throw choiceBad('log level', level, LOG_LEVELS);
    await client.setLogLevel({ level: parsed });
    return 0;
  },
});
