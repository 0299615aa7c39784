/** Addresses that a file declares: a list that changes, while the daemon runs and while it does not. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stringify } from 'yaml';
import { needsRoot } from '../../support/root.js';
import { until } from '../../support/until.js';
import { declaring } from '../declaring.js';

const [FIRST, SECOND, THIRD] = ['10.55.55.2/24', '10.55.55.4/24', '10.55.55.5/24'];
/** What {@link Declaring.addAddress} puts on the interface, as another tool does. */
const THEIRS = '10.55.55.3';

describe('declared addresses', { skip: needsRoot() }, () => {
  const daemon = declaring();
  const vnic = () => daemon().file.vnics[daemon().vnic]!;
  const on = () => [...daemon().link().addresses].filter((address: string) => !address.startsWith('fe80::')).sort();
  const state = () => daemon().daemon.vnics()[0]?.state;

  it('change with the file: what is added comes, what is removed goes, what others put there stays', async () => {
    vnic().addresses = [FIRST];
    await daemon().reload();
    assert.deepEqual(daemon().done, { [daemon().vnic]: 'changed (addresses)' });
    const { ifindex } = daemon().link();
    daemon().addAddress();
    vnic().addresses = [SECOND, THIRD];
    await daemon().reload();
    assert.deepEqual(on(), [THEIRS, '10.55.55.4', '10.55.55.5']);
    assert.deepEqual([daemon().link().ifindex, state()], [ifindex, 'up']);
    vnic().addresses = [THIRD, SECOND];
    await daemon().reload();
    assert.deepEqual(daemon().daemon.vnics()[0]?.addresses, [SECOND, THIRD], 'an order is no difference');
    delete vnic().addresses;
    await daemon().reload();
    assert.deepEqual(on(), [THEIRS]);
  });

  it('are not taken from whom they were before: in the list and out of it, the address stays', async () => {
    daemon().addAddress();
    vnic().addresses = [`${THEIRS}/24`, FIRST];
    await daemon().reload();
    await daemon().restart();
    delete vnic().addresses;
    await daemon().reload();
    assert.deepEqual(on(), [THEIRS]);
  });

  it('that changed while no daemon ran are changed at the start', async () => {
    vnic().addresses = [FIRST, SECOND];
    await daemon().reload();
    daemon().addAddress();
    await daemon().running.stop();
    vnic().addresses = [SECOND];
    await daemon().start();
    assert.deepEqual(on(), [THEIRS, '10.55.55.4']);
  });

  it('that were removed by hand while no daemon ran are there again after the start', async () => {
    vnic().addresses = [FIRST];
    await daemon().reload();
    await daemon().running.stop();
    daemon().netns.exec('ip', 'addr', 'del', FIRST, 'dev', daemon().vnic);
    await daemon().start();
    assert.deepEqual([on(), state()], [['10.55.55.2'], 'up']);
  });

  it('change together with what makes the VNIC join anew', async () => {
    vnic().addresses = [FIRST, SECOND];
    await daemon().reload();
    const { ifindex } = daemon().link();
    vnic().addresses = [SECOND, THIRD];
    vnic().allow_any_mac = true;
    await daemon().reload();
    assert.deepEqual(on(), ['10.55.55.4', '10.55.55.5']);
    assert.equal(daemon().link().ifindex, ifindex);
  });

  it('that the kernel does not take are a problem of the VNIC, and the file is incomplete', async () => {
    daemon().netns.exec('sysctl', '-qw', `net.ipv6.conf.${daemon().vnic}.disable_ipv6=1`);
    vnic().addresses = [FIRST, 'fd00::2/64'];
    await daemon().reload();
    assert.match(state() ?? '', /^fd00::2\/64 is not on its interface: IPv6 is off on /);
    assert.deepEqual([daemon().configuration?.status, on()], ['incomplete', ['10.55.55.2']]);
    assert.match(daemon().configuration?.text ?? '', /: fd00::2\/64 is not on its interface: /);
    daemon().netns.exec('sysctl', '-qw', `net.ipv6.conf.${daemon().vnic}.disable_ipv6=0`);
    await daemon().reload();
    assert.deepEqual([state(), daemon().configuration?.status], ['up', 'applied']);
  });

  it('of a file that is refused change nothing', async () => {
    vnic().addresses = [FIRST];
    await daemon().reload();
    vnic().addresses = ['10.55.55.0/24'];
    await daemon().reload(stringify(daemon().file));
    assert.match(daemon().configuration?.text ?? '', /addresses\.0: bad address "10\.55\.55\.0\/24"/);
    await until(() => state() === 'up');
    assert.deepEqual(on(), ['10.55.55.2']);
  });
});
