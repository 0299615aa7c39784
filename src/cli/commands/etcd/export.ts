import { rename, rm, writeFile } from 'node:fs/promises';
import { etcdFailed, hostsFileNotWritten, messageOf } from '../../../errors.js';
import { defineCommand } from '../../command.js';
import { ETCD_OPTIONS, etcdSettings } from './options.js';

export const etcdExport = defineCommand({
  name: 'etcd export',
  sentence: 'Print what etcd has as a hosts.json, or write it to a file.',
  options: ETCD_OPTIONS,
  positionals: { file: { label: 'FILE', what: 'hosts.json', completes: 'file', optional: true } },
  example: 'vxlane etcd export --endpoints http://10.0.0.1:2379 --prefix /vxlane/23/ hosts.json',
  async run(args, context) {
    const settings = etcdSettings(args, context.env);
    const { hostsText, openAny, snapshotOf } = await import('../../../search/plugins/etcd/exchange.js');
    const failed = (thrown: unknown): never => {
      throw etcdFailed('etcd export', messageOf(thrown));
    };
    const connection = await openAny(settings).catch(failed);
    try {
      const snapshot = await snapshotOf(connection, settings.prefix).catch(failed);
      for (const line of snapshot.warnings) context.complain(line);
      const text = hostsText(snapshot);
      if (args.file === undefined) context.print(text);
      else await replaceFile(args.file, text);
      return snapshot.bad.size > 0 ? 1 : 0;
    } finally {
      connection.close();
    }
  },
});

/** A daemon that watches the file never sees a half of it. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, text);
    await rename(temporary, path);
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw hostsFileNotWritten(path, thrown);
  }
}
