import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { BegunThread } from '../src/begun-thread.js';
import { beginPluginThread, MEMORY_MIB_DEFAULT } from '../src/search/host/begin.js';
import { PluginThreads } from '../src/search/host/threads.js';

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
  assert.equal(broken.thread.take(), null);
});

test('a begun thread that nobody takes keeps no process', () => {
  const module = new URL('../src/begun-thread.js', import.meta.url).href;
  const text = `import { BegunThread } from '${module}';
    new BegunThread(new URL(${JSON.stringify(ECHO.href)}));`;
  const { status, signal } = spawnSync(process.execPath, ['--input-type=module', '-e', text], { timeout: 60_000 });
  assert.deepEqual({ status, signal }, { status: 0, signal: null });
});

test('the first plugin with as much memory as by default has the thread that has begun', async () => {
  const begun = beginPluginThread();
  const threads = new PluginThreads({ now: () => 0, begun });
  const listener = { said() {}, ended: (reason: string) => assert.fail(reason) };
  const location = { kind: 'built-in', name: 'direct' } as const;
  const other = threads.open(location, MEMORY_MIB_DEFAULT / 2, {})(listener);
  const first = threads.open(location, MEMORY_MIB_DEFAULT, {})(listener);
  assert.equal(begun.take(), null);
  assert.equal(threads.size, 2);
  await Promise.all([other.close(), first.close()]);
});
