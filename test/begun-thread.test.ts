import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { BegunThread } from '../src/begun-thread.js';
import { MEMORY_MIB_DEFAULT } from '../src/overlay-properties/overlay-properties.js';
import { BegunPluginThread } from '../src/search/host/begin.js';
import { PluginThreads } from '../src/search/host/threads.js';
import { openDirectory } from './support/open-directory.js';

const script = (text: string) => new URL(`data:text/javascript,${encodeURIComponent(text)}`);
const ECHO = script(`import { parentPort } from 'node:worker_threads';
parentPort.on('message', (said) => parentPort.postMessage(said));`);

/** With what is inside of it, which is nobody's yet. */
async function begin(url: URL): Promise<{ thread: BegunThread; worker: Worker }> {
  const made = once(process, 'worker') as Promise<[Worker]>;
  const thread = new BegunThread(url);
  const [worker] = await made;
  worker.ref(); // the test waits for it
  return { thread, worker };
}

test('a begun thread is taken once, and has what it was sent', async () => {
  const begun = (await begin(ECHO)).thread;
  const worker = begun.take()!;
  assert.equal(begun.take(), null);
  begun.end(); // it is the taker's
  worker.postMessage('so');
  assert.deepEqual(await once(worker, 'message'), ['so']);
  await worker.terminate();
});

test('a begun thread that was ended, or has ended by itself, is nobody’s', async () => {
  const ended = await begin(ECHO);
  ended.thread.end();
  assert.equal(ended.thread.take(), null);
  const broken = await begin(script('throw new Error("so")'));
  await new Promise((resolve) => broken.worker.once('exit', resolve));
  assert.equal(broken.thread.failure, 'so');
  assert.equal(ended.thread.failure, null);
  assert.equal(broken.thread.take(), null);
});

test('a begun thread that nobody takes keeps no process', () => {
  const module = new URL('../src/begun-thread.js', import.meta.url).href;
  const text = `import { BegunThread } from '${module}';
    new BegunThread(new URL(${JSON.stringify(ECHO.href)}));`;
  const { status, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', text], { timeout: 60_000 });
  assert.deepEqual({ status, signal }, { status: 0, signal: null });
});

test('a begun thread is of the first plugin that may use as much memory as it has', async () => {
  let made = 0;
  const count = () => made++;
  process.on('worker', count);
  const begun = new BegunPluginThread(MEMORY_MIB_DEFAULT);
  const threads = new PluginThreads({ now: () => 0, begun });
  const listener = { said() {}, ended: (reason: string) => assert.fail(reason) };
  const location = { kind: 'built-in', name: 'direct' } as const;
  const other = threads.open(location, MEMORY_MIB_DEFAULT / 2, {})(listener);
  await setImmediate();
  assert.equal(made, 2);
  const first = threads.open(location, MEMORY_MIB_DEFAULT, {})(listener);
  await setImmediate();
  assert.equal(made, 2);
  assert.equal(begun.take(), null);
  assert.equal(threads.size, 2);
  process.off('worker', count);
  await Promise.all([other.close(), first.close()]);
});

test('a daemon that cannot start ends the threads that have begun for it', () => {
  const stateDir = openDirectory('begun');
  writeFileSync(join(stateDir, 'overlays'), 'no directory');
  const url = (path: string) => JSON.stringify(new URL(`../src/${path}`, import.meta.url).href);
  const options = { socket: join(stateDir, 's'), stateDir, fdbSize: 1024, workers: 1, engine: 'mmsg', cpus: [] };
  const text = `import { beginWorker } from ${url('datapath/begin.js')};
    import { runDaemon } from ${url('daemon/main.js')};
    const ends = [];
    process.on('worker', (worker) => ends.push(new Promise((resolve) => worker.on('exit', resolve))));
    const begun = [beginWorker()];
    const reason = await runDaemon({ ...${JSON.stringify(options)}, begun }).catch((thrown) => thrown.message);
    await Promise.all(ends);
    console.log(JSON.stringify({ reason, threads: ends.length }));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', text], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  rmSync(stateDir, { recursive: true });
  const { reason, threads } = JSON.parse(stdout || '{}');
  assert.match(reason, /overlays/);
  assert.equal(threads, 2);
});
