import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { after, describe, it } from 'node:test';
import { findInterface, findLooseTap, withNetns } from '../../src/system/netns.js';
import { openTap } from '../../src/system/tap.js';
import { TestNetns, uniqueName } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_TAP } from '../support/tap.js';
import { leavesNoDescriptor } from './descriptors.js';

const MAC = 'de:ad:be:ef:00:01';
const OTHER_MAC = 'de:ad:be:ef:00:02';
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

describe('findInterface', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  after(() => netns.delete());

  it('finds a TAP by name and MAC, in our own namespace or a named one, wherever it was moved', () => {
    const name = uniqueName('v');
    assert.equal(findInterface(name, MAC), undefined);
    const tap = openTap({
      name,
      mac: MAC,
      mtu: 1400,
      netns: null,
      persist: true,
      ...PLAIN_TAP,
    });
    assert.equal(findInterface(name, MAC), null);
    assert.equal(findInterface(name, OTHER_MAC), undefined);
    spawnSync('ip', ['link', 'set', name, 'netns', netns.name]);
    leavesNoDescriptor(() => assert.equal(findInterface(name, MAC), netns.name));
    tap.close();
    assert.equal(findInterface(name, MAC), netns.name, 'nobody holds it, and it is still there');
    openTap({
      name,
      mac: MAC,
      mtu: 1400,
      netns: netns.name,
      persist: true,
      ...PLAIN_TAP,
    }).remove();
    assert.equal(findInterface(name, MAC), undefined);
  });

  it('prefers the place it is told first: another daemon may have the same name and MAC elsewhere', () => {
    const name = uniqueName('v');
    const others = [new TestNetns('vxa'), new TestNetns('vxz')];
    for (const { name: where } of others)
      openTap({
        name,
        mac: MAC,
        mtu: 1400,
        netns: where,
        persist: true,
        ...PLAIN_TAP,
      }).close();
    for (const { name: where } of others) assert.equal(findInterface(name, MAC, where), where);
    for (const other of others) other.delete();
  });

  it('does not take another kind of interface for a TAP', () => {
    const name = uniqueName('v');
    netns.exec('ip', 'link', 'add', name, 'address', MAC, 'type', 'veth', 'peer', 'name', uniqueName('p'));
    assert.equal(findInterface(name, MAC), undefined);
  });

  it('skips files that are no namespace (any more)', () => {
    const stale = `/run/netns/000-${uniqueName('stale')}`;
    writeFileSync(stale, '');
    try {
      const tap = openTap({
        name: uniqueName('v'),
        mac: MAC,
        mtu: 1400,
        netns: netns.name,
        persist: false,
        ...PLAIN_TAP,
      });
      leavesNoDescriptor(() => assert.equal(findInterface(tap.name, MAC), netns.name));
      tap.close();
    } finally {
      rmSync(stale);
    }
  });
});

describe('findLooseTap', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  after(() => netns.delete());
  const nobody = () => false;

  it("finds a TAP by its MAC alone when no process holds it and its name is nobody's", () => {
    const name = uniqueName('v');
    const tap = openTap({
      name,
      mac: MAC,
      mtu: 1400,
      netns: netns.name,
      persist: true,
      ...PLAIN_TAP,
    });
    assert.equal(findLooseTap(MAC, netns.name, nobody), undefined, 'this process holds it');
    tap.close();
    leavesNoDescriptor(() => assert.equal(findLooseTap(MAC, netns.name, nobody), name));
    assert.equal(findLooseTap(MAC, null, nobody), undefined, "other namespaces are nobody's business");
    assert.equal(
      findLooseTap(MAC, netns.name, (known) => known === name),
      undefined,
    );
    assert.equal(findLooseTap(OTHER_MAC, netns.name, nobody), undefined);
    assert.equal(findLooseTap(MAC, 'no-such-netns', nobody), undefined);
  });

  it('looks in a namespace that has only a path as well, as findInterface does', () => {
    const path = `/run/${uniqueName('vxt-path')}`;
    const far = new TestNetns();
    writeFileSync(path, '');
    assert.equal(spawnSync('mount', ['--bind', far.path, path]).status, 0);
    try {
      const name = uniqueName('v');
      openTap({
        name,
        mac: OTHER_MAC,
        mtu: 1400,
        netns: path,
        persist: true,
        ...PLAIN_TAP,
      }).close();
      far.delete(); // its name only: the mount keeps it
      assert.equal(findInterface(name, OTHER_MAC), undefined);
      assert.equal(findInterface(name, OTHER_MAC, path), path);
      assert.equal(findLooseTap(OTHER_MAC, path, nobody), name);
    } finally {
      spawnSync('umount', [path]);
      rmSync(path);
    }
  });
});
