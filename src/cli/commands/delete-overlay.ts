import { defineCommand } from '../command.js';

export const deleteOverlay = defineCommand({
  name: 'delete-overlay',
  sentence: 'Delete an overlay that has no VNICs.',
  options: {},
  positionals: { name: { label: 'NAME', what: 'overlay name' } },
  example: 'vxlane delete-overlay overlay0',
  async run({ name }, { client }) {
    await client.deleteOverlay(name);
    return 0;
  },
});
