/** /metrics, /healthz and /readyz on the control socket, as a scraper or a supervisor asks for them. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { type Harness, startHarness } from './harness.js';

describe('probes', () => {
  let harness: Harness;
  before(async () => {
    harness = await startHarness();
  });
  after(() => harness.close());

  function get(path: string): Promise<{ status: number | undefined; type: string | undefined; text: string }> {
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath: harness.socket, path, agent: false }, async (response) => {
        let text = '';
        for await (const part of response.setEncoding('utf8')) text += part;
        resolve({ status: response.statusCode, type: response.headers['content-type'], text });
      });
      sent.on('error', reject).end();
    });
  }

  it('/metrics is what Prometheus takes for its text format', async () => {
    const { status, type, text } = await get('/metrics');
    assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8']);
    assert.match(text, /^up 1$/m);
  });

  it('/healthz and /readyz say in one line what is wrong, by status 503', async () => {
    for (const path of ['/healthz', '/readyz']) {
      harness.controller.illness = null;
      assert.deepEqual([(await get(path)).status, (await get(path)).text], [200, 'ok\n']);
      harness.controller.illness = 'worker 0 does not run';
      assert.deepEqual([(await get(path)).status, (await get(path)).text], [503, 'worker 0 does not run\n']);
    }
  });

  it('an unknown path names them', async () => {
    const { status, text } = await get('/metric');
    assert.equal(status, 404);
    assert.match(text, /GET \/v1\/events\/stream, GET \/metrics, GET \/healthz, GET \/readyz/);
  });
});
