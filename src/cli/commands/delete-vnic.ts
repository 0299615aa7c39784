import { defineCommand } from '../command.js';
import { forEachName } from '../select.js';

export const deleteVnic = defineCommand({
  name: 'delete-vnic',
  sentence: 'Delete VNICs and their interfaces; by the name of a trunk, all its VNICs.',
  options: {},
  positionals: { names: { label: 'NAME', what: 'VNIC name', completes: 'vnic', rest: true } },
  example: 'vxlane delete-vnic foo0',
  run({ names }, context) {
    return forEachName(context, 'VNIC name', names, (name) => context.client.deleteVnic(name));
  },
});
