import type { VnicView } from '../../control/protocol.js';
import { noSuchVnic } from '../../errors.js';
import type { Column } from '../../table.js';
import { defineCommand } from '../command.js';
import { OUTPUT, printerOf } from '../output.js';
import { selectNamed } from '../select.js';

const yesNo = (value: boolean): string => (value ? 'yes' : 'no');

/** Empty: no limit. */
const limitText = (limit: number | null): string => (limit === null ? '' : String(limit));

const COLUMNS: readonly Column<VnicView>[] = [
  { title: 'LINK', value: ({ name }) => name },
  { title: 'OVER', value: ({ overlay }) => overlay },
  { title: 'MACADDRESS', value: ({ mac }) => mac },
  { title: 'MTU', value: ({ mtu }) => String(mtu), isNumber: true },
  { title: 'NETNS', value: ({ netns }) => netns ?? '' },
  { title: 'ADDRESSES', value: ({ addresses }) => addresses.join(',') },
  { title: 'STATE', value: ({ state }) => state, tint: ({ state }) => (state === 'up' ? 'good' : 'bad') },
  { title: 'INTERFACE', value: ({ interface: name }) => name ?? '', isExtra: true },
  { title: 'TRUNK', value: ({ trunk }) => trunk?.name ?? '', isExtra: true },
  { title: 'VLAN', value: ({ trunk }) => (trunk === null ? '' : String(trunk.vlan)), isNumber: true, isExtra: true },
  { title: 'ANYMAC', value: ({ allowAnyMac }) => yesNo(allowAnyMac), isExtra: true },
  { title: 'PROTECTION', value: ({ protection }) => protection.join(','), isExtra: true },
  { title: 'ALLOWEDIPS', value: ({ allowedIps }) => allowedIps.join(','), isExtra: true },
  { title: 'RATEBPS', value: ({ rateBps }) => limitText(rateBps), isNumber: true, isExtra: true },
  { title: 'RATEPPS', value: ({ ratePps }) => limitText(ratePps), isNumber: true, isExtra: true },
  { title: 'STORMPPS', value: ({ stormPps }) => limitText(stormPps), isNumber: true, isExtra: true },
  { title: 'TEMPORARY', value: ({ temporary }) => yesNo(temporary), isExtra: true },
  { title: 'DECLARED', value: ({ declared }) => declared ?? '', isExtra: true },
];

export const showVnic = defineCommand({
  name: 'show-vnic',
  sentence:
    'Show VNICs: LINK OVER MACADDRESS MTU NETNS ADDRESSES STATE (and INTERFACE, TRUNK, VLAN, ANYMAC, PROTECTION, ' +
    'ALLOWEDIPS, RATEBPS, RATEPPS, STORMPPS, TEMPORARY, DECLARED by -o).',
  options: OUTPUT,
  positionals: { names: { label: 'NAME', what: 'VNIC name', completes: 'vnic', rest: true } },
  example: 'vxlane show-vnic -o link,macaddress',
  async run(args, context) {
    const print = printerOf(COLUMNS, args, (vnics) => vnics);
    const { found, status } = selectNamed(context, await context.client.vnics(), args.names, noSuchVnic);
    if (found.length > 0 || args.names.length === 0) print(context, found);
    return status;
  },
});
