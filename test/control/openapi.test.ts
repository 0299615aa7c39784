/** docs/openapi.json: that of this version, valid in the eyes of others, and of no other routes than the server has. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { openApiDocument } from '../../src/control/openapi.js';
import { ROUTES } from '../../src/control/routes.js';

const shipped = readFileSync(new URL('../../../docs/openapi.json', import.meta.url), 'utf8');

test('the document is the one of this version (else: npm run openapi)', () => {
  assert.equal(shipped, `${JSON.stringify(openApiDocument(), null, 2)}\n`);
});

test('an independent validator takes it as OpenAPI 3.1, and finds what is wrong with a broken one', async () => {
  const validator = new Validator();
  assert.deepEqual(await validator.validate(JSON.parse(shipped)), { valid: true });
  assert.equal(validator.version, '3.1');
  const broken = JSON.parse(shipped);
  broken.paths['/v1/daemon'].get.responses = { twohundred: {} };
  assert.equal((await validator.validate(broken)).valid, false);
});

test('every reference leads somewhere, and every schema is spoken of', () => {
  const { components } = JSON.parse(shipped);
  const named = new Set([...shipped.matchAll(/"\$ref": "#\/components\/(\w+\/\w+)"/g)].map(([, at]) => at!));
  const there = Object.entries(components as Record<string, object>).flatMap(([kind, all]) =>
    Object.keys(all).map((name) => `${kind}/${name}`),
  );
  assert.deepEqual([...named].sort(), there.sort());
});

test('it has every route by its method, path and parameters, and what replies may become later is left open', () => {
  const document = JSON.parse(shipped);
  const operations = Object.entries(document.paths as Record<string, Record<string, { operationId: string }>>).flatMap(
    ([path, methods]) => Object.entries(methods).map(([method, each]) => [each.operationId, method, path]),
  );
  const expected = Object.entries(ROUTES).map(([name, { method, path }]) => {
    return [name, method.toLowerCase(), path.replaceAll(/:(\w+)/g, '{$1}')];
  });
  // A stream is none of the table.
  expected.push(['capture', 'post', '/v1/captures'], ['endCapture', 'delete', '/v1/captures/{id}']);
  assert.deepEqual(operations.sort(), expected.sort());
  const { get } = document.paths['/v1/overlays/{name}/targets'];
  assert.deepEqual(
    get.parameters.map((each: { name: string; in: string; required?: boolean }) => [each.name, each.in, each.required]),
    [
      ['name', 'path', true],
      ['after', 'query', undefined],
      ['limit', 'query', undefined],
    ],
  );
  const { OverlayView, CreateOverlay } = document.components.schemas;
  assert.equal(OverlayView.additionalProperties, undefined);
  assert.equal(CreateOverlay.additionalProperties, false);
});
