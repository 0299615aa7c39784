/** A real HTTP port on the loopback, over a MemoryController, and what a client of it gets. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import type { Endpoint } from '../../src/address.js';
import { startHttpServer } from '../../src/control/http.js';
import type { HttpToken } from '../../src/control/http-token.js';
import { freePort } from '../support/ports.js';
import { MemoryController } from './memory-controller.js';

export interface HttpPort {
  readonly address: Endpoint;
  readonly controller: MemoryController;
  close(): Promise<void>;
}

export async function startHttpPort(token: (address: Endpoint) => HttpToken): Promise<HttpPort> {
  const address = { ip: '127.0.0.1', port: freePort() };
  const controller = new MemoryController();
  const server = await startHttpServer({
    ...{ address, token: token(address), controller, probes: controller, events: controller.eventLog },
    log: { error: (message, fields) => assert.fail(`${message} ${JSON.stringify(fields)}`) },
  });
  return { address, controller, close: () => server.close() };
}

export interface Answer {
  readonly status: number | undefined;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
}

/** `path`: as it is sent, also if no URL is written so. */
export function ask(
  to: Endpoint,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { host: to.ip, port: to.port, path, method, headers, agent: false };
    const sent = request(options, async (response) => {
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += part;
      resolve({ status: response.statusCode, text, headers: response.headers as Answer['headers'] });
    });
    sent.on('error', reject).end(body);
  });
}

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
