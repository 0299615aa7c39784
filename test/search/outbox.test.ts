/** What leaves the thread of a plugin: lines of log no longer than the host would repeat them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Said } from '../../src/search/host/messages.js';
import { Outbox } from '../../src/search/host/outbox.js';

/** What the host gets of one line. */
async function sent(message: unknown, fields: unknown): Promise<Extract<Said, { kind: 'log' }>> {
  const all: Said[] = [];
  const outbox = new Outbox(
    (parcel) => all.push(...structuredClone(parcel)),
    () => 0,
  );
  outbox.put({ kind: 'log', level: 'info', message, fields });
  await Promise.resolve();
  assert.equal(all.length, 1);
  return all[0] as Extract<Said, { kind: 'log' }>;
}

const circle: Record<string, unknown> = { name: 'round' };
circle.self = circle;

describe('a line that a plugin logs', () => {
  it('crosses as it is when it is short', async () => {
    const fields = { server: '10.0.0.1', tries: 3, of: ['a', 'b'] };
    assert.deepEqual(await sent('lost it', fields), { kind: 'log', level: 'info', message: 'lost it', fields });
    assert.equal((await sent('alone', undefined)).fields, undefined);
  });

  const long: [what: string, fields: object, text: RegExp][] = [
    ['a long text', { text: 'x'.repeat(1e6) }, /^\{ text: 'xxx/],
    ['many fields', Object.fromEntries(Array.from({ length: 1e5 }, (_, i) => [`f${i}`, i])), /^\{ f0: 0, f1: 1/],
    ['a circle', circle, /round/],
    ['a BigInt', { count: 3n }, /^\{ count: 3n \}$/],
    ['an error', new Error('no server'), /^no server$/],
    ['no JSON at all', { toJSON: () => undefined }, /toJSON/],
  ];
  for (const [what, fields, text] of long) {
    it(`whose fields are ${what} has one short text instead`, async () => {
      const { fields: crossed } = await sent('see', fields);
      const { fields: shown, ...rest } = crossed as { fields: string };
      assert.deepEqual(rest, {});
      assert.match(shown, text);
      assert.ok(shown.length <= 201, `${shown.length} characters`);
    });
  }

  it('tells of an error what its message says', async () => {
    assert.deepEqual((await sent('see', { err: new Error('no server') })).fields, { err: 'no server' });
  });

  it('takes nothing along that JSON does not show', async () => {
    const { fields } = await sent('see', { table: new Map([[1, 'x'.repeat(1e6)]]), bytes: new ArrayBuffer(1e6) });
    assert.deepEqual(fields, { table: {}, bytes: {} });
  });

  it('has a text of one short line', async () => {
    assert.equal((await sent(`one\n${'x'.repeat(1e6)}`, {})).message, `one ${'x'.repeat(196)}…`);
  });
});
