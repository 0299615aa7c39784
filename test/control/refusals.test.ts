/** What a bad request gets: a status, a code and one line that names the field. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import { STREAM_PATH } from '../../src/control/event-stream.js';
import { PROBE_PATHS } from '../../src/control/probes.js';
import { ROUTES } from '../../src/control/routes.js';
import { VxlaneError } from '../../src/errors.js';
import { type Harness, startHarness } from './harness.js';

let harness: Harness;
before(async () => {
  harness = await startHarness();
});
after(() => harness.close());

function send(method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: harness.socket, method, path, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }));
    });
    sent.on('error', reject);
    if (body !== undefined) sent.setHeader('content-type', 'application/json');
    sent.end(body);
  });
}

const LISTED = [
  ...Object.values(ROUTES).map(({ method, path }) => `${method} ${path}`),
  ...[STREAM_PATH, ...PROBE_PATHS].map((path) => `GET ${path}`),
].join(', ');

const CASES: [what: string, request: [string, string, string?], status: number, code: string, message: string][] = [
  [
    'a route that is not there',
    ['GET', '/v1/nonsense'],
    404,
    'no_such_route',
    `GET /v1/nonsense: no such route: expected one of ${LISTED}`,
  ],
  [
    'a method a path does not have',
    ['PUT', '/v1/vnics', '{}'],
    404,
    'no_such_route',
    `PUT /v1/vnics: no such route: expected one of ${LISTED}`,
  ],
  ['an unknown overlay', ['GET', '/v1/overlays/nix'], 404, 'no_such_overlay', 'no such overlay: nix'],
  [
    'a name longer than fastify allows a parameter to be',
    ['GET', `/v1/overlays/${'x'.repeat(200)}`],
    404,
    'no_such_overlay',
    `no such overlay: ${'x'.repeat(200)}`,
  ],
  ['an escaped slash in a name', ['DELETE', '/v1/vnics/a%2Fb'], 404, 'no_such_vnic', 'no such VNIC: a/b'],
  [
    'a MAC that is none',
    ['GET', '/v1/overlays/nix/lookup/de:ad'],
    400,
    'bad_request',
    'bad request: mac: not a MAC address: "de:ad" (expected six hexadecimal bytes, as in de:ad:be:ef:00:01)',
  ],
  [
    'a parameter that a route does not have',
    ['GET', '/v1/overlays?limit=1'],
    400,
    'bad_request',
    'bad request: unrecognized key: "limit"',
  ],
  [
    'several wrong fields, all named',
    ['POST', '/v1/overlays', '{"name":"a b","vni":1.5,"search":7,"encap":"vxlan","properties":{"mtu":1},"x":1}'],
    400,
    'bad_request',
    'bad request: name: bad link name "a b": expected 1 to 15 of A-Z a-z 0-9 _ . -; ' +
      'vni: invalid input: expected int, received number; ' +
      'search: invalid input: expected string, received number; ' +
      'properties.mtu: invalid input: expected string, received number; unrecognized key: "x"',
  ],
  [
    'a body that is no object',
    ['PATCH', '/v1/overlays/nix', '[]'],
    400,
    'bad_request',
    'bad request: invalid input: expected object, received array',
  ],
  [
    'no body',
    ['POST', '/v1/vnics'],
    400,
    'bad_request',
    'bad request: invalid input: expected object, received undefined',
  ],
];

for (const [what, [method, path, body], status, code, message] of CASES) {
  test(`${what}: ${status}`, async () => {
    const reply = await send(method, path, body);
    assert.deepEqual(JSON.parse(reply.text), { error: { code, message } });
    assert.equal(reply.status, status);
  });
}

test('broken JSON: 400 and one line', async () => {
  const { status, text } = await send('POST', '/v1/vnics', '{"name":');
  assert.equal(status, 400);
  assert.match(JSON.parse(text).error.message, /^bad request: [^\n]*JSON[^\n]*$/);
});

test('a key that would reach Object.prototype: 400', async () => {
  const { status } = await send('POST', '/v1/vnics', '{"__proto__":{"x":1}}');
  assert.equal(status, 400);
});

test('a refusal of the controller: 409, rethrown by the client with the same code and text', async () => {
  const { client } = harness;
  const overlay = { name: 'twice0', encap: 'vxlan', vni: 1, search: 'files', properties: {} };
  await client.createOverlay(overlay);
  assert.equal((await send('POST', '/v1/overlays', JSON.stringify(overlay))).status, 409);
  await assert.rejects(client.createOverlay(overlay), (error) => {
    assert.ok(error instanceof VxlaneError);
    assert.deepEqual(
      [error.code, error.message, error.exitCode],
      ['overlay_exists', 'overlay twice0 already exists', 1],
    );
    return true;
  });
});

test('a bug: 500 without its text, and the stack in the log', async () => {
  const { controller, client, logged } = harness;
  controller.bug = new TypeError('secret inner workings');
  try {
    await assert.rejects(client.daemon(), {
      code: 'internal_error',
      message: 'the daemon failed on this request (a bug); its log has the details',
    });
    assert.equal(logged.length, 1);
    assert.match(JSON.stringify(logged[0]), /TypeError: secret inner workings\\n +at /);
    assert.equal((await send('GET', '/v1/daemon')).status, 500);
  } finally {
    controller.bug = null;
  }
});
