import { followEvents } from '../../control/follow-events.js';
import { defineCommand } from '../command.js';
import { onInterrupt } from '../watch.js';

export const events = defineCommand({
  name: 'events',
  sentence: 'Print what happened of late, a JSON object a line: overlays, VNICs, MACs, plugins, limits, configuration.',
  options: {
    follow: { type: 'flag', help: 'go on with what happens, until Ctrl-C' },
    overlay: {
      type: 'list',
      what: 'overlay name',
      value: 'OVERLAY',
      completes: 'overlay',
      help: 'only what is of this overlay; may be given more than once',
    },
  },
  positionals: {},
  example: 'vxlane events --follow --overlay overlay0',
  async run({ follow, overlay: overlays }, { client, socket, print, complain }) {
    const { events: kept, last } = await client.events({ overlay: [...overlays] });
    print(kept.map((event) => `${JSON.stringify(event)}\n`).join(''));
    if (!follow) return 0;
    for await (const event of followEvents(socket, { overlays, after: last, signal: onInterrupt() })) {
      if ('id' in event) print(`${JSON.stringify(event)}\n`);
      else complain(event.reason);
    }
    return 0;
  },
});
