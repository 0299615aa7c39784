import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { FileWatcher, POLL_MS, SETTLE_MS, type WatchWorld } from '../../src/search/plugins/files/watch.js';
import { TestClock } from '../support/clock.js';

const PATH = '/conf/hosts.json';

/** A world with a clock that a test moves, and one file. */
class World extends TestClock implements WatchWorld {
  state = 'one';
  changedAtMs = 0;
  linkedIn: string[] = ['/conf'];
  readonly inodes = new Map<string, string>();
  readonly watched = new Map<string, () => void>();
  canWatch = true;

  constructor() {
    super(1_000_000);
  }

  fingerprint = async (path: string) => {
    if (path !== PATH) return { text: this.inodes.get(path) ?? `1 ${path}`, changedAtMs: 0 };
    return { text: this.state, changedAtMs: this.changedAtMs };
  };
  directories = async () => this.linkedIn;

  watch(directory: string, hint: () => void): () => void {
    if (!this.canWatch) throw new Error('too many watches');
    this.watched.set(directory, hint);
    return () => this.watched.delete(directory);
  }

  change(state: string): void {
    this.state = state;
    this.changedAtMs = this.now;
  }

  /** {@link TestClock.pass}; nothing here takes longer than a turn of the event loop. */
  override pass(ms: number): Promise<void> {
    return super.pass(ms, setImmediate);
  }
}

describe('a watched file', () => {
  let world: World;
  let reads: string[];
  let watcher: FileWatcher;

  beforeEach(async () => {
    world = new World();
    reads = [];
    watcher = new FileWatcher(PATH, read, world);
    await read();
    watcher.start();
    await world.pass(SETTLE_MS);
    assert.deepEqual(reads.splice(0), ['one']);
  });

  async function read(): Promise<void> {
    const state = await world.fingerprint(PATH);
    reads.push(state.text);
    watcher.known(state);
  }

  function hint(): void {
    for (const each of world.watched.values()) each();
  }

  test('is read again after a change and its hint, once two looks agree', async () => {
    world.change('two');
    hint();
    await world.pass(SETTLE_MS);
    assert.deepEqual(reads, []);
    await world.pass(SETTLE_MS);
    assert.deepEqual(reads, ['two']);
    await world.pass(10 * POLL_MS);
    assert.deepEqual(reads, ['two']);
  });

  test('is not read for hints about its neighbours', async () => {
    for (let i = 0; i < 100; i++) {
      hint();
      await world.pass(SETTLE_MS / 5);
    }
    assert.deepEqual(reads, []);
  });

  test('is not read while it is being written, but once it is quiet', async () => {
    for (let i = 0; i < 10; i++) {
      world.change(`part ${i}`);
      hint();
      await world.pass(SETTLE_MS);
    }
    assert.deepEqual(reads, []);
    await world.pass(SETTLE_MS);
    assert.deepEqual(reads, ['part 9']);
  });

  test('that is never quiet is read now and then all the same', async () => {
    for (let i = 0; i < 60; i++) {
      world.change(`part ${i}`);
      hint();
      await world.pass(SETTLE_MS);
    }
    assert.ok(reads.length >= 1 && reads.length <= 4, String(reads.length));
  });

  test('is read again when it was so young that a second write could hide', async () => {
    world.change('two');
    await read();
    assert.deepEqual(reads.splice(0), ['two']);
    hint(); // the second write: same fingerprint
    await world.pass(4 * SETTLE_MS);
    assert.deepEqual(reads, ['two']);
  });

  test('without hints it is noticed within the poll', async () => {
    world.change('two');
    await world.pass(POLL_MS + 2 * SETTLE_MS);
    assert.deepEqual(reads, ['two']);
  });

  test('a directory that cannot be watched is polled', async () => {
    world.canWatch = false;
    world.inodes.set('/conf', '2 new');
    await world.pass(POLL_MS);
    assert.equal(world.watched.size, 0);
    world.change('two');
    await world.pass(POLL_MS + 2 * SETTLE_MS);
    assert.deepEqual(reads, ['two']);
  });

  test('a link that leads elsewhere now is followed, and so is a directory that was replaced', async () => {
    world.linkedIn = ['/conf', '/data/2'];
    await world.pass(POLL_MS);
    assert.deepEqual([...world.watched.keys()], ['/conf', '/data/2']);
    const before = world.watched.get('/conf');
    world.inodes.set('/conf', '2 /conf');
    await world.pass(POLL_MS);
    assert.notEqual(world.watched.get('/conf'), before);
  });

  test('is left alone after stop', async () => {
    watcher.stop();
    assert.equal(world.watched.size, 0);
    world.change('two');
    hint();
    await world.pass(2 * POLL_MS);
    assert.deepEqual(reads, []);
  });
});
