/** What a state file says is believed only as it was written. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isTorn, parseStored, StoredOverlay, textOf } from '../../../src/daemon/state/stored.js';
import { OVERLAY } from './stored-overlay.js';

describe('the checksum of a state file', () => {
  it('finds every bit that is another, or it makes no difference', () => {
    const bytes = Buffer.from(textOf(OVERLAY));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const parsed = parseStored(StoredOverlay, 'overlay0', flipped.toString('utf8'));
      if ('value' in parsed) assert.deepEqual(parsed.value, OVERLAY, `bit ${bit} of ${flipped}`);
    }
  });

  it('finds every place where the file may be torn', () => {
    const text = textOf(OVERLAY);
    for (let length = 0; length < text.length - 1; length++) {
      const parsed = parseStored(StoredOverlay, 'overlay0', text.slice(0, length));
      assert('reason' in parsed, text.slice(0, length));
    }
  });

  it('is not what tells a torn file from a damaged one: that is its end', () => {
    const text = textOf({ ...OVERLAY, properties: { 'files/config': '/etc/hosts.json' } });
    const whole = text.trimEnd();
    for (let length = 0; length < whole.length; length++) assert(isTorn(text.slice(0, length)), text.slice(0, length));
    for (let at = 0; at < whole.length; at++) {
      if (at === whole.length - 2) continue; // the line break, without which the last line is another
      const damaged = `${text.slice(0, at)}x${text.slice(at + 1)}`;
      assert(!isTorn(damaged), damaged);
    }
    assert(!isTorn(`${JSON.stringify(OVERLAY)},}\n`), 'one line');
  });

  it('is not asked of a file without one, as of an edited one', () => {
    const edited = textOf({ ...OVERLAY, vni: 24 }).replace(/ *"checksum".*\n/, '');
    assert.doesNotMatch(edited, /checksum/);
    assert.deepEqual(parseStored(StoredOverlay, 'overlay0', edited), { value: { ...OVERLAY, vni: 24 } });
  });
});
