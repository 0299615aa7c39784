/** The Debian package in a fresh Debian: installed, upgraded, removed, purged. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { buildDeb, debianVersion } from '../../packaging/deb.js';
import { version } from '../../src/version.js';
import { needsRoot } from '../support/root.js';
import { DebianHost, packageNode } from './debian-host.js';

const HIGHER = '99.1.0';
const INSTALL = 'apt-get install --no-install-recommends -y -q';
/** Where dpkg and what it calls write what is no part of the host. */
const BOOKKEEPING = /^\/(proc|sys|dev|tmp|root|run)\b|^\/var\/(log|cache|lib\/(dpkg|apt))\b|^\/etc\/(group|gshadow)-?$/;

test('a version before a release comes before it', () => {
  const before = debianVersion('1.0.0-beta.1');
  const { status } = spawnSync('dpkg', ['--compare-versions', before, 'lt', debianVersion('1.0.0')]);
  assert.equal(status, 0, before);
});

/** Of all that the daemon keeps. */
const SUMS = 'cd /var/lib/vxlane && find . -type f | sort | xargs sha256sum';

describe('the Debian package', { skip: needsRoot() }, () => {
  let directory: string;
  let host: DebianHost | string;
  let path: string;

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'vxlane-deb-test-'));
    host = await DebianHost.start();
    path = await buildDeb({ directory });
  });
  after(async () => {
    if (typeof host !== 'string') await host.end();
    rmSync(directory, { recursive: true });
  });

  test('lintian has nothing to say', (t) => {
    const { status, stdout, error } = spawnSync('lintian', ['--fail-on=error,warning', path], { encoding: 'utf8' });
    if (error !== undefined) return t.skip('lintian is not installed');
    assert.deepEqual([status, stdout], [0, '']);
  });

  test('is installed, upgraded with what it keeps, removed and purged', async (t) => {
    if (typeof host === 'string') return t.skip(host);
    const debian = host;
    const isPart = (each: string) => each !== '' && !BOOKKEEPING.test(each);
    const files = () => new Set(debian.must('find / -xdev').split('\n').filter(isPart));
    const startDaemon = () => {
      const command = 'vxlane daemon --config /etc/vxlane/vxlane.yaml --group vxlane';
      debian.must(`mkdir -p /run/vxlane; ${command} >/tmp/vxlane.log 2>&1 & echo $! >/tmp/vxlane.pid`);
      debian.must('vxlane wait || { cat /tmp/vxlane.log; exit 1; }');
    };
    const stopDaemon = () => {
      const pid = debian.must('cat /tmp/vxlane.pid').trim();
      // Nobody reaps it there: what has ended has no command line.
      debian.must(`kill ${pid}; while grep -q vxlane /proc/${pid}/cmdline; do sleep 0.1; done`);
    };

    const first = debian.take(path);
    const refused = debian.run(`${INSTALL} ${first}`);
    assert.notEqual(refused.status, 0);
    assert.match(refused.said, /nodejs \(>= 20\.19\)/);
    debian.must(`${INSTALL} ${debian.take(packageNode(directory))}`);
    const before = files();

    debian.must(`${INSTALL} ${first}`);
    assert.equal(debian.must('vxlane --version'), `${version()}\n`);
    assert.match(debian.must('getent group vxlane'), /^vxlane:/);
    assert.match(debian.must('readlink /etc/systemd/system/multi-user.target.wants/vxlane.service'), /vxlane\.service/);
    assert.equal(debian.must('dpkg --verify vxlane'), '');
    assert.match(debian.must('vxlane completion bash -- sta'), /^status$/m);

    startDaemon();
    assert.equal(debian.must('stat -c "%a %G" /run/vxlane/vxlane.sock'), '660 vxlane\n');
    debian.must(
      'vxlane create-overlay -v 23 -e vxlan -s direct -p vxlan/listen_ip=127.0.0.1 -p direct/dest_ip=127.0.0.2 o',
    );
    debian.must('vxlane create-vnic -m de:ad:be:ef:00:00 -l o foo0');
    stopDaemon();
    debian.must('echo "# mine" >> /etc/vxlane/vxlane.yaml');
    const state = debian.must(SUMS);

    debian.must(`${INSTALL} ${debian.take(await buildDeb({ directory, version: HIGHER, compression: 'none' }))}`);
    assert.equal(debian.must('vxlane --version'), `${HIGHER}\n`);
    assert.match(debian.must('tail -1 /etc/vxlane/vxlane.yaml'), /^# mine$/m);
    assert.equal(debian.must(SUMS), state);
    startDaemon();
    assert.match(debian.must('vxlane show-vnic --parsable -o link,over,state'), /^foo0:o:up$/m);
    debian.must('vxlane delete-vnic foo0');
    stopDaemon();

    debian.must('apt-get remove -y -q vxlane');
    assert.notEqual(debian.run('vxlane --version').status, 0);
    assert.match(debian.must('ls /etc/vxlane /var/lib/vxlane'), /vxlane\.yaml[\s\S]*overlays/);
    debian.must('apt-get purge -y -q vxlane');
    const now = files();
    assert.deepEqual(
      [...now].filter((each) => !before.has(each)),
      [],
    );
    assert.deepEqual(
      [...before].filter((each) => !now.has(each)),
      [],
    );
  });
});
