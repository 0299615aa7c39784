/** The service under a systemd that runs: its start, reload, crash, hang and end. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { probeUnderlayTap } from '../../src/system/underlay-tap.js';
import { probeUring } from '../../src/system/uring.js';
import { needsRoot } from '../support/root.js';
import { read } from '../support/tree.js';
import { SystemdHost } from './systemd-host.js';

const FILE = `\
overlays:
  overlay0: { vni: 23, search: direct, properties: { vxlan/listen_ip: 127.0.0.1, direct/dest_ip: 127.0.0.9 } }
vnics:
  foo0: { overlay: overlay0, mac: de:ad:be:ef:00:01, addresses: [10.55.55.2/24] }
`;
const WELL = 'overlays: 1, DEGRADED: 0; VNICs: 1, down: 0';
/** Less than the unit has, so that a test need not wait as long; more than a busy machine takes for a start. */
const WATCHDOG_SECONDS = 15;
const LIMIT_MS = 90_000;
/** linux/seccomp.h */
const SECCOMP_MODE_FILTER = 2;

describe('the service under systemd', { skip: needsRoot(), timeout: 280_000 }, () => {
  let host: SystemdHost | string;
  before(async () => {
    host = await SystemdHost.start();
  });
  after(async () => {
    if (typeof host !== 'string') await host.end();
  });

  const here = (): SystemdHost => host as SystemdHost;
  async function until(what: string, holds: () => boolean): Promise<void> {
    const deadline = performance.now() + LIMIT_MS;
    while (!holds()) {
      if (performance.now() > deadline)
        assert.fail(`${what}: ${here().run('systemctl status --no-pager vxlane').said}`);
      await sleep(200);
    }
  }
  const link = () => here().must('ip -o link show foo0').split(':')[0];
  /** In this order: what was active before systemd knew that it had ended was not started again. */
  const isBack = () => here().property('NRestarts') === '1' && here().property('ActiveState') === 'active';

  test('runs, and is what the unit says', async (t) => {
    if (typeof host === 'string') return t.skip(host);
    const run = host;
    run.write('/etc/vxlane/vxlane.yaml', FILE);

    await t.test('systemctl start is done when the daemon is ready, and it can do all it is there for', async () => {
      run.must('systemctl start vxlane');
      assert.match(run.must('vxlane status'), /overlay0 +23 +direct +ONLINE +1 /);
      assert.match(run.must('ip -br addr show foo0'), / 10\.55\.55\.2\/24 /);
      const { capabilities } = JSON.parse(run.must('vxlane status --json')).daemon as { capabilities: string[] };
      for (const name of ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_SYS_ADMIN', 'CAP_BPF'])
        assert.ok(capabilities.includes(name), name);
      await until('it says how it is', () => run.property('StatusText') === WELL);
      assert.equal(run.must('stat -c %G:%a /run/vxlane/vxlane.sock').trim(), 'vxlane:660');
    });

    await t.test('lives under the SystemCallFilter of the unit, and does what it does without', () => {
      const pid = run.property('MainPID');
      assert.match(run.must(`cat /proc/${pid}/status`), new RegExp(`^Seccomp:\\t${SECCOMP_MODE_FILTER}$`, 'm'));
      const { engine, underlay } = JSON.parse(run.must('vxlane status --json')).daemon;
      assert.equal(engine, probeUring().ok ? 'uring' : 'mmsg');
      assert.equal(underlay.border, probeUnderlayTap().ok ? 'tap' : 'socket');
    });

    await t.test('systemctl reload waits, and fails with the file', () => {
      run.must('systemctl reload vxlane');
      run.write('/etc/vxlane/vxlane.yaml', FILE.replace('vni: 23', 'vni: many'));
      assert.notEqual(run.run('systemctl reload vxlane').status, 0);
      assert.equal(run.property('ActiveState'), 'active');
      run.write('/etc/vxlane/vxlane.yaml', FILE);
      run.must('systemctl reload vxlane');
    });

    await t.test('is started again after a crash, with the interfaces that were there', async () => {
      const before = link();
      run.must(`kill -KILL ${run.property('MainPID')}`);
      await until('it is back', isBack);
      assert.equal(link(), before);
      run.must('vxlane wait --for vnic foo0');
    });

    await t.test('is killed and started again when it hangs', async () => {
      run.must('mkdir -p /etc/systemd/system/vxlane.service.d');
      run.write('/etc/systemd/system/vxlane.service.d/soon.conf', `[Service]\nWatchdogSec=${WATCHDOG_SECONDS}\n`);
      run.must('systemctl daemon-reload');
      run.must('systemctl restart vxlane');
      run.must(`kill -STOP ${run.property('MainPID')}`);
      await until('it is back', isBack);
      run.must('vxlane wait --for vnic foo0');
    });

    await t.test('is another process after vxlane replace, watched and ended as the one before', async () => {
      const before = run.property('MainPID');
      const said = run.must('vxlane replace');
      await until('the new one is the service', () => run.property('MainPID') !== before);
      const now = run.property('MainPID');
      assert.ok(said.includes(`(pid ${before}) is replaced by`) && said.includes(`(pid ${now})`), said);
      assert.deepEqual([run.property('ActiveState'), run.property('SubState')], ['active', 'running']);
      await sleep(1.5 * WATCHDOG_SECONDS * 1000);
      assert.equal(run.property('MainPID'), now, 'the watchdog hears it');
      await until('it says how it is', () => run.property('StatusText') === WELL);
      run.must(`kill -KILL ${now}`);
      await until('it is started again', () => run.property('MainPID') !== now && run.property('MainPID') !== '0');
      await until('it is back', () => run.property('ActiveState') === 'active');
      run.must('vxlane wait --for vnic foo0');
    });

    await t.test('is replaced by an upgrade, unless policy-rc.d forbids it', async () => {
      const before = run.property('MainPID');
      run.write('/root/postinst', read('packaging/debian/postinst'));
      const upgraded = () => run.must('sh /root/postinst configure 0.0.1');
      run.write('/usr/sbin/policy-rc.d', '#!/bin/sh\nexit 101\n');
      run.must('chmod 0755 /usr/sbin/policy-rc.d');
      upgraded();
      assert.equal(run.property('MainPID'), before);
      run.must('rm /usr/sbin/policy-rc.d');
      upgraded();
      await until('the new one is the service', () => run.property('MainPID') !== before);
    });

    await t.test('runs as a user of its own, by the drop-in of docs/packages.md', async () => {
      const dropIn = /```ini\n(\[Service\]\nUser=.*?)```/s.exec(read('docs/packages.md'))![1]!;
      run.must('systemctl stop vxlane');
      run.must('useradd --system --no-create-home vxlane-daemon --gid vxlane');
      run.must('chmod 0666 /dev/net/tun'); // as udev has it on hosts
      run.must('chgrp vxlane /etc/vxlane/vxlane.yaml');
      run.must('chmod 0640 /etc/vxlane/vxlane.yaml');
      run.write('/etc/systemd/system/vxlane.service.d/user.conf', dropIn);
      run.must('systemctl daemon-reload');
      run.must('systemctl start vxlane');
      assert.match(run.must(`ps -o user:20= -p ${run.property('MainPID')}`), /^vxlane-daemon/);
      const { capabilities } = JSON.parse(run.must('vxlane status --json')).daemon as { capabilities: string[] };
      assert.deepEqual(capabilities, ['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_BPF']);
      run.must('vxlane wait --for vnic foo0');
    });

    await t.test('systemctl stop is an orderly end that leaves the interfaces', () => {
      const before = link();
      run.must('systemctl stop vxlane');
      assert.deepEqual([run.property('ActiveState'), run.property('Result')], ['inactive', 'success']);
      assert.equal(link(), before);
    });
  });
});
