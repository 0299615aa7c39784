/** The API on a TCP port: what only reads, for whoever may. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import type { Endpoint } from '../../src/address.js';
import { startHttpServer } from '../../src/control/http.js';
import { HttpToken } from '../../src/control/http-token.js';
import { ROUTES } from '../../src/control/routes.js';
import { freePort } from '../support/ports.js';
import { ask, bearer, startHttpPort } from './http-port.js';
import { MemoryController } from './memory-controller.js';

const TOKEN = 'abcdefghijklmnop0123';

let directory: string;
let file: string;
let servers: { close(): Promise<void> }[] = [];
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'vxlane-http-'));
  file = join(directory, 'token');
  writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 });
});
afterEach(async () => {
  for (const server of servers) await server.close();
  servers = [];
});
after(() => rmSync(directory, { recursive: true }));

async function start(token: (address: Endpoint) => HttpToken): Promise<Endpoint> {
  const port = await startHttpPort(token);
  servers.push(port);
  return port.address;
}

const open = (address: Endpoint) => new HttpToken(address, null);
const guarded = (address: Endpoint) => new HttpToken(address, file);

describe('HTTP on a port', () => {
  it('has every route that only reads, traces frames, and has none that changes something', async () => {
    const address = await start(open);
    for (const [name, route] of Object.entries(ROUTES)) {
      const path = route.path.replace(':name', 'nix').replace(':mac', 'de:ad:be:ef:00:01').replace(':ip', '10.0.0.1');
      const body = name === 'trace' ? '{ "from": "nix" }' : '';
      const { status, text } = await ask(address, path, {}, route.method, body);
      const reads = (route.method === 'GET' && !['lookup', 'owner'].includes(name)) || name === 'trace';
      assert.equal(text.includes('no_such_route'), !reads, `${name}: ${status} ${text}`);
      assert.ok(reads ? status === 200 || text.includes('no_such_overlay') : status === 404, `${name}: ${status}`);
    }
    for (const path of ['/metrics', '/healthz', '/readyz']) assert.equal((await ask(address, path)).status, 200);
  });

  it('without a token answers to addresses and localhost alone, so that no page of the web can read it', async () => {
    const address = await start(open);
    for (const host of ['127.0.0.1', `127.0.0.1:${address.port}`, '[::1]:9', 'localhost', 'localhost:80']) {
      assert.equal((await ask(address, '/v1/daemon', { host })).status, 200, host);
    }
    for (const host of ['evil.example', 'evil.example:9448', 'localhost.evil.example']) {
      const { status, text } = await ask(address, '/v1/daemon', { host });
      assert.equal(status, 400, host);
      assert.match(text, /"code":"bad_host"/);
    }
  });

  it('with a token shows nothing but whether it lives to those who have none, or another', async () => {
    const address = await start(guarded);
    for (const headers of [{}, bearer('x'.repeat(20)), bearer(''), { authorization: `Basic ${TOKEN}` }]) {
      for (const path of ['/v1/status', '/metrics', '/nix']) {
        const answer = await ask(address, path, headers);
        assert.equal(answer.status, 401, path);
        assert.match(answer.text, /^\{"error":\{"code":"token_missing","message":"[^"]/);
        assert.equal(answer.headers['www-authenticate'], 'Bearer');
      }
      for (const path of ['/healthz', '/readyz']) assert.equal((await ask(address, path, headers)).status, 200);
    }
    assert.equal((await ask(address, '/v1/status', bearer(TOKEN))).status, 200);
    assert.equal((await ask(address, '/metrics', { ...bearer(TOKEN), host: 'vtep7.example' })).status, 200);
  });

  it('a token that was changed counts once its file is read again, and a broken file changes nothing', async () => {
    const changing = join(directory, 'changing');
    writeFileSync(changing, TOKEN, { mode: 0o600 });
    const token = new HttpToken({ ip: '127.0.0.1', port: 1 }, changing);
    const address = await start(() => token);
    writeFileSync(changing, 'short');
    assert.throws(() => token.read(), { code: 'http_token_unusable', message: /expected one word of 16 or more/ });
    assert.equal((await ask(address, '/metrics', bearer(TOKEN))).status, 200);
    writeFileSync(changing, 'another-token-another');
    token.read();
    assert.equal((await ask(address, '/metrics', bearer(TOKEN))).status, 401);
    assert.equal((await ask(address, '/metrics', bearer('another-token-another'))).status, 200);
  });

  it('where other hosts reach it there has to be a token, in a file that nobody else reads or writes', () => {
    for (const ip of ['0.0.0.0', '::', '10.0.0.1', '::ffff:127.0.0.1', 'fd00::1']) {
      assert.throws(() => open({ ip, port: 9448 }), { code: 'http_needs_token', exitCode: 2 }, ip);
      assert.ok(guarded({ ip, port: 9448 }).isAsked);
    }
    for (const ip of ['127.0.0.1', '127.1.2.3', '::1']) assert.equal(open({ ip, port: 1 }).isAsked, false, ip);
    const wide = join(directory, 'wide');
    writeFileSync(wide, TOKEN);
    const at = (mode: number) => {
      chmodSync(wide, mode);
      return () => new HttpToken({ ip: '127.0.0.1', port: 1 }, wide);
    };
    assert.throws(at(0o644), { code: 'http_token_unusable', message: /everybody may read it: chmod o-r/ });
    assert.throws(at(0o602), { code: 'http_token_unusable', message: /others may write to it/ });
    assert.ok(at(0o640)().isAsked);
    assert.throws(() => new HttpToken({ ip: '::1', port: 1 }, join(directory, 'nix')), /ENOENT/);
  });

  it('a port that is taken is refused in a line', async () => {
    const holder = createServer();
    const port = freePort();
    await new Promise<void>((resolve) => holder.listen(port, '127.0.0.1', resolve));
    const address = { ip: '127.0.0.1', port };
    const controller = new MemoryController();
    const options = {
      address,
      token: open(address),
      controller,
      probes: controller,
      events: controller.eventLog,
      log: { error: () => {} },
    };
    await assert.rejects(startHttpServer(options), {
      code: 'http_unusable',
      message: /^cannot listen on 127\.0\.0\.1:/,
    });
    holder.close();
  });
});
