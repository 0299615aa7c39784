import assert from 'node:assert/strict';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { claimStateDir } from '../../../src/daemon/state/lock.js';
import { State, type StoredOverlay } from '../../../src/daemon/state/store.js';
import { silentLog } from '../harness.js';

const OVERLAY: StoredOverlay = {
  version: 1,
  name: 'overlay0',
  vni: 23,
  encap: 'vxlan',
  search: 'files',
  properties: { 'vxlan/listen_ip': '10.88.88.69', 'files/config': '/var/tmp/hosts.json' },
  targets: { 'de:ad:be:ef:00:09': '10.88.88.99:4789', 'de:ad:be:ef:00:0a': 'drop' },
};

let directory: string;
let errors: { message: string; fields: Record<string, unknown> }[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vxlane-state-'));
  errors = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

const overlayFile = (name = 'overlay0.json') => join(directory, 'overlays', name);
const open = () =>
  State.open(directory, {
    ...silentLog,
    error: (message, fields) => void errors.push({ message, fields: fields as Record<string, unknown> }),
  });

describe('state', () => {
  it('is read as it was written, for root alone', async () => {
    const state = await open();
    await state.overlays.save(OVERLAY);
    await state.vnics.save({
      version: 1,
      name: 'foo0',
      overlay: 'overlay0',
      mac: 'de:ad:be:ef:00:00',
      netns: null,
      allowAnyMac: false,
    });
    const again = await open();
    assert.deepEqual(await again.overlays.load(), [OVERLAY]);
    assert.equal((await again.vnics.load()).length, 1);
    assert.equal(statSync(overlayFile()).mode & 0o777, 0o600);
    assert.deepEqual(errors, []);
  });

  it('forgets what was removed; removing twice is harmless', async () => {
    const state = await open();
    await state.overlays.save(OVERLAY);
    await state.overlays.remove('overlay0');
    await state.overlays.remove('overlay0');
    assert.deepEqual(await state.overlays.load(), []);
  });

  it('keeps the old file when a new one cannot be written, and leaves no part of it', async () => {
    const state = await open();
    await state.overlays.save(OVERLAY);
    mkdirSync(`${overlayFile()}.tmp`);
    await assert.rejects(state.overlays.save({ ...OVERLAY, vni: 24 }), { code: 'state_not_written' });
    assert.deepEqual(await state.overlays.load(), [OVERLAY]);
  });

  it('clears away what an interrupted write left, and what it left is never read', async () => {
    await open();
    writeFileSync(`${overlayFile()}.tmp`, '{"version":1');
    const state = await open();
    assert.deepEqual(await state.overlays.load(), []);
    assert.deepEqual(readdirSync(join(directory, 'overlays')), []);
    assert.deepEqual(errors, []);
  });

  it('whose directory cannot be made says so', async () => {
    writeFileSync(join(directory, 'file'), '');
    await assert.rejects(State.open(join(directory, 'file'), silentLog), { code: 'state_dir_unusable' });
  });
});

describe('a state file that cannot be used is moved aside and reported', () => {
  const text = JSON.stringify(OVERLAY);
  const bad: Record<string, string> = {
    empty: '',
    'cut off': text.slice(0, 40),
    'not JSON': 'overlay0: 23',
    'no object': '[]',
    'of another version': JSON.stringify({ ...OVERLAY, version: 2 }),
    'without a version': JSON.stringify({ ...OVERLAY, version: undefined }),
    'with a number as text': JSON.stringify({ ...OVERLAY, vni: '23' }),
    'with a VNI too large': JSON.stringify({ ...OVERLAY, vni: 1 << 24 }),
    'with a field nobody knows': JSON.stringify({ ...OVERLAY, color: 'red' }),
    'with the name of another': JSON.stringify({ ...OVERLAY, name: 'overlay1' }),
    'with a name that is a path': JSON.stringify({ ...OVERLAY, name: '../overlay0' }),
  };
  for (const [what, content] of Object.entries(bad)) {
    it(`${what}`, async () => {
      const state = await open();
      await state.overlays.save({ ...OVERLAY, name: 'good', vni: 1 });
      writeFileSync(overlayFile(), content);
      const loaded = await state.overlays.load();
      assert.deepEqual(
        loaded.map(({ name }) => name),
        ['good'],
      );
      assert.equal(errors.length, 1);
      const { movedTo, reason } = errors[0]!.fields;
      assert.match(String(movedTo), /overlays\/overlay0\.json\.corrupt-\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      assert.notEqual(reason, '');
      assert.equal(readFileSync(String(movedTo), 'utf8'), content);
      assert.equal((await state.overlays.load()).length, 1);
      assert.equal(errors.length, 1, 'not read again');
    });
  }
});

describe('a state file that cannot be read is reported and stays where it is', () => {
  it('as a directory, or a link in a circle; the others are loaded', async () => {
    const state = await open();
    await state.overlays.save({ ...OVERLAY, name: 'good', vni: 1 });
    mkdirSync(overlayFile());
    symlinkSync('circle.json', overlayFile('circle.json'));
    const loaded = await state.overlays.load();
    assert.deepEqual(
      loaded.map(({ name }) => name),
      ['good'],
    );
    assert.deepEqual(
      errors.map(({ message }) => message),
      Array(2).fill('a state file cannot be read'),
    );
    assert.match(String(errors[0]!.fields.reason), /ELOOP/);
    assert.deepEqual(readdirSync(join(directory, 'overlays')).sort(), ['circle.json', 'good.json', 'overlay0.json']);
  });

  it('and is moved aside, not replaced, when its name is used again', async () => {
    const state = await open();
    symlinkSync('overlay0.json', overlayFile());
    assert.deepEqual(await state.overlays.load(), []);
    await state.overlays.save(OVERLAY);
    assert.deepEqual(await state.overlays.load(), [OVERLAY]);
    const files = readdirSync(join(directory, 'overlays')).sort();
    assert.equal(files.length, 2);
    assert.match(files[1]!, /^overlay0\.json\.corrupt-/);
  });
});

describe('a state directory that cannot be made', () => {
  it('is an error at once, also where the kernel says that there is nothing', () => {
    for (const path of ['/proc/nowhere', '/proc/nowhere/deeper', '/sys/nowhere']) {
      assert.throws(() => claimStateDir(path), { code: 'state_dir_unusable' }, path);
    }
  });

  it('is made with all above it, for root alone', () => {
    const path = join(directory, 'some', 'where');
    claimStateDir(path).release();
    assert.equal(statSync(join(directory, 'some')).mode & 0o777, 0o700);
    assert.equal(statSync(path).mode & 0o777, 0o700);
  });
});
