import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { claimStateDir } from '../../../src/daemon/state/lock.js';
import { State } from '../../../src/daemon/state/store.js';
import { textOf } from '../../../src/daemon/state/stored.js';
import { needsRoot } from '../../support/root.js';
import { silentLog } from '../harness.js';
import { OVERLAY } from './stored-overlay.js';

let directory: string;
let errors: { message: string; fields: Record<string, unknown> }[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vxlane-state-'));
  errors = [];
});
afterEach(() => rmSync(directory, { recursive: true }));

const overlayFile = (name = 'overlay0.json') => join(directory, 'overlays', name);
const files = () => readdirSync(join(directory, 'overlays')).sort();
const namesOf = async (state: State) => (await state.overlays.load()).map(({ name }) => name);
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

describe('a state file that cannot be used stays as it is, and its object is not loaded', () => {
  const text = JSON.stringify(OVERLAY);
  const bad: Record<string, readonly [content: string, reason: RegExp]> = {
    empty: ['', /^it is no JSON, or cut off: /],
    'cut off': [text.slice(0, 40), /^it is no JSON, or cut off: /],
    'not JSON': ['overlay0: 23', /^it is no JSON, or cut off: /],
    'no object': ['[]', /^it is no object$/],
    'of a newer version': [
      JSON.stringify({ ...OVERLAY, version: 5, color: 'red' }),
      /^it is of version 5, and this vxlane reads versions 1 to 4: upgrade vxlane$/,
    ],
    'without a version': [JSON.stringify({ ...OVERLAY, version: undefined }), /^version: /],
    'with a number as text': [JSON.stringify({ ...OVERLAY, vni: '23' }), /^vni: /],
    'with a VNI too large': [JSON.stringify({ ...OVERLAY, vni: 1 << 24 }), /^vni: /],
    'with keys nobody knows': [
      JSON.stringify({ ...OVERLAY, color: 'red', size: 1 }),
      /^it has keys that this vxlane does not know: color, size$/,
    ],
    'with the name of another': [JSON.stringify({ ...OVERLAY, name: 'overlay1' }), /^it says that it is overlay1$/],
    'with a name that is a path': [JSON.stringify({ ...OVERLAY, name: '../overlay0' }), /^name: bad link name/],
    'edited without a word': [
      textOf(OVERLAY).replace('"vni": 23', '"vni": 24'),
      /^it is not as it was written \(if you edited it, remove its line "checksum"; then vxlane reload\)$/,
    ],
  };
  for (const [what, [content, expected]] of Object.entries(bad)) {
    it(`${what}`, async () => {
      const state = await open();
      await state.overlays.save({ ...OVERLAY, name: 'good', vni: 1 });
      writeFileSync(overlayFile(), content);
      assert.deepEqual(await namesOf(state), ['good']);
      const unloaded = state.overlays.unloaded.get('overlay0');
      assert.match(unloaded?.reason ?? '', expected);
      assert.equal(unloaded?.file, overlayFile());
      assert.deepEqual(errors, [
        {
          message: 'a state file cannot be used and stays as it is',
          fields: { file: unloaded?.file, reason: unloaded?.reason },
        },
      ]);
      await assert.rejects(state.overlays.save(OVERLAY), { code: 'state_file_kept' });
      assert.equal(readFileSync(overlayFile(), 'utf8'), content, 'nothing was written over it');
      assert.deepEqual(files(), ['good.json', 'overlay0.json']);
    });
  }

  it('and what it says of itself is known as far as it has a meaning', async () => {
    const state = await open();
    const content = { ...OVERLAY, version: 7, search: { name: 'files' }, netns: 5 };
    writeFileSync(overlayFile(), JSON.stringify(content));
    await state.overlays.load();
    const { vni, search, encap, netns } = state.overlays.unloaded.get('overlay0')!;
    assert.deepEqual({ vni, search, encap, netns }, { vni: 23, search: undefined, encap: 'vxlan', netns: undefined });
  });

  it('until it is mended, or gone', async () => {
    const state = await open();
    writeFileSync(overlayFile(), '');
    writeFileSync(overlayFile('gone.json'), '');
    await state.overlays.load();
    assert.deepEqual([...state.overlays.unloaded.keys()], ['gone', 'overlay0']);
    writeFileSync(overlayFile(), text);
    rmSync(overlayFile('gone.json'));
    assert.deepEqual(await state.overlays.loadAgain(), [OVERLAY]);
    assert.equal(state.overlays.unloaded.size, 0);
    await state.overlays.save({ ...OVERLAY, vni: 25 });
    assert.deepEqual(await state.overlays.load(), [{ ...OVERLAY, vni: 25 }]);
  });

  it('or removed, when its name is free again', async () => {
    const state = await open();
    writeFileSync(overlayFile(), '');
    await state.overlays.load();
    await state.overlays.remove('overlay0');
    await state.overlays.save(OVERLAY);
    assert.deepEqual(await namesOf(await open()), ['overlay0']);
  });

  it('is nothing that could be without end, or that others may write to', async () => {
    const state = await open();
    const make: Record<string, (path: string) => void> = {
      directory: mkdirSync,
      fifo: (path) => execFileSync('mkfifo', [path]),
      zero: (path) => symlinkSync('/dev/zero', path),
      circle: (path) => symlinkSync('circle.json', path),
      dangling: (path) => symlinkSync('/nonexistent', path),
      sparse: (path) => {
        writeFileSync(path, '');
        truncateSync(path, 2 ** 30);
      },
      shared: (path) => {
        writeFileSync(path, text);
        chmodSync(path, 0o662);
      },
    };
    for (const [name, action] of Object.entries(make)) action(overlayFile(`${name}.json`));
    assert.deepEqual(await state.overlays.load(), []);
    const reasons = [...state.overlays.unloaded].map(([name, { reason }]) => `${name}: ${reason}`);
    assert.deepEqual(reasons, [
      'circle: it is a symbolic link',
      'dangling: it is a symbolic link',
      'directory: it is no regular file',
      'fifo: it is no regular file',
      'shared: others may write to it, by mode 0662: chmod go-w',
      'sparse: it has more than 268435456 bytes',
      'zero: it is a symbolic link',
    ]);
  });

  it("nor somebody else's", { skip: needsRoot() }, async () => {
    const state = await open();
    writeFileSync(overlayFile(), text);
    chownSync(overlayFile(), 1234, 0);
    await state.overlays.load();
    const { reason } = state.overlays.unloaded.get('overlay0')!;
    assert.equal(reason, 'it belongs to user 1234: expected root (chown)');
  });
});

describe('a removal that has begun', () => {
  it('is known after a crash, and can be taken back or ended', async () => {
    const state = await open();
    await state.overlays.save(OVERLAY);
    await state.overlays.beginRemoval('overlay0');
    const again = await open();
    assert.deepEqual(await again.overlays.load(), []);
    const [leaving] = await again.overlays.leaving();
    assert.deepEqual([leaving?.name, leaving?.vni], ['overlay0', 23]);
    await again.overlays.cancelRemoval('overlay0');
    assert.deepEqual(await again.overlays.load(), [OVERLAY]);
    await again.overlays.beginRemoval('overlay0');
    await again.overlays.endRemoval('overlay0');
    for (const step of ['beginRemoval', 'cancelRemoval'] as const) await again.overlays[step]('overlay0'); // of none
    assert.deepEqual(files(), []);
  });

  it('is over when the object is there again', async () => {
    const state = await open();
    await state.overlays.save(OVERLAY);
    await state.overlays.beginRemoval('overlay0');
    await state.overlays.save(OVERLAY);
    assert.deepEqual(await state.overlays.leaving(), []);
    assert.deepEqual(files(), ['overlay0.json']);
  });
});

describe('a state directory that cannot be made', () => {
  it('is an error at once, also where the kernel says that there is nothing', () => {
    for (const path of ['/proc/nowhere', '/proc/nowhere/deeper', '/sys/nowhere']) {
      assert.throws(() => claimStateDir(path), { code: 'state_dir_unusable' }, path);
    }
  });

  it('or that others may write to, is refused before anything is written', () => {
    const path = join(directory, 'shared');
    mkdirSync(path);
    chmodSync(path, 0o777);
    assert.throws(() => claimStateDir(path), {
      code: 'state_dir_unusable',
      message: `cannot use state directory ${path}: others may write to it, by mode 0777: chmod go-w`,
    });
    assert.deepEqual(readdirSync(path), []);
  });

  it('is made with all above it, for root alone', () => {
    const path = join(directory, 'some', 'where');
    claimStateDir(path).release();
    assert.equal(statSync(join(directory, 'some')).mode & 0o777, 0o700);
    assert.equal(statSync(path).mode & 0o777, 0o700);
  });
});
