/** What namespaces are called whose last holder but ourselves is gone. */
import assert from 'node:assert/strict';
import { closeSync, openSync } from 'node:fs';
import { describe, it } from 'node:test';
import { InterfaceWatch } from '../../../src/daemon/overlay/interface-watch.js';
import { withNetnsFd } from '../../../src/system/netns.js';
import { netnsInode } from '../../../src/system/netns-holders.js';
import { TestNetns } from '../../support/netns.js';
import { needsRoot } from '../../support/root.js';

describe('a namespace with interfaces of ours', { skip: needsRoot() }, () => {
  it('keeps its name when it has lost it, also for who asks after that was told', () => {
    const netns = new TestNetns();
    const inode = netnsInode(netns.path);
    const fd = openSync(netns.path, 'r');
    const watch = new InterfaceWatch<object>();
    try {
      watch.put({}, { home: inode, inode, ifindex: 1, enter: (action) => withNetnsFd(fd, netns.name, action) });
      assert.equal(watch.nameOf(inode, netns.name), netns.name);
      netns.delete();
      assert.deepEqual(watch.orphaned(0), [inode]);
      assert.equal(watch.nameOf(inode, netns.name), netns.name);
      assert.equal(watch.isHeld(inode), false);
    } finally {
      watch.close();
      closeSync(fd);
      netns.delete();
    }
  });
});
