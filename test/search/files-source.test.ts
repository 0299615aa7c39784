/** One table file, several instances of one thread that name it. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { VXLAN_PORT } from '../../src/address.js';
import { SEED_FILE } from '../../src/demo/seed.js';
import type { DynamicInstance } from '../../src/search/api.js';
import { files } from '../../src/search/plugins/files/files.js';
import type { ParseResult } from '../../src/search/plugins/files/parse.js';
import { type TableReader, tableSource } from '../../src/search/plugins/files/source.js';
import { SETTLE_MS } from '../../src/search/plugins/files/watch.js';
import { until } from '../support/until.js';
import { query, recordingContext } from './context.js';

const MAC = 'de:ad:be:ef:00:01';

class Reader implements TableReader {
  readonly results: ParseResult[] = [];

  readAgain(result: ParseResult): void {
    this.results.push(result);
  }
}

describe('the source of a table', () => {
  let dir: string;
  let path: string;
  const [first, second] = [new Reader(), new Reader()];

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vxlane-source-'));
    path = join(dir, 'hosts.json');
    await writeFile(path, SEED_FILE);
    await new Promise((resolve) => setTimeout(resolve, 2 * SETTLE_MS)); // its times tell what is in it
  });

  afterEach(() => rm(dir, { recursive: true }));

  test('reads once for all who come, at once or later, and again for those who ask for it', async () => {
    const source = tableSource(path, VXLAN_PORT);
    assert.equal(tableSource(path, VXLAN_PORT), source);
    const [one, two] = await Promise.all([source.join(first), source.join(second)]);
    assert.ok(one.table !== null);
    assert.equal(one.table, two.table);
    const third = new Reader();
    assert.equal((await source.join(third)).table, one.table);
    await Promise.all([source.reload(), source.reload(), source.reload()]);
    assert.equal(third.results.length, 1);
    assert.notEqual(third.results[0]!.table, one.table);
    for (const reader of [first, second, third]) source.leave(reader);
    assert.notEqual(tableSource(path, VXLAN_PORT), source);
  });

  test('tells a change to all who stay', async () => {
    const source = tableSource(path, VXLAN_PORT);
    const [gone, stays] = [new Reader(), new Reader()];
    await source.join(gone);
    await source.join(stays);
    source.leave(gone);
    await writeFile(path, '{}');
    await until(() => stays.results.at(-1)?.table?.targets.size === 0);
    assert.deepEqual(gone.results, []);
    source.leave(stays);
  });

  test('is not what a newcomer takes when the file has changed since, or is broken', async () => {
    const source = tableSource(path, VXLAN_PORT);
    await source.join(first);
    await writeFile(path, '{}');
    await utimes(path, 1, 1);
    assert.equal((await source.join(second)).table?.targets.size, 0);
    await writeFile(path, '{');
    const third = new Reader();
    assert.equal((await source.join(third)).table, null);
    for (const reader of [first, second, third]) source.leave(reader);
  });
});

test('instances with one file are told each of what it was asked, and one that stops leaves the others', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'vxlane-source-'));
  const path = join(dir, 'hosts.json');
  await writeFile(path, SEED_FILE);
  const contexts = [recordingContext(), recordingContext(), recordingContext()];
  const instances = contexts.map((context): DynamicInstance => files.create(context, { 'files/config': path }));
  await Promise.all(instances.map((instance) => instance.start()));
  instances[0]!.lookup(query(MAC));
  instances[1]!.lookup(query(MAC));
  await instances[0]!.stop();
  await writeFile(path, '{}');
  await until(() => contexts[1]!.calls.length > 0);
  assert.deepEqual(
    contexts.map(({ calls }) => calls),
    [[], [`withdraw ${MAC}`], []],
  );
  await Promise.all(instances.map((instance) => instance.stop()));
  await rm(dir, { recursive: true });
});
