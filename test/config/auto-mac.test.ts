/** `mac: auto`: by hand and by a file the same, always the same, and nobody else's. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { autoMac } from '../../src/config/auto-mac.js';
import { wantedMac } from '../../src/config/rules.js';
import { OVERLAY, read } from './reading.js';

const directory = mkdtempSync(join(tmpdir(), 'vxlane-machine-'));
after(() => rmSync(directory, { recursive: true }));

function machine(text: string): string {
  const path = join(directory, 'machine-id');
  writeFileSync(path, text);
  return path;
}

const MACHINE = '0123456789abcdef0123456789abcdef\n';

describe('mac auto', () => {
  test('is the first six bytes of the HMAC that openssl makes, locally administered and of one host', () => {
    // printf overlay0/foo0 | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef: 0a57ba59e50a68f5…
    assert.equal(autoMac('overlay0', 'foo0', machine(MACHINE)), '0a:57:ba:59:e5:0a');
  });

  test('is another for each name, overlay and machine, and never that of a group or of a manufacturer', () => {
    const path = machine(MACHINE);
    const macs = ['a', 'b', 'ab'].flatMap((overlay) =>
      Array.from({ length: 300 }, (_, n) => autoMac(overlay, `v${n}`, path)),
    );
    assert.equal(new Set(macs).size, macs.length);
    for (const mac of macs) assert.match(mac, /^[0-9a-f][26ae](:[0-9a-f]{2}){5}$/);
    assert.notEqual(autoMac('a', 'v0', machine('f'.repeat(32))), macs[0]);
  });

  test('is refused in one line on a machine without an id', () => {
    const missing = join(directory, 'nix');
    assert.throws(() => autoMac('a', 'v', missing), {
      code: 'machine_id_missing',
      message: new RegExp(`^mac auto: ${missing} has no machine id: ENOENT.*; give a MAC instead$`),
    });
    for (const text of ['', 'uninitialized\n', '0123\n']) {
      assert.throws(() => autoMac('a', 'v', machine(text)), /: it is not 32 hexadecimal digits; give a MAC instead$/);
    }
  });

  const skip = existsSync('/etc/machine-id') ? false : 'this machine has no /etc/machine-id';

  test('in a file is what the command makes of the same names', { skip }, () => {
    const { declaration, problems } = read(`${OVERLAY}vnics: { foo0: { overlay: overlay0, mac: auto } }\n`);
    assert.deepEqual(problems, []);
    assert.equal(declaration?.vnics.get('foo0')?.mac, wantedMac('auto', { name: 'foo0', overlay: 'overlay0' }));
  });

  test('in a file is refused where another VNIC has it', { skip }, () => {
    const mac = autoMac('overlay0', 'foo0');
    const vnics = `vnics:\n  bar0: { overlay: overlay0, mac: "${mac}" }\n  foo0: { overlay: overlay0, mac: auto }\n`;
    assert.deepEqual(read(OVERLAY + vnics).problems, [
      `8:35: vnics.foo0.mac: ${mac} is that of VNIC bar0 (line 7): choose another`,
    ]);
  });
});
