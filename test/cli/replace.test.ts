/** `vxlane replace` of a daemon in a container, whose pids are others than this process sees. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startHarness } from '../control/harness.js';
import { programAt } from './vxlane.js';

/** Above the kernel's highest. */
const NOBODY = 2 ** 22 + 1;
const LOOKS = 3;

/** A daemon that says that `successor` takes over, until it has been asked a few times: then `after` happens. */
async function replaceOf(successor: number, after: (asked: { pid: number; successor: number | null }) => void) {
  await using harness = await startHarness();
  const { controller } = harness;
  const asked = { pid: 17, successor: null as number | null };
  let looks = Number.POSITIVE_INFINITY;
  const view = controller.daemon.bind(controller);
  controller.daemon = () => {
    if (--looks === 0) after(asked);
    return { ...view(), ...asked };
  };
  controller.replace = async () => {
    asked.successor = successor;
    looks = LOOKS;
    return { pid: successor };
  };
  return await programAt(harness.socket)('replace');
}

test('a daemon that this process cannot see is waited for', async () => {
  const { status, stdout, stderr } = await replaceOf(NOBODY, (asked) => {
    asked.pid = NOBODY;
    asked.successor = null;
  });
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, new RegExp(`\\(pid 17\\) is replaced by .* \\(pid ${NOBODY}\\)`));
});

test('one that is gone is not, though another process here has its number', async () => {
  const { status, stdout, stderr } = await replaceOf(process.pid, (asked) => {
    asked.successor = null;
  });
  assert.deepEqual([status, stdout], [1, '']);
  assert.match(stderr, new RegExp(`${process.pid}.*17`));
});
