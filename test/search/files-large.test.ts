/** A file so large that a thread of its own reads it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { macFromNumber } from '../../src/address.js';
import { files } from '../../src/search/plugins/files/files.js';
import { APART_BYTES } from '../../src/search/plugins/files/read-apart.js';
import { query, recordingContext } from './context.js';

const COUNT = 12_000;
const FIRST_MAC = 0x020000000000;
const mac = (i: number) => macFromNumber(FIRST_MAC + i);

/** Entry `odd` is behind another VTEP, and `extra` stands at the end of the file. */
function table(odd: number, extra = ''): string {
  const entries = Array.from({ length: COUNT }, (_, i) => {
    const own = { ip: i === odd ? '10.0.0.2' : '10.0.0.1', arp: `10.1.${i >> 8}.${i & 255}` };
    return `"${mac(i)}": ${JSON.stringify({ ...own, ndp: `fd00::${i.toString(16)}:1`, 'dhcp-proxy': mac(0) })}`;
  });
  return `{ ${entries.join(',\n')}${extra} }`;
}

describe('a large file', () => {
  let dir: string;
  let path: string;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vxlane-files-'));
    path = join(dir, 'hosts.json');
  });
  afterEach(() => rm(dir, { recursive: true }));

  test('is read aside, and answers as a small one does', async () => {
    await writeFile(path, table(-1, ', "02:ff:00:00:00:01": { "ip": "10.0.0.3", "dhcp-proxy": "02:ff:00:00:00:02" }'));
    assert(table(-1).length > APART_BYTES);
    const context = recordingContext();
    const instance = files.create(context, { 'files/config': path });
    await instance.start();
    assert.deepEqual(instance.lookup(query(mac(11_999))), { target: { ip: '10.0.0.1', port: 4789 } });
    assert.equal(instance.lookup(query(mac(COUNT))), null);
    assert.deepEqual(instance.arp?.('10.1.46.223', 0), { mac: mac(11_999) });
    assert.deepEqual(instance.ndp?.('fd00::2edf:1', 0), { mac: mac(11_999) });
    assert.equal(instance.dhcp?.(mac(5)), mac(0));
    assert.match(context.logged.join(), /dhcp-proxy 02:ff:00:00:00:02, named by 1 of the entries, has no entry itself/);
    await writeFile(path, table(7));
    instance.lookup(query(mac(7)));
    let turns = 0;
    const counter = setInterval(() => turns++, 1);
    await instance.reload?.();
    clearInterval(counter);
    assert(turns > 0, 'the thread of the instance has its turns meanwhile');
    assert.deepEqual(context.calls, [`put ${mac(7)} 10.0.0.2:4789`]);
    await instance.stop();
  });

  test('that is wrong is refused with what is wrong', async () => {
    await writeFile(path, table(-1, ', "02:ff:00:00:00:01": { "ip": "10.0.0" }'));
    const instance = files.create(recordingContext(), { 'files/config': path });
    await assert.rejects(async () => instance.start(), {
      message: /02:ff:00:00:00:01\.ip: not an IP address: "10\.0\.0"/,
    });
    await instance.stop();
  });

  test('is not waited for when the instance is to stop', async () => {
    await writeFile(path, table(-1));
    const context = recordingContext();
    const instance = files.create(context, { 'files/config': path });
    const started = Promise.resolve(instance.start());
    context.abort();
    await started.catch(({ message }) => assert.equal(message, 'reading was broken off'));
    await instance.stop();
  });
});
