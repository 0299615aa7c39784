/** Built-in plugins that need no server: what the suite is told of `direct`, `files` and `flood`. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Backend, Subject } from 'vxlane/search/testing';

const [A, B, C, D] = [0, 1, 2, 3].map((n) => `de:ad:be:ef:00:0${n}`) as [string, string, string, string];

export const directSubject = {
  plugin: 'direct',
  target: { ip: '10.88.88.70', port: 4790 },
  wrong: { 'direct/dest_ip': '224.0.0.1' },
  backend: () => ({ properties: { 'direct/dest_ip': '10.88.88.70', 'direct/dest_port': '4790' } }),
} satisfies Subject;

export const floodSubject = {
  plugin: 'flood',
  unknown: 'de:ad:be:ee:00:00',
  wrong: { 'flood/endpoints': '10.88.88.70, nowhere', 'flood/group': '10.88.88.70' },
  backend: () => ({ properties: { 'flood/endpoints': '10.88.88.70, 10.88.88.71:4790', 'flood/group': '239.1.1.1' } }),
} satisfies Subject;

const BEFORE = {
  [A]: { ip: '10.88.88.69', port: 4789, arp: '10.55.55.2', ndp: 'fe80::3' },
  [B]: { ip: '10.88.88.70', port: 4789, arp: '10.55.55.3', ndp: 'fe80::4', 'dhcp-proxy': A },
  [D]: { ip: '10.88.88.73' },
};
/** A moved, B is gone, C is new. */
const AFTER = { [A]: { ip: '10.88.88.71', port: 4790 }, [C]: { ip: '10.88.88.72', port: 4789 } };

export const filesSubject = {
  plugin: 'files',
  known: { [A]: { ip: '10.88.88.69', port: 4789 }, [B]: { ip: '10.88.88.70', port: 4789 } },
  portless: { [D]: '10.88.88.73' },
  unknown: 'de:ad:be:ee:00:00',
  owners: { '10.55.55.2': A, '10.55.55.3': B, '10.55.55.4': null, 'fe80::3': A, 'fe80::5': null },
  servers: { [B]: A, [A]: null },
  changes: { [A]: { ip: '10.88.88.71', port: 4790 }, [B]: null, [C]: { ip: '10.88.88.72', port: 4789 } },
  wrong: { 'files/config': '/proc/none/hosts.json' },
  backend: fileBackend,
} satisfies Subject;

async function fileBackend(): Promise<Backend> {
  const directory = await mkdtemp(join(tmpdir(), 'vxlane-conformance-'));
  const path = join(directory, 'hosts.json');
  const write = async (text: string) => {
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  };
  await write(JSON.stringify(BEFORE));
  return {
    properties: { 'files/config': path },
    change: () => write(JSON.stringify(AFTER)),
    fail: () => write('{ "de:ad'),
    mend: () => write(JSON.stringify(BEFORE)),
    close: () => rm(directory, { recursive: true }),
  };
}
