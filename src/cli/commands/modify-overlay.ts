import { parseEndpoint, parseMac } from '../../address.js';
import { macBad, modificationMissing, optionsExclusive, targetBad } from '../../errors.js';
import { defineCommand, PROPERTIES } from '../command.js';
import { parseProperties } from '../properties.js';
import { pluginReference } from '../search-plugin.js';

export const modifyOverlay = defineCommand({
  name: 'modify-overlay',
  sentence: 'Change the targets of an overlay, its search plugin, or its properties.',
  options: {
    'delete-entry': {
      type: 'text',
      aliases: ['d'],
      what: 'target',
      value: 'MAC',
      help: 'forget one target; the next frame asks the search plugin again',
    },
    'flush-table': { type: 'flag', aliases: ['f'], help: 'forget every target that a search plugin or -s set' },
    'set-entry': {
      type: 'text',
      aliases: ['s'],
      what: 'target',
      value: 'MAC=IP:PORT|drop',
      help: 'set one target; IPv6 in brackets',
    },
    thaw: { type: 'text', what: 'MAC', value: 'MAC', help: 'let a MAC move again that was frozen (flood/freeze)' },
    search: {
      type: 'text',
      what: 'search plugin',
      value: 'PLUGIN',
      completes: 'plugin',
      help: 'swap the search plugin under traffic',
    },
    prop: PROPERTIES,
  },
  positionals: { name: { label: 'NAME', what: 'overlay name', completes: 'overlay' } },
  example: 'vxlane modify-overlay -s de:ad:be:ef:00:05=10.88.88.72:4789 overlay0',
  async run(args, { client }) {
    const given = {
      '-d/--delete-entry': args['delete-entry'] !== undefined,
      '-f/--flush-table': args['flush-table'],
      '-s/--set-entry': args['set-entry'] !== undefined,
      '--thaw': args.thaw !== undefined,
      '--search or -p': args.search !== undefined || args.prop.length > 0,
    };
    const changes = Object.entries(given).flatMap(([option, isGiven]) => (isGiven ? [option] : []));
    if (changes.length === 0) throw modificationMissing();
    if (changes.length > 1) throw optionsExclusive(changes);
    if (args['delete-entry'] !== undefined) await client.deleteTarget(args.name, macOf(args['delete-entry']));
    else if (args.thaw !== undefined) await client.thaw(args.name, macOf(args.thaw));
    else if (args['flush-table']) await client.flushTargets(args.name);
    else if (args['set-entry'] !== undefined) {
      const { mac, destination } = targetOf(args['set-entry']);
      await client.setTarget(args.name, mac, { destination });
    } else {
      const properties = args.prop.length > 0 ? { properties: parseProperties(args.prop) } : {};
      const search = args.search === undefined ? {} : { search: pluginReference(args.search) };
      await client.modifyOverlay(args.name, { ...search, ...properties });
    }
    return 0;
  },
});

function macOf(text: string): string {
  const mac = parseMac(text);
  if (mac === null) throw macBad(text);
  return mac;
}

function targetOf(text: string): { mac: string; destination: string } {
  const equals = text.indexOf('=');
  if (equals < 0) throw targetBad(text);
  const mac = macOf(text.slice(0, equals));
  const destination = text.slice(equals + 1);
  if (destination.toLowerCase() === 'drop') return { mac, destination: 'drop' };
  if (parseEndpoint(destination) === null) throw targetBad(text);
  // Which port it is where none is named depends on the overlay.
  return { mac, destination };
}
