// The endpoint table: one place per endpoint, and places that come back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ENDPOINTS_BASE, ENDPOINTS_MAX, EP_SIZE } from '../../assembly/layout.js';
import { Endpoints } from '../../src/datapath/endpoints.js';
import { createMemory, viewsOf } from '../../src/datapath/memory.js';
import { compileModule, instantiate } from '../../src/datapath/module.js';
import { sockaddrOf } from '../../src/system/sockaddr.js';

const endpointOf = (n: number): { ip: string; port: number } => ({
  ip: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`,
  port: 4789,
});

const module = compileModule();

function table(onNew: (index: number) => void = () => {}) {
  const memory = createMemory(1, 16);
  const views = viewsOf(memory);
  const datapath = instantiate(module, memory);
  datapath.startHost();
  return { views, endpoints: new Endpoints(datapath, views, onNew) };
}

test('equal endpoints share a place that holds their sockaddr; a full table answers 0', () => {
  const { views, endpoints } = table();
  const index = endpoints.intern({ ip: 'fd00::1', port: 8472 }, 1);
  assert.equal(endpoints.intern({ ip: 'fd00::1', port: 8472 }, 1), index);
  const at = ENDPOINTS_BASE + index * EP_SIZE;
  assert.deepEqual(Buffer.from(views.u8.slice(at, at + 28)), sockaddrOf({ ip: 'fd00::1', port: 8472 }));
  for (let n = 0; n < ENDPOINTS_MAX - 2; n++) {
    assert.ok(endpoints.hasRoom);
    assert.notEqual(endpoints.intern(endpointOf(n), 1), 0);
  }
  assert.equal(endpoints.hasRoom, false);
  assert.equal(endpoints.intern(endpointOf(ENDPOINTS_MAX), 1), 0);
});

test('unused places are given out again only after their release, and told to start counting anew', () => {
  const restarted: number[] = [];
  const { endpoints } = table((index) => restarted.push(index));
  const used = endpoints.intern(endpointOf(1), 1);
  const unused = endpoints.intern(endpointOf(2), 1);
  assert.deepEqual(endpoints.forgetUnused(new Set([used])), [unused]);
  const third = endpoints.intern(endpointOf(3), 1);
  assert.notEqual(third, unused, 'a worker may still be sending there');
  endpoints.release([unused]);
  assert.equal(endpoints.intern(endpointOf(4), 1), unused);
  assert.deepEqual(endpoints.at(unused), endpointOf(4));
  assert.deepEqual(restarted, [used, unused, third, unused]);
});

test('a table that is low is swept, but not again and again when everything is in use', () => {
  const { endpoints } = table();
  const used = new Set<number>();
  let sweeps = 0;
  for (let n = 0; n < ENDPOINTS_MAX - 1; n++) {
    used.add(endpoints.intern(endpointOf(n), 1));
    if (!endpoints.isLow) continue;
    sweeps++;
    endpoints.release(endpoints.forgetUnused(used));
  }
  assert.equal(used.has(0), false);
  assert.ok(sweeps >= 1 && sweeps <= 20, `${sweeps} sweeps`);
});

test('a table that was full of endpoints in use is swept again when they no longer are', () => {
  const { endpoints } = table();
  const used = new Set<number>();
  const add = (n: number): number => {
    const index = endpoints.intern(endpointOf(n), 1);
    used.add(index);
    if (endpoints.isLow) endpoints.release(endpoints.forgetUnused(used));
    return index;
  };
  for (let n = 0; n < ENDPOINTS_MAX - 1; n++) assert.notEqual(add(n), 0);
  used.clear();
  let refused = 0;
  while (add(ENDPOINTS_MAX + refused) === 0) assert.ok(++refused < 50, 'never swept again');
});
