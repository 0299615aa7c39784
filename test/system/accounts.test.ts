/** Users and groups by name and by number, as `getent` has them. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { gidOf, userOf } from '../../src/system/accounts.js';

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

test('every user of this host is found by its name, with its first group', () => {
  const users = execFileSync('getent', ['passwd'], { encoding: 'utf8' }).trim().split('\n');
  assert.ok(users.length > 0);
  for (const line of users) {
    const [name, , uid, gid] = line.split(':');
    assert.deepEqual(userOf(name as string), { uid: Number(uid), gid: Number(gid), isNamed: true }, line);
  }
});

test('a number needs no user of that number', () => {
  assert.deepEqual(userOf('54321'), { uid: 54321, gid: 54321, isNamed: false });
});

test('a user that is neither is refused', () => {
  for (const user of ['no-such-user', '', '-1', '4294967295']) {
    const message = `no such user: ${user}; --user wants one of "getent passwd", or a number`;
    assert.throws(() => userOf(user), { code: 'no_such_user', message });
  }
});
