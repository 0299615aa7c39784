import { defineCommand, JSON_FLAG, PROPERTIES } from '../command.js';
import { printJson } from '../output.js';
import { parseProperties } from '../properties.js';

/** RFC 7348 section 5: the VXLAN network identifier has 24 bits. */
const VNI_MAX = 0xffffff;

export const createOverlay = defineCommand({
  name: 'create-overlay',
  sentence: 'Create an overlay: an encapsulation, a VXLAN network identifier and a search plugin.',
  options: {
    vnetid: {
      type: 'integer',
      aliases: ['v'],
      what: 'vnetid',
      value: 'VNID',
      range: [0, VNI_MAX],
      required: true,
      help: 'VXLAN network identifier',
    },
    encap: {
      type: 'text',
      aliases: ['e'],
      what: 'encapsulation',
      value: 'ENCAP',
      required: true,
      help: 'encapsulation: vxlan',
    },
    search: {
      type: 'text',
      aliases: ['s'],
      what: 'search plugin',
      value: 'PLUGIN',
      required: true,
      help: 'who answers where a MAC is: direct, files, svp',
    },
    prop: PROPERTIES,
    temporary: { type: 'flag', aliases: ['t'], help: 'do not keep it over a restart of the daemon' },
    json: JSON_FLAG,
  },
  positionals: { name: { label: 'NAME', what: 'overlay name' } },
  example:
    'vxlane create-overlay -v 23 -e vxlan -s files -p vxlan/listen_ip=10.88.88.69 ' +
    '-p files/config=/var/tmp/hosts.json overlay0',
  async run(args, context) {
    const created = await context.client.createOverlay({
      name: args.name,
      encap: args.encap,
      vni: args.vnetid,
      search: args.search,
      properties: parseProperties(args.prop),
      temporary: args.temporary,
    });
    if (args.json) printJson(context, created);
    return 0;
  },
});
