/** The example of the manual is a plugin that works: it passes the suite against a real HTTP server. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, test } from 'node:test';
import { type Backend, conformance, type Subject } from 'vxlane/search/testing';

const PLUGIN = new URL('../../../../docs/examples/http.js', import.meta.url);
const [A, B] = ['de:ad:be:ef:00:00', 'de:ad:be:ef:00:01'] as const;
const [BEFORE, AFTER] = [
  { ip: '10.88.88.70', port: 4789 },
  { ip: '10.88.88.71', port: 4790 },
];

const subject: Subject = {
  plugin: PLUGIN,
  known: { [A]: { ip: '10.88.88.69', port: 4789 }, [B]: BEFORE },
  unknown: 'de:ad:be:ee:00:00',
  owners: { '10.55.55.3': B, '10.55.55.9': null, 'fe80::4': B },
  changes: { [A]: null, [B]: AFTER },
  pushes: false,
  wrong: { 'http/url': 'ftp://127.0.0.1' },
  backend: directory,
};

async function directory(): Promise<Backend> {
  const documents = new Map<string, object>([
    [`/mac/${A}`, { ip: '10.88.88.69', port: 4789 }],
    [`/mac/${B}`, BEFORE],
    ['/ip/10.55.55.3', { mac: B }],
    ['/ip/fe80::4', { mac: B }],
  ]);
  const answer = (response: ServerResponse, path: string) => {
    const document = documents.get(path);
    response.writeHead(document === undefined ? 404 : 200).end(JSON.stringify(document));
  };
  const fail = (response: ServerResponse) => response.writeHead(503).end();
  let behave = answer;
  const server = createServer(({ url = '' }, response) => void behave(response, url));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    properties: { 'http/url': `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    change() {
      documents.delete(`/mac/${A}`);
      documents.set(`/mac/${B}`, AFTER);
    },
    hang() {
      behave = () => {};
    },
    fail() {
      behave = fail;
    },
    mend() {
      behave = answer;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

describe('the example plugin', async () => {
  test('has fewer than 40 lines', () => {
    assert(readFileSync(PLUGIN, 'utf8').trimEnd().split('\n').length < 40);
  });
  for (const [name, run] of await conformance(subject)) test(name, run);
});
