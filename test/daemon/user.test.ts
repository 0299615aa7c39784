/** `--user`: the daemon as a user of its own, with few capabilities in every thread, does what it is there for. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createClient } from '../../src/control/client.js';
import { messageOf } from '../../src/errors.js';
import { TestNetns, uniqueName } from '../support/netns.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';

const VXLANE = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const USER = 54_321;
const [MAC, OTHER_MAC] = ['de:ad:be:ef:00:01', 'de:ad:be:ef:00:02'];
/** As a host has it, whatever this machine does: for everybody to use. Then the rest of the command line. */
const WITH_TUN = `
mount -t tmpfs none "$0"
mknod -m 0666 "$0/tun" c 10 200
mount --bind "$0/tun" /dev/net/tun
exec "$@"`;

describe('--user', { skip: needsRoot() }, () => {
  let directory: string;
  let netns: TestNetns;
  let other: TestNetns;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'vxlane-user-'));
    chownSync(directory, USER, USER);
    mkdirSync(join(directory, 'dev'));
    netns = new TestNetns();
    other = new TestNetns();
  });
  after(() => {
    netns.delete();
    other.delete();
    rmSync(directory, { recursive: true });
  });

  const stateDir = () => join(directory, 'lib', 'vxlane');
  const socket = () => join(directory, 'run', 'vxlane.sock');

  function start(user: string, ...more: string[]): { child: ChildProcess; said: () => string } {
    const unless = (option: string, value: string) => (more.includes(option) ? [] : [option, value]);
    const options = [...unless('--socket', socket()), ...unless('--state-dir', stateDir()), '--user', user, ...more];
    const argv = [process.execPath, VXLANE, 'daemon', ...options];
    const tun = ['unshare', '-m', 'sh', '-c', WITH_TUN, join(directory, 'dev')];
    const child = spawn('ip', ['netns', 'exec', netns.name, ...tun, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (part) => (text += part));
    return { child, said: () => text };
  }

  async function end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }

  it('is that user in all threads, answers guests, and finds everything again after a restart', async () => {
    const vnic = uniqueName('u');
    const hosts = join(directory, 'hosts.json');
    writeFileSync(hosts, JSON.stringify({ [OTHER_MAC]: { ip: '127.0.0.9', arp: '10.55.55.3' } }), { mode: 0o644 });
    for (const life of ['first', 'second']) {
      const { child, said } = start(String(USER));
      try {
        await until(() => said().includes('"msg":"ready"') || child.exitCode !== null);
        assert.equal(child.exitCode, null, said());
        for (const thread of readdirSync(`/proc/${child.pid}/task`)) {
          const status = readFileSync(`/proc/${child.pid}/task/${thread}/status`, 'utf8');
          assert.match(status, /^Uid:\t54321\t54321\t54321\t54321$/m);
          assert.match(status, /^Groups:\s*$/m);
          assert.match(status, /^CapBnd:\t0000008000003000$/m); // net_admin, net_raw, bpf
          assert.match(status, /^CapEff:\t0000008000003000$/m);
        }
        assert.equal(statSync(stateDir()).uid, USER);
        assert.equal(statSync(stateDir()).mode & 0o777, 0o700);
        const client = createClient(socket());
        if (life === 'first') {
          const properties = { 'vxlan/listen_ip': '127.0.0.1', 'files/config': hosts };
          const overlay = { encap: 'vxlan', vni: 23, search: 'files', temporary: false, properties } as const;
          await client.createOverlay({ name: 'overlay0', ...overlay });
          const wanted = { overlay: 'overlay0', allowAnyMac: false, temporary: false, addresses: ['10.55.55.2/24'] };
          await client.createVnic({ ...wanted, name: vnic, mac: MAC });
          const refused = client.createVnic({ ...wanted, name: uniqueName('u'), mac: OTHER_MAC, netns: other.name });
          const reason = await refused.then(String, messageOf);
          assert.match(reason, /entering it needs root \(CAP_SYS_ADMIN\)/);
        }
        const [{ overlays }, vnics] = [await client.status(), await client.vnics()];
        assert.deepEqual(
          [overlays.map(({ status }) => status), vnics.map(({ state }) => state)],
          [['ONLINE'], ['up']],
          JSON.stringify({ overlays, vnics }),
        );
        assert.match(netns.exec('arping', '-c', '1', '-w', '5', '-I', vnic, '10.55.55.3'), /DE:AD:BE:EF:00:02/i);
      } finally {
        await end(child);
      }
    }
  });

  it('keeps what it is told, and no more', async () => {
    const { child, said } = start(String(USER), '--capabilities', 'net_admin,CAP_SYS_ADMIN');
    try {
      await until(() => said().includes('"msg":"ready"') || child.exitCode !== null);
      const { daemon } = await createClient(socket()).status();
      assert.deepEqual(daemon.capabilities, ['CAP_NET_ADMIN', 'CAP_SYS_ADMIN'], said());
    } finally {
      await end(child);
    }
  });

  it('makes nothing to check a configuration', async () => {
    const config = join(directory, 'vxlane.yaml');
    writeFileSync(config, 'overlays: {}\n', { mode: 0o644 });
    const own = join(directory, 'unmade');
    const { child, said } = start(String(USER), '--check', '--config', config, '--state-dir', own);
    await once(child, 'close');
    assert.match(said(), /is right: overlays: 0/);
    assert.equal(existsSync(own), false);
  });

  const refusals: [reason: RegExp, user: string, ...more: string[]][] = [
    [/no such user: no-such-user; --user wants one of "getent passwd", or a number/, 'no-such-user'],
    [/--user root: root may do everything; name a user of its own/, 'root'],
    [/--user 54322: \S+\/lib\/vxlane belongs to user 54321: chown -R 54322:54322 \S+\/lib\/vxlane/, '54322'],
    [/: \/etc belongs to user 0: chown .* alone, else give another --socket$/m, '54321', '--socket', '/etc/x.sock'],
    [
      /bad capabilities "net_admin,everything": expected some of chown,/,
      '54321',
      '--capabilities=net_admin,everything',
    ],
  ];
  for (const [reason, ...args] of refusals) {
    it(`${args.join(' ')} is refused, and nothing is begun`, async () => {
      const { child, said } = start(...args);
      await once(child, 'close');
      assert.notEqual(child.exitCode, 0);
      assert.match(said(), reason);
      assert.doesNotMatch(said(), /"msg"/);
    });
  }
});
