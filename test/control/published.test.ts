/** `vxlane/client` for other people's programs: it is packed, loads little, and its types hold. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import * as published from 'vxlane/client';
import { closure, EXPORTS, OtherProject, packagesOf, packed, ROOT } from '../support/published.js';

const { types, default: module } = EXPORTS['./client']!;
const project = new OtherProject();
after(() => project[Symbol.dispose]());

test('every file behind the published name is packed, and so is the description of the API', () => {
  const files = packed();
  const needed = [...closure(types.slice(2)), ...closure(module.slice(2)), 'docs/openapi.json', 'docs/api.md'];
  assert.ok(needed.length > 10, `${needed.length} files`);
  assert.deepEqual(
    needed.filter((path) => !files.has(path)),
    [],
  );
});

test('it brings what a program needs, and loads no package, so that commands start fast', () => {
  assert.deepEqual(Object.keys(published).sort(), ['DEFAULT_SOCKET', 'VxlaneError', 'createClient']);
  assert.deepEqual([...packagesOf(module.slice(2))], []);
  assert.ok(packagesOf('dist/src/control/server.js').has('zod'), 'as the server does');
});

test('what is sent and what comes back is typed, route by route, and the example of the manual keeps to it', () => {
  const program = (statement: string) => `import { createClient, type OverlayView, VxlaneError } from 'vxlane/client';
    const client = createClient('/run/vxlane/vxlane.sock');
    const overlay: OverlayView = await client.overlay('overlay0');
    const on: 'ONLINE' | 'DEGRADED' = overlay.status;
    await client.createVnic({ name: 'foo0', overlay: overlay.name, mac: 'de:ad:be:ef:00:00' });
    await client.stats();
    for await (const page of client.targetPages('overlay0')) for (const { mac } of page) mac.toLowerCase();
    await client.deleteVnic('foo0').catch((error) => console.log(error instanceof VxlaneError && error.code, on));
    ${statement};`;
  const wrong = [
    [`await client.setLogLevel({ level: 'loud' })`, /"loud"/],
    ['await client.overlay()', /Expected 1 arguments/],
    [`await client.createVnic({ name: 'foo0', mac: 'x' })`, /'overlay' is missing/],
    ['overlay.colour', /'colour' does not exist/],
    [`await client.setTarget('o', 'm')`, /Expected 3 arguments/],
  ] as const;
  const [, example] = /```js\n(.*?)```/s.exec(readFileSync(join(ROOT, 'docs', 'api.md'), 'utf8'))!;
  const all = project.typeErrors({
    'right.ts': program(`await client.setLogLevel({ level: 'debug' })`),
    'wrong.ts': program(wrong.map(([statement]) => statement).join(';\n')),
    'example.js': example!,
    'detail.js': example!.replace('details', 'detail'),
  });
  assert.equal(all['right.ts'], '');
  const errors = all['wrong.ts'];
  assert.equal(errors.match(/wrong\.ts\(/g)?.length, wrong.length, errors);
  for (const [, complaint] of wrong) assert.match(errors, complaint);
  assert.equal(all['example.js'], '', 'the example of docs/api.md');
  assert.match(all['detail.js'], /detail/);
});
