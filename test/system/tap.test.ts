import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { openTap, type TapOptions } from '../../src/system/tap.js';
import { run, TestNetns, uniqueName } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { isCloseOnExec, leavesNoDescriptor } from './descriptors.js';

const MAC = 'de:ad:be:ef:00:01';
const NOWHERE = undefined;

describe('TAP interfaces', { skip: needsRoot() }, () => {
  const netns = new TestNetns();
  after(() => netns.delete());

  const options = (changes: Partial<TapOptions> = {}): TapOptions => ({
    name: uniqueName('v'),
    mac: MAC,
    mtu: 1400,
    netns: netns.name,
    persist: true,
    queues: 1,
    offload: 'auto',
    ...changes,
  });

  it('are made inside the namespace with MAC and MTU, and up', () => {
    const wanted = options();
    const tap = openTap(wanted);
    const link = netns.link(wanted.name);
    assert.equal(link.address, MAC);
    assert.equal(link.mtu, 1400);
    assert.ok(link.flags.includes('UP') && link.flags.includes('LOWER_UP'));
    assert.equal(
      JSON.parse(run('ip', '-j', 'link')).some((own: { ifname: string }) => own.ifname === wanted.name),
      false,
    );
    tap.remove();
    assert.equal(netns.link(wanted.name), NOWHERE);
  });

  it('can be named by the path of their namespace, and can live in our own', () => {
    const byPath = openTap(options({ netns: netns.path }));
    assert.equal(netns.link(byPath.name).address, MAC);
    byPath.remove();
    const own = openTap(options({ netns: null }));
    assert.equal(JSON.parse(run('ip', '-j', 'link', 'show', own.name))[0].mtu, 1400);
    own.remove();
    assert.throws(() => run('ip', 'link', 'show', own.name));
  });

  it('have a descriptor that is non-blocking and closed by exec', () => {
    const tap = openTap(options());
    const info = readFileSync(`/proc/self/fdinfo/${tap.fd}`, 'utf8');
    assert.ok(isCloseOnExec(info), info);
    assert.ok(Number.parseInt(/^flags:\s+([0-7]+)$/m.exec(info)?.[1] ?? '0', 8) & 0o4000, info);
    tap.remove();
  });

  it('stay after close when persistent, and attaching again keeps index and addresses', () => {
    const wanted = options();
    openTap(wanted).close();
    netns.exec('ip', 'address', 'add', '10.1.2.3/24', 'dev', wanted.name);
    netns.exec('ip', 'route', 'add', '10.9.0.0/16', 'via', '10.1.2.9');
    const before = netns.json('address', 'show', wanted.name);
    assert.ok(before[0].flags.includes('NO-CARRIER'));

    const again = openTap(wanted);
    const [link] = netns.json('address', 'show', wanted.name);
    assert.equal(link.ifindex, before[0].ifindex);
    assert.ok(link.addr_info.some(({ local }: { local: string }) => local === '10.1.2.3'));
    assert.ok(link.flags.includes('LOWER_UP'));
    assert.equal(netns.json('route', 'show', '10.9.0.0/16')[0].dev, wanted.name);
    again.remove();
  });

  it('get only what differs when attached: MAC, MTU and state', () => {
    const wanted = options();
    openTap(wanted).close();
    netns.exec(
      'ip',
      'link',
      'set',
      wanted.name,
      'down',
      'address',
      '02:00:00:00:00:77',
      'mtu',
      '1300',
      'alias',
      'mine',
    );
    const tap = openTap(wanted);
    const link = netns.link(wanted.name);
    assert.deepEqual([link.address, link.mtu, link.ifalias], [MAC, 1400, 'mine']);
    assert.ok(link.flags.includes('UP'));
    tap.remove();
  });

  it('vanish on close when not persistent, also when they were before', () => {
    const wanted = options();
    openTap(wanted).close();
    openTap({ ...wanted, persist: false }).close();
    assert.equal(netns.link(wanted.name), NOWHERE);
  });

  it('take a new MTU, and go, in the namespace and by the name they were moved to', () => {
    const other = new TestNetns();
    try {
      const tap = openTap(options());
      const renamed = uniqueName('r');
      netns.exec('ip', 'link', 'set', tap.name, 'netns', other.name, 'name', renamed);
      tap.setMtu(1234);
      assert.equal(other.link(renamed).mtu, 1234);
      tap.remove();
      assert.equal(other.link(renamed), NOWHERE);
    } finally {
      other.delete();
    }
  });

  it('may be removed when the interface is gone already, and closed twice', () => {
    const tap = openTap(options());
    netns.exec('ip', 'link', 'delete', tap.name);
    assert.throws(() => tap.setMtu(1300), { code: 'system_call_failed', errnoName: 'EBADFD' });
    leavesNoDescriptor(() => assert.throws(() => tap.setMtu(1300)));
    tap.remove();
    tap.remove();
    tap.close();
  });

  it('refuse an impossible MTU and keep the old one', () => {
    const tap = openTap(options());
    assert.throws(() => tap.setMtu(70_000), {
      message: `interface ${tap.name}: the kernel does not take 70000 as MTU (EINVAL)`,
    });
    assert.equal(netns.link(tap.name).mtu, 1400);
    tap.remove();
  });

  it('leave no descriptor open', () => {
    leavesNoDescriptor(() => {
      const wanted = options();
      const tap = openTap(wanted);
      tap.setMtu(1300);
      tap.close();
      openTap(wanted).remove();
    });
  });
});
