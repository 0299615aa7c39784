/** What the package publishes for authors of plugins: it is packed, it resolves, and its types hold. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as search from 'vxlane/search';
import { closure, EXPORTS, OtherProject, packed, ROOT } from '../support/published.js';

const project = new OtherProject();
after(() => project[Symbol.dispose]());

test('every file behind the published names is packed', () => {
  const files = packed();
  const entries = ['./search', './search/testing'].flatMap((name) => [EXPORTS[name]!.types, EXPORTS[name]!.default]);
  const needed = entries.flatMap((entry) => [...closure(join(entry))]);
  assert(needed.length > 20, `${needed.length} files`);
  assert.deepEqual(
    needed.filter((path) => !files.has(path)),
    [],
  );
});

test('the runtime of vxlane/search is small and works', () => {
  const names = ['API_VERSION', 'VXLAN_PORT', 'formatEndpoint', 'parseEndpoint', 'parseIp', 'parseMac'];
  assert.deepEqual(Object.keys(search).sort(), names);
  assert.equal(search.API_VERSION, 1);
  assert.equal(search.parseMac('DE-AD-BE-EF-0-1'), 'de:ad:be:ef:00:01');
});

test('plugins in TypeScript and in JavaScript with JSDoc are checked against the published types', () => {
  const typed = (answer: string) => `import type { DynamicPlugin } from 'vxlane/search';
    import { parseMac } from 'vxlane/search';
    import { conformance } from 'vxlane/search/testing';
    const plugin: DynamicPlugin = { name: 'x', mode: 'dynamic', properties: [],
      create: ({ put }) => ({
        start() { put(parseMac('1:2:3:4:5:6')!, 'drop'); }, stop() {}, lookup: () => ${answer} }) };
    export default plugin;
    export const cases = conformance({ plugin: './x.js', backend: () => ({ properties: {} }) });`;
  const example = readFileSync(join(ROOT, 'docs', 'examples', 'http.js'), 'utf8');
  const errors = project.typeErrors({
    'right.ts': typed(`({ target: 'drop' })`),
    'wrong.ts': typed(`({ target: 'nowhere' })`),
    'http.js': example,
    'fast.js': example.replace("mode: 'dynamic'", "mode: 'fast'"),
  });
  assert.equal(errors['right.ts'], '');
  assert.match(errors['wrong.ts'], /'"nowhere"' is not assignable|nowhere/);
  assert.equal(errors['http.js'], '');
  assert.match(errors['fast.js'], /fast/);
});
