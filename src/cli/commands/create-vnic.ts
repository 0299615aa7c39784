import { parseMac } from '../../address.js';
import { macBad } from '../../errors.js';
import { defineCommand, JSON_FLAG } from '../command.js';
import { printJson } from '../output.js';

export const createVnic = defineCommand({
  name: 'create-vnic',
  sentence: 'Create a VNIC: a TAP interface with a MAC on an overlay, up and ready for addresses.',
  options: {
    mac: { type: 'text', aliases: ['m'], what: 'MAC address', value: 'MAC', required: true, help: 'its MAC address' },
    link: { type: 'text', aliases: ['l'], what: 'overlay', value: 'OVERLAY', required: true, help: 'its overlay' },
    netns: {
      type: 'text',
      aliases: ['n'],
      what: 'network namespace',
      value: 'NETNS',
      help: "network namespace of the interface: a name of `ip netns`, or a path (default: the daemon's)",
    },
    'allow-any-mac': { type: 'flag', help: 'let other MACs send through it: a bridge with virtual machines behind' },
    temporary: { type: 'flag', aliases: ['t'], help: 'do not keep it over a restart of the daemon' },
    json: JSON_FLAG,
  },
  positionals: { name: { label: 'NAME', what: 'VNIC name' } },
  example: 'vxlane create-vnic -m de:ad:be:ef:00:00 -l overlay0 foo0',
  async run(args, context) {
    const mac = parseMac(args.mac);
    if (mac === null) throw macBad(args.mac);
    const created = await context.client.createVnic({
      name: args.name,
      overlay: args.link,
      mac,
      netns: args.netns,
      allowAnyMac: args['allow-any-mac'],
      temporary: args.temporary,
    });
    if (args.json) printJson(context, created);
    return 0;
  },
});
