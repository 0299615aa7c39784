/** Every built-in search plugin passes the suite that others are measured by. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { conformance } from 'vxlane/search/testing';
import { plugins } from '../../../src/search/registry.js';
import { BUILT_INS } from './subjects.js';
import '../../support/ahead.js';

test('every built-in search plugin is in the list', () => {
  assert.deepEqual(BUILT_INS.map(({ subject }) => subject.plugin).sort(), [...plugins.keys()].sort());
});

// Side by side: most of the time one waits for its backend.
describe('the built-in search plugin', { concurrency: 3 }, async () => {
  for (const { subject, skip = false } of BUILT_INS) {
    const cases = skip === false ? await conformance(subject) : [];
    describe(subject.plugin, { concurrency: 2, skip }, () => {
      for (const [name, run] of cases) test(name, run);
    });
  }
});
