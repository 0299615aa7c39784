import { defineCommand, JSON_FLAG } from '../command.js';
import { printJson } from '../output.js';
import { ALLOWED_IPS, limitsOf, listOf, PROTECTION, RATES } from '../vnic-options.js';

/** The word for an empty list. */
const NONE = 'none';

export const modifyVnic = defineCommand({
  name: 'modify-vnic',
  sentence: 'Change the link protection and the rate limits of a VNIC while frames flow.',
  options: {
    protection: { ...PROTECTION, completes: [...PROTECTION.completes, NONE], help: `${PROTECTION.help}; or none` },
    'allowed-ips': { ...ALLOWED_IPS, completes: [NONE], help: `${ALLOWED_IPS.help}; or none` },
    ...RATES,
    json: JSON_FLAG,
  },
  positionals: { name: { label: 'NAME', what: 'VNIC name', completes: 'vnic' } },
  example: 'vxlane modify-vnic --protection mac-nospoof,ip-nospoof --allowed-ips 10.55.55.2,fd00::/64 foo0',
  async run(args, context) {
    const modified = await context.client.modifyVnic(args.name, {
      protection: changeOf(args.protection),
      allowedIps: changeOf(args['allowed-ips']),
      ...limitsOf(args),
    });
    if (args.json) printJson(context, modified);
    return 0;
  },
});

/** undefined: it stays as it is. */
function changeOf(given: readonly string[]): string[] | undefined {
  if (given.length === 0) return undefined;
  const list = listOf(given);
  return list.length === 1 && list[0] === NONE ? [] : list;
}
