import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { FileWatcher, POLL_MS, SETTLE_MS, type WatchEnvironment } from '../../src/search/plugins/files/watch.js';
import { TestClock } from '../support/clock.js';

const PATH = '/conf/hosts.json';

/** An environment with a clock that a test moves, and one file. */
class Environment extends TestClock implements WatchEnvironment {
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
  let environment: Environment;
  let reads: string[];
  let watcher: FileWatcher;

  beforeEach(async () => {
    environment = new Environment();
    reads = [];
    watcher = new FileWatcher(PATH, read, environment);
    await read();
    watcher.start();
    await environment.pass(SETTLE_MS);
    assert.deepEqual(reads.splice(0), ['one']);
  });

  async function read(): Promise<void> {
    const state = await environment.fingerprint(PATH);
    reads.push(state.text);
    watcher.known(state);
  }

  function hint(): void {
    for (const each of environment.watched.values()) each();
  }

  test('is read again after a change and its hint, once two looks agree', async () => {
    environment.change('two');
    hint();
    await environment.pass(SETTLE_MS);
    assert.deepEqual(reads, []);
    await environment.pass(SETTLE_MS);
    assert.deepEqual(reads, ['two']);
    await environment.pass(10 * POLL_MS);
    assert.deepEqual(reads, ['two']);
  });

  test('is not read for hints about its neighbours', async () => {
    for (let i = 0; i < 100; i++) {
      hint();
      await environment.pass(SETTLE_MS / 5);
    }
    assert.deepEqual(reads, []);
  });

  test('is not read while it is being written, but once it is quiet', async () => {
    for (let i = 0; i < 10; i++) {
      environment.change(`part ${i}`);
      hint();
      await environment.pass(SETTLE_MS);
    }
    assert.deepEqual(reads, []);
    await environment.pass(SETTLE_MS);
    assert.deepEqual(reads, ['part 9']);
  });

  test('that is never quiet is read now and then all the same', async () => {
    for (let i = 0; i < 60; i++) {
      environment.change(`part ${i}`);
      hint();
      await environment.pass(SETTLE_MS);
    }
    assert.ok(reads.length >= 1 && reads.length <= 4, String(reads.length));
  });

  test('is read again when it was so young that a second write could hide', async () => {
    environment.change('two');
    await read();
    assert.deepEqual(reads.splice(0), ['two']);
    hint(); // the second write: same fingerprint
    await environment.pass(4 * SETTLE_MS);
    assert.deepEqual(reads, ['two']);
  });

  test('without hints it is noticed within the poll', async () => {
    environment.change('two');
    await environment.pass(POLL_MS + 2 * SETTLE_MS);
    assert.deepEqual(reads, ['two']);
  });

  test('a directory that cannot be watched is polled', async () => {
    environment.canWatch = false;
    environment.inodes.set('/conf', '2 new');
    await environment.pass(POLL_MS);
    assert.equal(environment.watched.size, 0);
    environment.change('two');
    await environment.pass(POLL_MS + 2 * SETTLE_MS);
    assert.deepEqual(reads, ['two']);
  });

  test('a link that leads elsewhere now is followed, and so is a directory that was replaced', async () => {
    environment.linkedIn = ['/conf', '/data/2'];
    await environment.pass(POLL_MS);
    assert.deepEqual([...environment.watched.keys()], ['/conf', '/data/2']);
    const before = environment.watched.get('/conf');
    environment.inodes.set('/conf', '2 /conf');
    await environment.pass(POLL_MS);
    assert.notEqual(environment.watched.get('/conf'), before);
  });

  test('is left alone after stop', async () => {
    watcher.stop();
    assert.equal(environment.watched.size, 0);
    environment.change('two');
    hint();
    await environment.pass(2 * POLL_MS);
    assert.deepEqual(reads, []);
  });
});
