import { type Endpoint, parseEndpoint } from '../address.js';
import { httpAddressBad } from '../errors.js';

/** `127.0.0.1:9448` or `[::1]:9448`; a port there has to be. */
export function parseHttpAddress(text: string): Endpoint {
  const address = /:\d+$/.test(text) ? parseEndpoint(text) : null;
  if (address === null) throw httpAddressBad(text);
  return address;
}
