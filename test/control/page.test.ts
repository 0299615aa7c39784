/** The page of the HTTP port: its files, what a browser is told with them, and what pages of others may not do. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Endpoint } from '../../src/address.js';
import { HttpToken } from '../../src/control/http-token.js';
import { root } from '../support/tree.js';
import { ask, type HttpPort, startHttpPort } from './http-port.js';

/** Bytes of all files together, as they are sent. */
const WEIGHT_MAX = 300_000;

describe('the page', () => {
  let directory: string;
  let open: HttpPort;
  let guarded: HttpPort;
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vxlane-page-'));
    const file = join(directory, 'token');
    writeFileSync(file, 'abcdefghijklmnop0123', { mode: 0o600 });
    open = await startHttpPort((address) => new HttpToken(address, null));
    guarded = await startHttpPort((address) => new HttpToken(address, file));
  });
  after(async () => {
    await Promise.all([open.close(), guarded.close()]);
    rmSync(directory, { recursive: true });
  });

  /** Paths of all files that the page names, and that those name in turn. */
  async function filesOf(address: Endpoint): Promise<Map<string, string>> {
    const found = new Map<string, string>();
    const waiting = ['/'];
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      const { status, text } = await ask(address, path);
      assert.equal(status, 200, path);
      found.set(path, text);
      const named = path === '/' ? /(?:src|href)="([\w-]+\.\w+)"/g : /from '\.\/([\w-]+\.js)'/g;
      for (const [, name] of text.matchAll(named)) {
        if (!found.has(`/${name}`) && !waiting.includes(`/${name}`)) waiting.push(`/${name}`);
      }
    }
    return found;
  }

  it('is whole, weighs little, and has nothing that it does not name', async () => {
    const files = await filesOf(open.address);
    const built = readdirSync(join(root, 'dist/web')).map((name) => (name === 'index.html' ? '/' : `/${name}`));
    assert.deepEqual([...files.keys()].sort(), [...built, '/uplot.css', '/uplot.js'].sort());
    const weight = [...files.values()].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    assert.ok(weight <= WEIGHT_MAX, `${weight} bytes`);
    const uplot = createRequire(import.meta.url).resolve('uplot/dist/uPlot.iife.min.js');
    assert.equal(Buffer.byteLength(files.get('/uplot.js')!), statSync(uplot).size);
  });

  it('has a picture in the documents that weighs little, too', () => {
    assert.ok(statSync(join(root, 'docs/browser.png')).size <= 200_000);
  });

  it('names no other host, and has no program, style or handler inside', async () => {
    const files = await filesOf(open.address);
    const page = files.get('/')!;
    assert.doesNotMatch(page, /<script(?![^>]* src=)|<style|\son\w+=|\sstyle=/);
    for (const [path, text] of files) {
      if (path.startsWith('/uplot')) continue;
      assert.doesNotMatch(text.replaceAll('http://www.w3.org/2000/svg', ''), /https?:\/\/|\bimport\(/, path);
      assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function/, path);
    }
  });

  it('comes with a policy that lets nothing else in, and is looked at again', async () => {
    for (const [path, type] of [
      ['/', 'text/html; charset=utf-8'],
      ['/main.js', 'text/javascript; charset=utf-8'],
      ['/style.css', 'text/css; charset=utf-8'],
      ['/icon.svg', 'image/svg+xml'],
    ] as const) {
      const { headers } = await ask(open.address, path);
      assert.equal(headers['content-type'], type);
      const policy = headers['content-security-policy']!;
      assert.match(policy, /^default-src 'none'; script-src 'self'; style-src 'self'; /);
      assert.match(policy, /frame-ancestors 'none'; require-trusted-types-for 'script'/);
      assert.doesNotMatch(policy, /unsafe|\*|https?:|data:/);
      assert.deepEqual([headers['x-content-type-options'], headers['cache-control']], ['nosniff', 'no-cache']);
      const again = await ask(open.address, path, { 'if-none-match': headers.etag! });
      assert.deepEqual([again.status, again.text], [304, '']);
    }
    assert.equal((await ask(open.address, '/v1/status')).headers['x-content-type-options'], 'nosniff');
  });

  it('is for everybody where a token is asked for, and nothing else is', async () => {
    const { address } = guarded;
    for (const path of await filesOf(address).then((files) => files.keys())) {
      assert.equal((await ask(address, path)).status, 200, path);
    }
    for (const path of [
      '/v1/status',
      '/v1/history',
      '/v1/events/stream',
      '/metrics',
      '/nix',
      '/main.js/../v1/status',
    ]) {
      assert.equal((await ask(address, path)).status, 401, path);
    }
    assert.equal((await ask(address, '/v1/overlays/nix/trace', {}, 'POST', '{ "from": "nix" }')).status, 401);
    assert.equal((await ask(address, '/main.js', {}, 'POST')).status, 401);
  });

  it('no other file can be had', async () => {
    for (const path of [
      ...['/nix.js', '/../src/main.js', '/..%2fsrc%2fmain.js', '/%2e%2e/package.json', '/package.json', '/index.html'],
      ...['/tsconfig.json', '/.js', '//etc/passwd', '/main.js%00.css', '/constructor.js'],
    ]) {
      const { status, text } = await ask(open.address, path);
      assert.equal(status, 404, path);
      assert.match(text, /"code":"no_such_route"/);
    }
  });

  it('a page of another site has nothing traced', async () => {
    const { address } = open;
    const host = `127.0.0.1:${address.port}`;
    const trace = (headers: Record<string, string>) =>
      ask(address, '/v1/overlays/nix/trace', headers, 'POST', '{ "from": "nix" }');
    for (const origin of ['https://evil.example', `https://evil.example:${address.port}`, 'null', `${host}`]) {
      const { status, text } = await trace({ origin });
      assert.deepEqual([status, JSON.parse(text).error.code], [400, 'bad_origin'], origin);
    }
    const own: Record<string, string>[] = [{}, { host, origin: `http://${host}` }];
    for (const headers of own) {
      assert.match((await trace(headers)).text, /"code":"no_such_overlay"/);
    }
  });

  it('a few questions are answered a second, of all clients together', async () => {
    const port = await startHttpPort((address) => new HttpToken(address, null));
    try {
      const trace = () => ask(port.address, '/v1/overlays/nix/trace', {}, 'POST', '{ "from": "nix" }');
      const answers = await Promise.all(Array.from({ length: 40 }, trace));
      const refused = answers.filter(({ status }) => status === 429);
      assert.ok(refused.length >= 1, 'all were answered');
      assert.ok(answers.length - refused.length >= 5, `${refused.length} were refused`);
      assert.deepEqual(
        [JSON.parse(refused[0]!.text).error.code, refused[0]!.headers['retry-after']],
        ['too_many_questions', '1'],
      );
      assert.equal((await ask(port.address, '/v1/status')).status, 200);
    } finally {
      await port.close();
    }
  });
});
