import type { OverlayView } from '../../control/protocol.js';
import { ENCAPS } from '../../encapsulations.js';
import { type Context, defineCommand, JSON_FLAG, PROPERTIES } from '../command.js';
import { printJson } from '../output.js';
import { parseProperties } from '../properties.js';
import { pluginReference } from '../search-plugin.js';

/** RFC 7348 section 5: the VXLAN network identifier has 24 bits. */
const VNI_MAX = 0xffffff;

/** That anybody may send is to be known by whoever did not ask for it. */
function noteSources({ name, properties }: OverlayView, context: Context): void {
  const check = properties.find((property) => property.name === 'source-check');
  if (check?.value !== 'off' || check.default !== 'off') return;
  const why = 'source-check is off, as the members of a multicast group are in no list';
  context.complain(`overlay ${name}: ${why}: whoever reaches the underlay may send (-p source-check=vtep)`);
}

export const createOverlay = defineCommand({
  name: 'create-overlay',
  sentence: 'Create an overlay: an encapsulation, a virtual network identifier and a search plugin.',
  options: {
    vnetid: {
      type: 'integer',
      aliases: ['v'],
      what: 'vnetid',
      value: 'VNID',
      range: [0, VNI_MAX],
      required: true,
      help: 'virtual network identifier',
    },
    encap: {
      type: 'text',
      aliases: ['e'],
      what: 'encapsulation',
      value: 'ENCAP',
      completes: ENCAPS,
      required: true,
      help: `encapsulation: ${ENCAPS.join(', ')}`,
    },
    search: {
      type: 'text',
      aliases: ['s'],
      what: 'search plugin',
      value: 'PLUGIN',
      completes: 'plugin',
      required: true,
      help: 'who answers where a MAC is: a plugin by name, a module (./mine.js), a package (vxlane-plugin-…)',
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
      search: pluginReference(args.search),
      properties: parseProperties(args.prop),
      temporary: args.temporary,
    });
    if (args.json) printJson(context, created);
    else noteSources(created, context);
    return 0;
  },
});
