import { defineCommand } from '../command.js';

export const deleteVnic = defineCommand({
  name: 'delete-vnic',
  sentence: 'Delete a VNIC and its interface.',
  options: {},
  positionals: { name: { label: 'NAME', what: 'VNIC name' } },
  example: 'vxlane delete-vnic foo0',
  async run({ name }, { client }) {
    await client.deleteVnic(name);
    return 0;
  },
});
