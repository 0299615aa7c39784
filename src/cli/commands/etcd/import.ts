import { etcdFailed, hostsFileBad, messageOf } from '../../../errors.js';
import type { Plan } from '../../../search/plugins/etcd/exchange.js';
import { UNSAID } from '../../../search/plugins/files/fields.js';
import { readFiles } from '../../../search/plugins/files/read.js';
import { defineCommand, JSON_FLAG } from '../../command.js';
import { printJson } from '../../output.js';
import { ETCD_OPTIONS, etcdSettings } from './options.js';

export const etcdImport = defineCommand({
  name: 'etcd import',
  sentence: 'Write the entries of a hosts.json to etcd, those that differ only.',
  options: {
    ...ETCD_OPTIONS,
    prune: { type: 'flag', help: 'remove the keys of MACs that are not in the file' },
    'dry-run': { type: 'flag', help: 'write nothing; list what would be written (+ new, ~ changed, - removed)' },
    json: JSON_FLAG,
  },
  positionals: { file: { label: 'FILE', what: 'hosts.json', completes: 'file' } },
  example: 'vxlane etcd import --endpoints http://10.0.0.1:2379 --prefix /vxlane/23/ hosts.json',
  async run(args, context) {
    const settings = etcdSettings(args, context.env);
    const file = await readFiles(args.file, UNSAID);
    if (file.table === null) throw hostsFileBad(args.file, String(file.problems));
    for (const line of file.warnings.lines) context.complain(`${args.file}: ${line}`);
    const { carryOut, openAny, planOf, snapshotOf } = await import('../../../search/plugins/etcd/exchange.js');
    const failed = (thrown: unknown): never => {
      throw etcdFailed('etcd import', messageOf(thrown));
    };
    const connection = await openAny(settings).catch(failed);
    try {
      const snapshot = await snapshotOf(connection, settings.prefix).catch(failed);
      const plan = planOf(file.table, snapshot);
      if (!args['dry-run']) await carryOut(plan, connection, args.prune).catch(failed);
      if (args.json) printJson(context, jsonOf(plan, args));
      else context.print(textOf(plan, args, settings.prefix));
      return 0;
    } finally {
      connection.close();
    }
  },
});

interface How {
  readonly prune: boolean;
  readonly 'dry-run': boolean;
}

function jsonOf({ added, changed, others, equal }: Plan, how: How) {
  return {
    added: [...added.keys()],
    changed: [...changed.keys()],
    removed: how.prune ? others : [],
    equal,
    notInFile: how.prune ? [] : others,
    dryRun: how['dry-run'],
  };
}

function textOf({ added, changed, others, equal }: Plan, how: How, prefix: string): string {
  const removed = how.prune ? others : [];
  const lines: string[] = [];
  if (how['dry-run']) {
    const marked = (mark: string, macs: Iterable<string>) => Array.from(macs, (mac) => ({ mark, mac }));
    const all = [...marked('+', added.keys()), ...marked('~', changed.keys()), ...marked('-', removed)];
    all.sort((a, b) => (a.mac < b.mac ? -1 : 1));
    for (const { mark, mac } of all) lines.push(`${mark} ${prefix}${mac}`);
  }
  const counts = `${added.size} added, ${changed.size} changed, ${removed.length} removed, ${equal} as they were`;
  lines.push(how['dry-run'] ? `would be ${counts}` : counts);
  if (others.length > removed.length) {
    lines.push(`under ${prefix} but not in the file: ${others.length}; --prune removes them`);
  }
  return `${lines.join('\n')}\n`;
}
