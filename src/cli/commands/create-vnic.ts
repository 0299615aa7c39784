import { parseMac } from '../../address.js';
import { macBad } from '../../errors.js';
import { defineCommand, JSON_FLAG } from '../command.js';
import { printJson } from '../output.js';
import { ALLOWED_IPS, limitsOf, listOf, PROTECTION, RATES } from '../vnic-options.js';

export const createVnic = defineCommand({
  name: 'create-vnic',
  sentence: 'Create a VNIC: a TAP interface with a MAC on an overlay, up and ready for addresses, or with them.',
  options: {
    mac: {
      type: 'text',
      aliases: ['m'],
      what: 'MAC address',
      value: 'MAC',
      completes: ['auto'],
      required: true,
      help: 'its MAC address; auto: one that this machine always gives to that name on that overlay',
    },
    link: {
      type: 'text',
      aliases: ['l'],
      what: 'overlay',
      value: 'OVERLAY',
      completes: 'overlay',
      required: true,
      help: 'its overlay',
    },
    netns: {
      type: 'text',
      aliases: ['n'],
      what: 'network namespace',
      value: 'NETNS',
      completes: 'netns',
      help: "network namespace of the interface: a name of `ip netns`, or a path (default: the daemon's)",
    },
    address: {
      type: 'list',
      aliases: ['a'],
      what: 'address',
      value: 'ADDR/LEN',
      help: 'address of the interface, as 10.55.55.2/24; repeatable, or with commas between',
    },
    'allow-any-mac': { type: 'flag', help: 'let other MACs send through it: a bridge with virtual machines behind' },
    protection: PROTECTION,
    'allowed-ips': ALLOWED_IPS,
    ...RATES,
    adopt: { type: 'flag', help: 'take the TAP of that name that is there, with its addresses, and make none' },
    temporary: { type: 'flag', aliases: ['t'], help: 'do not keep it over a restart of the daemon' },
    json: JSON_FLAG,
  },
  positionals: { name: { label: 'NAME', what: 'VNIC name' } },
  example: 'vxlane create-vnic -m de:ad:be:ef:00:00 -l overlay0 -a 10.55.55.2/24 foo0',
  async run(args, context) {
    const mac = args.mac === 'auto' ? args.mac : parseMac(args.mac);
    if (mac === null) throw macBad(args.mac);
    const created = await context.client.createVnic({
      name: args.name,
      overlay: args.link,
      mac,
      netns: args.netns,
      allowAnyMac: args['allow-any-mac'],
      addresses: listOf(args.address),
      protection: listOf(args.protection),
      allowedIps: listOf(args['allowed-ips']),
      ...limitsOf(args),
      adopt: args.adopt,
      temporary: args.temporary,
    });
    if (args.json) printJson(context, created);
    return 0;
  },
});
