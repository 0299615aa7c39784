/** What is on this host, as an instance is told: in order, the last word always, no more than some at a time. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Local } from '../../src/search/api.js';
import { LOCALS_UNDER_WAY_MAX, LocalsTold } from '../../src/search/host/locals-told.js';
import { settled, silentLog } from '../daemon/harness.js';

const MAC = 'de:ad:be:ef:00:01';
const withIps = (mac: string, ...ips: string[]): Local => ({ mac, ips });

function setUp() {
  const asked: string[] = [];
  const warnings: string[] = [];
  const ends: ((error: Error | null) => void)[] = [];
  const told = new LocalsTold({ ...silentLog, warn: (line: string) => void warnings.push(line) }, (mac, local) => {
    asked.push(`${mac} ${local === null ? 'gone' : local.ips.join()}${local?.resumed ? ' resumed' : ''}`);
    return new Promise((resolve, reject) => ends.push((error) => (error === null ? resolve() : reject(error))));
  });
  const end = async (error: Error | null = null) => {
    for (const each of ends.splice(0)) each(error);
    await settled();
  };
  return { told, asked, warnings, end };
}

describe('what is local', () => {
  it('is told in its order; of what waits on one MAC the last word', async () => {
    const { told, asked, end } = setUp();
    for (const ip of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) told.tell(MAC, withIps(MAC, ip));
    assert.deepEqual(asked, [`${MAC} 10.0.0.1`]);
    told.tell(MAC, null);
    await end();
    await end();
    assert.deepEqual(asked, [`${MAC} 10.0.0.1`, `${MAC} gone`]);
  });

  it('speaks, where it has, though its last word is no sign of life', async () => {
    const { told, asked, end } = setUp();
    for (const ip of ['10.0.0.1', '10.0.0.2']) told.tell(MAC, { ...withIps(MAC, ip), resumed: true });
    told.tell(MAC, withIps(MAC, '10.0.0.3'));
    told.tell(MAC, { ...withIps(MAC), resumed: true });
    await end();
    assert.deepEqual(asked, [`${MAC} 10.0.0.1 resumed`, `${MAC} `]);
  });

  it('is told some at a time, and all in the end', async () => {
    const { told, asked, end } = setUp();
    const macs = Array.from({ length: LOCALS_UNDER_WAY_MAX + 10 }, (_, n) => `02:00:00:00:00:${n}`);
    for (const mac of macs) told.tell(mac, withIps(mac));
    assert.equal(asked.length, LOCALS_UNDER_WAY_MAX);
    await end();
    assert.deepEqual(
      asked,
      macs.map((mac) => `${mac} `),
    );
  });

  it('costs a line of the log when it fails, and another after it has succeeded', async () => {
    const { told, warnings, end } = setUp();
    for (const error of [new Error('one'), new Error('two'), null, new Error('three')]) {
      told.tell(MAC, null);
      await end(error);
    }
    assert.deepEqual(warnings, ['one', 'three']);
  });
});
