import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { netnsInode } from '../../src/system/netns-holders.js';
import { openTap, type TapOptions } from '../../src/system/tap.js';
import { markOf, TapSearch } from '../../src/system/tap-search.js';
import { run, TestNetns, uniqueName } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { PLAIN_TAP } from '../support/tap.js';
import { until } from '../support/until.js';
import { leavesNoDescriptor } from './descriptors.js';

const MAC = '02:7a:70:00:00:01';
const OTHER_MAC = '02:7a:70:00:00:02';

/** A TAP that stays, for who looks for it: {@link tapOf}. */
function tap(name: string, netns: string | null, changes: Partial<TapOptions> = {}) {
  return openTap({ name, mac: MAC, mtu: 1400, netns, persist: true, ...PLAIN_TAP, ...changes });
}

/** `NETNS NAME` of what is found; undefined: nothing. */
function find(name: string, mac: string, netns: string | null, mark = 'vxlane none', isOther = (_: string) => false) {
  const found = new TapSearch().find({ name, mac, netns, mark, isOther });
  return found && `${found.netns} ${found.link.name}`;
}

describe('the search for the interface of a VNIC', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  after(() => netns.delete());

  it('goes by its mark: renamed, moved, and with another MAC it is the same', () => {
    const name = uniqueName('v');
    const mark = markOf(name, 'abc');
    tap(name, netns.name, { mark }).close();
    assert.equal(netns.link(name).ifalias, mark);
    const far = new TestNetns();
    try {
      netns.exec('ip', 'link', 'set', name, 'down', 'name', 'eth7', 'address', OTHER_MAC);
      assert.equal(find(name, MAC, netns.name, mark), `${netns.name} eth7`);
      netns.exec('ip', 'link', 'set', 'eth7', 'netns', far.name);
      leavesNoDescriptor(() => assert.equal(find(name, MAC, netns.name, mark), `${far.name} eth7`));
      assert.equal(find(name, OTHER_MAC, far.name, markOf(name, 'abd')), undefined, 'the mark of another one');
      assert.equal(find('eth7', OTHER_MAC, far.name, markOf('eth7', 'abd')), undefined, 'its name and MAC do not help');
    } finally {
      far.delete();
    }
  });

  it('finds it in a namespace that has no name, by a process there', async () => {
    const name = uniqueName('v');
    const container = spawn('unshare', ['-n', 'sleep', '60']);
    try {
      const path = `/proc/${container.pid}/ns/net`;
      await until(() => ![0, netnsInode(null)].includes(netnsInode(path)));
      const mark = markOf(name, 'def');
      tap(name, null, { mark }).close();
      run('ip', 'link', 'set', name, 'netns', String(container.pid));
      assert.equal(find(name, MAC, null, mark), `${path} ${name}`);
    } finally {
      container.kill();
    }
  });

  it('goes by name and MAC without a mark: in our own namespace or a named one', () => {
    const name = uniqueName('v');
    assert.equal(find(name, MAC, null), undefined);
    const made = tap(name, null);
    assert.equal(find(name, MAC, null), `null ${name}`);
    assert.equal(find(name, OTHER_MAC, null), undefined);
    spawnSync('ip', ['link', 'set', name, 'netns', netns.name]);
    assert.equal(find(name, MAC, null), undefined, 'somebody holds it');
    made.close();
    assert.equal(find(name, MAC, null), `${netns.name} ${name}`);
    netns.exec('ip', 'link', 'set', name, 'alias', "the operator's own");
    assert.equal(find(name, MAC, null), `${netns.name} ${name}`);
    netns.exec('ip', 'link', 'del', name);
    assert.equal(find(name, MAC, null), undefined);
  });

  it('looks where it was made first: another daemon may have the same name and MAC elsewhere', () => {
    const name = uniqueName('v');
    const others = [new TestNetns('vxa'), new TestNetns('vxz')];
    for (const other of others) tap(name, other.name).close();
    for (const other of others) assert.equal(find(name, MAC, other.name), `${other.name} ${name}`);
    for (const other of others) other.delete();
  });

  it("finds a renamed one without a mark by its MAC, when nobody holds it and its name is nobody's", () => {
    const name = uniqueName('v');
    const made = tap(name, netns.name);
    assert.equal(find('before', MAC, netns.name), undefined, 'this process holds it');
    made.close();
    assert.equal(find('before', MAC, netns.name), `${netns.name} ${name}`);
    assert.equal(find('before', MAC, null), undefined, "other namespaces are nobody's business");
    assert.equal(
      find('before', MAC, netns.name, 'vxlane none', (other) => other === name),
      undefined,
    );
    assert.equal(find('before', MAC, 'no-such-netns'), undefined);
    netns.exec('ip', 'link', 'del', name);
  });

  it('looks in a namespace that has only a path', () => {
    const path = `/run/${uniqueName('vxt-path')}`;
    const far = new TestNetns();
    writeFileSync(path, '');
    assert.equal(spawnSync('mount', ['--bind', far.path, path]).status, 0);
    try {
      const name = uniqueName('v');
      tap(name, path).close();
      far.delete(); // its name only: the mount keeps it
      assert.equal(find(name, MAC, null), undefined);
      assert.equal(find(name, MAC, path), `${path} ${name}`);
      assert.equal(find('before', MAC, path), `${path} ${name}`);
    } finally {
      spawnSync('umount', [path]);
      rmSync(path);
    }
  });

  it('does not take another kind of interface for a TAP, and skips files that are no namespace (any more)', () => {
    const stale = `/run/netns/000-${uniqueName('stale')}`;
    const name = uniqueName('v');
    writeFileSync(stale, '');
    try {
      netns.exec('ip', 'link', 'add', name, 'address', MAC, 'type', 'veth', 'peer', 'name', uniqueName('p'));
      leavesNoDescriptor(() => assert.equal(find(name, MAC, netns.name), undefined));
    } finally {
      rmSync(stale);
      netns.exec('ip', 'link', 'del', name);
    }
  });
});
