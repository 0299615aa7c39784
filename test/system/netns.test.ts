import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { withNetns } from '../../src/system/netns.js';
import { TestNetns } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { leavesNoDescriptor } from './descriptors.js';

const NETNS_MODULE = new URL('../../src/system/netns.js', import.meta.url).href;

const here = () => readlinkSync('/proc/thread-self/ns/net');

describe('withNetns', { skip: needsRoot() }, () => {
  const home = here();
  const netns = new TestNetns();
  after(() => netns.delete());
  const there = `net:[${statSync(netns.path).ino}]`;

  it('runs the action inside and comes back with its answer', () => {
    assert.notEqual(there, home);
    assert.equal(withNetns(netns.name, here), there);
    assert.equal(withNetns(netns.path, here), there);
    assert.deepEqual(
      withNetns(netns.name, () => Object.keys(networkInterfaces())),
      ['lo'],
    );
    assert.equal(here(), home);
  });

  it('stays where it is for null', () => {
    assert.equal(withNetns(null, here), home);
  });

  it('comes back when the action throws, with the error unchanged', () => {
    const mine = new Error('mine');
    assert.throws(
      () =>
        withNetns(netns.name, () => {
          throw mine;
        }),
      (thrown) => thrown === mine,
    );
    assert.equal(here(), home);
  });

  it('nests', () => {
    const other = new TestNetns();
    try {
      const seen = withNetns(netns.name, () => [withNetns(other.name, here), withNetns(netns.name, here), here()]);
      assert.deepEqual(seen, [`net:[${statSync(other.path).ino}]`, there, there]);
      assert.equal(here(), home);
    } finally {
      other.delete();
    }
  });

  it('refuses an action that is not synchronous, and comes back', () => {
    const rejecting = async () => {
      throw new Error('too late');
    };
    for (const netnsName of [netns.name, null]) {
      assert.throws(() => withNetns(netnsName, rejecting), { name: 'TypeError', message: /must be synchronous/ });
    }
    assert.equal(here(), home);
  });

  it('does not wait for the writer of a FIFO that is taken for a namespace', () => {
    const directory = mkdtempSync(join(tmpdir(), 'vxlane-netns-'));
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const enter = `import(${JSON.stringify(NETNS_MODULE)}).then(({ withNetns }) => withNetns('${fifo}', () => {}))`;
    const child = spawnSync(process.execPath, ['--eval', enter], { encoding: 'utf8', timeout: 20_000 });
    rmSync(directory, { recursive: true });
    assert.match(child.stderr, /netns_not_one/);
  });

  it('leaves no descriptor open, whatever happens', () => {
    leavesNoDescriptor(() => {
      withNetns(netns.name, here);
      assert.throws(() => withNetns(netns.name, () => assert.fail()));
      assert.throws(() => withNetns('/etc/hostname', here), { code: 'netns_not_one' });
      assert.throws(() => withNetns('vxt-nowhere', here), { code: 'netns_missing' });
      assert.throws(() => withNetns('', here), { code: 'netns_name_invalid' });
      assert.throws(() => withNetns('a\0b', here), { code: 'netns_name_invalid' });
    });
  });

  it('ends the process rather than go on in the wrong namespace', () => {
    // The action closes every namespace descriptor, the way home among them.
    const script = `
      import { closeSync, readdirSync, readlinkSync } from 'node:fs';
      import { withNetns } from ${JSON.stringify(NETNS_MODULE)};
      const isNamespace = (fd) => { try { return readlinkSync('/proc/self/fd/' + fd).startsWith('net:['); } catch {} };
      try {
        withNetns(process.argv[1], () => {
          for (const fd of readdirSync('/proc/self/fd').filter(isNamespace)) closeSync(Number(fd));
        });
      } finally {
        console.log('still alive');
      }`;
    const args = ['--input-type=module', '--eval', script, netns.name];
    const child = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 20_000 });
    assert.equal(child.status, 1);
    assert.equal(child.stderr, `fatal: cannot leave network namespace ${netns.name}: EBADF; this process ends here\n`);
    assert.equal(child.stdout, '');
  });
});
