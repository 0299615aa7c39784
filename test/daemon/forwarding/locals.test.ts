/** Which MACs are here and with which addresses, as the plugin hears of it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Locals } from '../../../src/daemon/forwarding/locals.js';
import type { Local } from '../../../src/search/api.js';

const [VNIC, BEHIND] = ['de:ad:be:ef:00:00', 'de:ad:be:ef:00:01'] as const;

function setUp() {
  const told: string[] = [];
  const clock = { nowMs: 5000 };
  const tell = (mac: string, local: Local | null) =>
    void told.push(`${mac} ${local === null ? 'gone' : local.ips.join(' ')}${local?.resumed ? ' resumed' : ''}`);
  const frames = new Map<string, number>();
  const signOf = (mac: string) => frames.get(mac) ?? 0;
  const locals = new Locals(tell, signOf, () => clock.nowMs);
  return { locals, clock, frames, heard: () => told.splice(0) };
}

describe('MACs that are here', () => {
  it('a VNIC with the addresses that it was given, and again when they are others', () => {
    const { locals, heard } = setUp();
    locals.hasVnic(VNIC, ['10.0.0.1/24', 'fd00::1/64']);
    locals.hasVnic(VNIC, ['10.0.0.1/24', 'fd00::1/64']);
    locals.hasVnic(VNIC, []);
    locals.vnicLeft(VNIC);
    assert.deepEqual(heard(), [`${VNIC} 10.0.0.1 fd00::1`, `${VNIC}  resumed`, `${VNIC} gone`]);
  });

  it('one that is learned behind a VNIC, until it is forgotten; a VNIC is not forgotten so', () => {
    const { locals, heard } = setUp();
    locals.learned(BEHIND);
    locals.hasVnic(VNIC, []);
    for (const mac of [BEHIND, VNIC]) locals.unlearned(mac);
    assert.deepEqual(heard(), [`${BEHIND} `, `${VNIC} `, `${BEHIND} gone`]);
    assert.deepEqual([...locals], [{ mac: VNIC, ips: [], resumed: true }]);
  });

  it('an address that is heard belongs to whoever used it last', () => {
    const { locals, heard } = setUp();
    locals.hasVnic(VNIC, ['10.0.0.1/24']);
    locals.learned(BEHIND);
    heard();
    locals.heard(VNIC, '10.0.0.1');
    locals.heard(VNIC, '10.0.0.2');
    locals.heard(VNIC, '10.0.0.2');
    locals.heard(BEHIND, '10.0.0.2');
    locals.heard('02:00:00:00:00:99', '10.0.0.3'); // it is not here
    assert.deepEqual(heard(), [`${VNIC} 10.0.0.1 10.0.0.2`, `${VNIC} 10.0.0.1 resumed`, `${BEHIND} 10.0.0.2`]);
  });

  it('a VNIC that the plugin has elsewhere is told of again when it speaks, until the plugin says so no more', () => {
    const { locals, heard } = setUp();
    locals.hasVnic(VNIC, ['10.0.0.1/24']);
    locals.contested(VNIC);
    locals.contested(BEHIND);
    heard();
    locals.heard(VNIC, '10.0.0.1');
    locals.heard(VNIC, '10.0.0.1');
    assert.deepEqual(heard(), [`${VNIC} 10.0.0.1`]);
    locals.contested(VNIC);
    locals.vnicLeft(VNIC);
    locals.hasVnic(VNIC, ['10.0.0.1/24']);
    heard();
    locals.heard(VNIC, '10.0.0.1');
    assert.deepEqual(heard(), [], 'it is another one');
  });

  it('one of an earlier life is resumed, until it speaks where the plugin has it elsewhere', () => {
    const { locals, heard } = setUp();
    locals.hasVnic(VNIC, ['10.0.0.1/24'], true);
    locals.contested(VNIC);
    locals.hasVnic(VNIC, ['10.0.0.2/24']);
    assert.deepEqual(heard(), [`${VNIC} 10.0.0.1 resumed`, `${VNIC} 10.0.0.2 resumed`]);
    locals.heard(VNIC, '10.0.0.2');
    assert.deepEqual(heard(), [`${VNIC} 10.0.0.2`]);
  });

  it('of many addresses of one MAC the latest are kept', () => {
    const { locals, clock, heard } = setUp();
    locals.learned(BEHIND);
    for (let n = 1; n <= 20; n++) {
      locals.heard(BEHIND, `10.0.0.${n}`);
      clock.nowMs += 10_000;
    }
    const ips = heard().at(-1)?.split(' ').slice(1) ?? [];
    assert.deepEqual([ips.length, ips[0], ips.at(-1)], [16, '10.0.0.5', '10.0.0.20']);
  });

  it('one that uses address after address is heard 16 times, and then once in 10 s', () => {
    const { locals, clock, heard } = setUp();
    locals.hasVnic(VNIC, []);
    locals.learned(BEHIND);
    heard();
    const ask = (count: number) => {
      for (let n = 0; n < count; n++) locals.heard(BEHIND, `10.1.${n >> 8}.${n & 255}`);
      return heard().length;
    };
    assert.equal(ask(1000), 16);
    clock.nowMs += 60_000;
    assert.equal(ask(1000), 6);
    locals.heard(VNIC, '10.2.0.1');
    assert.deepEqual(heard(), [`${VNIC} 10.2.0.1`], 'others are heard all the same');
  });

  it('an address that the plugin has at another MAC is no more that of who was heard; one that was given is', () => {
    const { locals, heard } = setUp();
    locals.hasVnic(VNIC, ['10.0.0.1/24']);
    locals.heard(VNIC, '10.0.0.2');
    heard();
    locals.moved('10.0.0.2', VNIC);
    locals.moved('10.0.0.1', BEHIND);
    assert.deepEqual(heard(), []);
    locals.moved('10.0.0.2', BEHIND);
    assert.deepEqual(heard(), [`${VNIC} 10.0.0.1 resumed`]);
    locals.heard(VNIC, '10.0.0.2');
    assert.deepEqual(heard(), [`${VNIC} 10.0.0.1 10.0.0.2`], 'until it uses it again');
  });

  it('an address stays while its MAC sends anything at all', () => {
    const { locals, clock, frames, heard } = setUp();
    locals.hasVnic(VNIC, []);
    locals.heard(VNIC, '10.0.0.2');
    heard();
    for (let hour = 1; hour <= 3; hour++) {
      frames.set(VNIC, hour);
      clock.nowMs += 3_600_000;
      locals.age();
    }
    assert.deepEqual(heard(), []);
    clock.nowMs += 3_600_000;
    locals.age();
    assert.deepEqual(heard(), [`${VNIC}  resumed`]);
  });

  it('an address of a MAC that is silent for an hour is forgotten, one that was given is not', () => {
    const { locals, clock, heard } = setUp();
    locals.hasVnic(VNIC, ['10.0.0.1/24']);
    locals.learned(BEHIND);
    locals.heard(VNIC, '10.0.0.2');
    locals.heard(BEHIND, '10.0.0.3');
    clock.nowMs += 3_000_000;
    locals.heard(BEHIND, '10.0.0.3');
    locals.age();
    heard();
    clock.nowMs += 600_000;
    locals.age();
    assert.deepEqual(heard(), [`${VNIC} 10.0.0.1 resumed`]);
    clock.nowMs += 3_000_000;
    locals.age();
    locals.age();
    assert.deepEqual(heard(), [`${BEHIND}  resumed`]);
  });
});
