import { defineCommand } from '../command.js';

export const demo = defineCommand({
  name: 'demo',
  sentence: 'Build three hosts in network namespaces on this machine, prove them, and clean up.',
  options: { keep: { type: 'flag', help: 'leave the hosts up until Ctrl-C, and say how to look around' } },
  positionals: {},
  example: 'vxlane demo --keep',
  async run({ keep }) {
    const { runDemo } = await import('../../demo/demo.js');
    return runDemo({ keep });
  },
});
