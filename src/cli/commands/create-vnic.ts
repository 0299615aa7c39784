import { parseMac } from '../../address.js';
import { badTrunk, macBad, optionMissing, trunkHasNoLink } from '../../errors.js';
import { TRUNK_WITHOUT_ADDRESSES, trunkMembers } from '../../trunk.js';
import { defineCommand, JSON_FLAG } from '../command.js';
import { printJson } from '../output.js';
import { ADDRESS, ALLOWED_IPS, limitsOf, listOf, NETNS, PROTECTION, RATES, TRUNK } from '../vnic-options.js';

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
      help: 'its overlay; required, unless there is --trunk',
    },
    trunk: TRUNK,
    netns: NETNS,
    address: ADDRESS,
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
    const common = {
      name: args.name,
      mac,
      netns: args.netns,
      protection: listOf(args.protection),
      allowedIps: listOf(args['allowed-ips']),
      ...limitsOf(args),
      adopt: args.adopt,
      temporary: args.temporary,
    };
    if (args.trunk.length > 0) {
      if (args.link !== undefined) throw trunkHasNoLink();
      if (args.address.length > 0) throw badTrunk(args.name, TRUNK_WITHOUT_ADDRESSES);
      const members = membersOf(args.name, listOf(args.trunk));
      const all = await context.client.createTrunk({ ...common, members });
      if (args.json) printJson(context, all);
      return 0;
    }
    if (args.link === undefined) throw optionMissing('overlay', '-l OVERLAY, or --trunk VLAN=OVERLAY');
    const created = await context.client.createVnic({
      ...common,
      overlay: args.link,
      allowAnyMac: args['allow-any-mac'],
      addresses: listOf(args.address),
    });
    if (args.json) printJson(context, created);
    return 0;
  },
});

function membersOf(name: string, texts: readonly string[]): { vlan: number; overlay: string }[] {
  return trunkMembers(name, texts.map(pairOf)).map(({ trunk: { vlan }, overlay }) => ({ vlan, overlay }));
}

function pairOf(text: string): readonly [vlan: string, overlay: string] {
  const [vlan = '', ...rest] = text.split('=');
  return [vlan, rest.join('=')];
}
