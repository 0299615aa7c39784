import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { allowedCpus } from '../../src/system/affinity.js';

const AFFINITY = new URL('../../src/system/affinity.js', import.meta.url).href;

/** What a thread of its own answers: the processors it may run on before and after it was pinned to `cpu`. */
function pinnedIn(cpu: number): Promise<{ before: number[]; after: number[]; error: string }> {
  const program = `
    import { parentPort } from 'node:worker_threads';
    import { allowedCpus, pinThread } from ${JSON.stringify(AFFINITY)};
    const before = allowedCpus();
    let error = '';
    try { pinThread(${cpu}); } catch (thrown) { error = thrown.message; }
    parentPort.postMessage({ before, after: allowedCpus(), error });`;
  const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
  return new Promise((resolve, reject) => {
    new Worker(url).once('message', resolve).once('error', reject);
  });
}

test('the processors of a thread are those that the kernel says', () => {
  const list = /^Cpus_allowed_list:\s+(.*)$/m.exec(readFileSync('/proc/thread-self/status', 'utf8'))![1]!;
  const expected = list.split(',').flatMap((part) => {
    const [from, to = from] = part.split('-').map(Number) as [number, number?];
    return Array.from({ length: to - from + 1 }, (_, index) => from + index);
  });
  assert.deepEqual(allowedCpus(), expected);
});

test('a thread is kept on one processor, and the others of the process are not', async () => {
  const all = allowedCpus();
  const last = all.at(-1)!;
  assert.deepEqual(await pinnedIn(last), { before: all, after: [last], error: '' });
  assert.deepEqual(allowedCpus(), all);
});

test('a processor that is not there is refused, and nothing has changed', async () => {
  const { before, after, error } = await pinnedIn(1023);
  assert.deepEqual(after, before);
  assert.match(error, /sched_setaffinity to processor 1023.*EINVAL/);
});
