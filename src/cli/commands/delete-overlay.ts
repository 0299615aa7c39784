import { defineCommand } from '../command.js';
import { forEachName } from '../select.js';

export const deleteOverlay = defineCommand({
  name: 'delete-overlay',
  sentence: 'Delete overlays that have no VNICs.',
  options: {},
  positionals: { names: { label: 'NAME', what: 'overlay name', completes: 'overlay', rest: true } },
  example: 'vxlane delete-overlay overlay0',
  run({ names }, context) {
    return forEachName(context, 'overlay name', names, (name) => context.client.deleteOverlay(name));
  },
});
