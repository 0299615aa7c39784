/** Groups by name and by number, as `getent group` has them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { gidOf } from '../../src/system/group.js';

test('every group of this host is found by its name', () => {
  const groups = execFileSync('getent', ['group'], { encoding: 'utf8' }).trim().split('\n');
  assert.ok(groups.length > 0);
  for (const line of groups) {
    const [name, , gid] = line.split(':');
    assert.equal(gidOf(name as string), Number(gid), line);
  }
});

test('a number needs no group of that number', () => {
  assert.equal(gidOf('54321'), 54321);
  assert.equal(gidOf('4294967294'), 4294967294);
});

test('what is neither is refused, and so is the number that would change nothing', () => {
  for (const group of ['no-such-group', '', '-1', '0x10', '4294967295', '99999999999']) {
    const message = `no such group: ${group}; --group wants one of "getent group", or a number`;
    assert.throws(() => gidOf(group), { code: 'no_such_group', message });
  }
});
