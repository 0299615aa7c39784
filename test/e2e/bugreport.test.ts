/**
 * `vxlane bugreport` of a daemon with an etcd that wants a password and TLS, and with a plugin that prints what it must
 * not: what is in the archive, as tar reads it; and of one that hangs, of none, and as a user who may see little.
 */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createClient } from '../../src/control/client.js';
import { MAIN } from '../cli/vxlane.js';
import { certificate, needsEtcd } from '../support/etcd.js';
import { eventually, type Host, type Lab, labTest, mac } from './support.js';

const ENDPOINT = 'https://127.0.0.1:2379';
const [PASSWORD, PIN, TOKEN, IN_URL] = ['hop:en "mij"', 'geheim-4711', 'f'.repeat(40), 'in%20the%2Furl'] as const;
const SECRETS = [PASSWORD, JSON.stringify(PASSWORD).slice(1, -1), PIN, TOKEN, IN_URL, 'in the/url'];

const PLUGIN = `export default {
  name: 'mine', mode: 'dynamic',
  properties: [
    { name: 'mine/pin', type: 'secret', required: true, help: 'what it is let in by' },
    { name: 'mine/url', type: 'string', required: true, help: 'where to ask' },
  ],
  create: (context, values) => ({
    start() { console.log('asking ' + values['mine/url'] + ' with ' + values['mine/pin'] + ', not with ${TOKEN}'); },
    stop() {},
    lookup: () => null,
  }),
};`;

interface Report {
  readonly packed: readonly { readonly name: string; readonly bytes: number }[];
  readonly missing: readonly { readonly name: string; readonly reason: string }[];
  readonly removed: number;
}

/** The archive as tar unpacks it: text by name. */
function unpacked(archive: string): Map<string, string> {
  const into = `${archive}.d`;
  mkdirSync(into);
  execFileSync('tar', ['-x', '-z', '-f', archive, '-C', into, '--strip-components=1']);
  const files = readdirSync(into, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(into, name)).isFile(),
  );
  return new Map(files.map((name) => [name, readFileSync(join(into, name), 'utf8')]));
}

/** Writes one; what it says of it is what is in it, and no secret is. */
async function report(lab: Lab, archive: string, as: readonly string[] = [], ...more: string[]) {
  const words = [...as, process.execPath, MAIN, 'bugreport', '--json', '-o', archive, ...more];
  const outcome = await lab.processes.try(words, { env: { VXLANE_SOCKET: lab.hosts[0]!.socket }, timeoutMs: 120_000 });
  assert.equal(outcome.code, 0, outcome.stderr);
  const said = JSON.parse(outcome.stdout) as Report;
  assert.equal(statSync(archive).mode & 0o777, 0o600);
  const files = unpacked(archive);
  const names = said.packed.map(({ name }) => name);
  assert.deepEqual([...files.keys()].sort(), ['CONTENTS.txt', ...names].sort());
  for (const { name, bytes } of said.packed) assert.equal(Buffer.byteLength(files.get(name)!), bytes);
  for (const [name, text] of [...files, ['stdout', outcome.stdout] as const]) {
    for (const secret of SECRETS) assert.ok(!text.includes(secret), `${name} has ${secret}: ${text}`);
  }
  for (const { name, reason } of said.missing) {
    assert.ok(files.get('CONTENTS.txt')!.includes(name) && files.get('CONTENTS.txt')!.includes(reason), name);
  }
  return { ...said, files, missingNames: said.missing.map(({ name }) => name) };
}

async function startEtcd(host: Host, directory: string): Promise<string> {
  const { cert: ca } = certificate(directory, 'authority');
  const { cert, key } = certificate(directory, 'server', 'authority');
  const peer = 'http://127.0.0.1:2380';
  const urls = ['--listen-client-urls', ENDPOINT, '--advertise-client-urls', ENDPOINT, '--listen-peer-urls', peer];
  const cluster = ['--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`];
  const tls = ['--cert-file', cert, '--key-file', key, '--bcrypt-cost', '4'];
  const env = { ETCD_UNSUPPORTED_ARCH: process.arch };
  host.spawn(['etcd', '--data-dir', join(directory, 'etcd'), ...urls, ...cluster, ...tls], { env, timeoutMs: 240_000 });
  const ctl = (...words: string[]) =>
    host.try(['etcdctl', '--endpoints', ENDPOINT, '--cacert', ca, ...words], { env: { ETCDCTL_API: '3' } });
  await eventually('etcd is healthy', async () => (await ctl('endpoint', 'health')).code === 0, 30_000);
  for (const words of [
    ['put', `/vxlane/${mac(9)}`, '{"ip":"10.88.88.9"}'],
    ['user', 'add', 'root:root'],
    ['user', 'add', `vtep:${PASSWORD}`],
    ['role', 'add', 'vtep'],
    ['role', 'grant-permission', 'vtep', '--prefix=true', 'read', '/vxlane/'],
    ['user', 'grant-role', 'vtep', 'vtep'],
    ['user', 'grant-role', 'root', 'root'],
    ['auth', 'enable'],
  ]) {
    const { code, stderr } = await ctl(...words);
    assert.equal(code, 0, stderr);
  }
  return ca;
}

/** A daemon whose configuration has every kind of secret. */
async function build(lab: Lab): Promise<{ readonly host: Host; readonly stateDir: string }> {
  const host = await lab.addHost('ours', { addresses: ['10.88.88.1/24'] });
  const ca = await startEtcd(host, lab.dir);
  const at = (name: string, text: string, mode = 0o644) => {
    writeFileSync(join(lab.dir, name), text, { mode });
    return join(lab.dir, name);
  };
  const plugin = at('mine.js', PLUGIN);
  const token = at('token', `${TOKEN}\n`, 0o600);
  const config = at(
    'vxlane.yaml',
    `# of this laboratory
overlays:
  ov0:
    vni: 42
    search: etcd
    properties:
      vxlan/listen_ip: 10.88.88.1
      etcd/endpoints: ${ENDPOINT}
      etcd/ca: ${ca}
      etcd/username: vtep
      etcd/password: ${JSON.stringify(PASSWORD)} # not ${PIN}
  ov1:
    vni: 43
    search: ${plugin}
    properties: { vxlan/listen_ip: 10.88.88.1, mine/pin: ${PIN}, mine/url: "http://u:${IN_URL}@10.0.0.1/" }
vnics:
  v0: { overlay: ov0, mac: "${mac(1)}" }
`,
    0o600,
  );
  await host.startDaemon('--config', config, '--http', '127.0.0.1:9448', '--http-token-file', token);
  const shown = await host.vxlaneJson<{ name: string; status: string }[]>('show-overlay', '-f');
  assert.deepEqual(
    shown.map(({ status }) => status),
    ['ONLINE', 'ONLINE'],
  );
  // Lest all that follows show nothing: it is there to be found.
  await eventually(
    'the plugin has printed',
    async () => host.daemonLog().includes(PIN) && host.daemonLog().includes(TOKEN),
  );
  return { host, stateDir: join(host.dir, 'state') };
}

const skip = needsEtcd();
if (skip !== false) test('bugreport', { skip }, () => {});
else
  labTest('bugreport', async ({ lab, step, note }) => {
    const { host, stateDir } = await build(lab);
    const at = (name: string) => join(lab.dir, name);

    await step('everything is there but the secrets', async () => {
      const { files, missingNames, removed } = await report(lab, at('whole.tar.gz'));
      const left = missingNames.filter((name) => !/journal|unit|tables/.test(name));
      assert.deepEqual(left, []);
      assert.ok(removed >= 6, String(removed));
      const json = (name: string) => JSON.parse(files.get(name)!);
      assert.equal(json('daemon/status.json').daemon.pid, host.daemonPid);
      assert.deepEqual(json('daemon/targets.json')[0], {
        overlay: 'ov0',
        counted: 2,
        isAll: true,
        bySource: { vnic: 1, etcd: 1 },
        destinations: 2,
      });
      assert.equal(json('state/overlays.json')['ov1.json'].properties['mine/pin'], '********');
      assert.equal(json('state/overlays.json')['ov1.json'].vni, 43);
      assert.equal(json('facts.json').socket, host.socket);
      assert.ok(json('network-daemon/links.json').some(({ ifname }: { ifname: string }) => ifname === 'v0'));
      assert.match(files.get('config.yaml')!, /^# of this laboratory\n[\s\S]*etcd\/password: "\*{8}" # not \*{8}\n/);
      assert.match(files.get('config.yaml')!, /mine\/url: "http:\/\/\*{8}@10\.0\.0\.1\/"|mine\/url: "\*{8}"/);
      assert.match(files.get('daemon/metrics.txt')!, /^vxlane_/m);
      assert.match(files.get('daemon/events.jsonl')!, /"overlay":"ov0"/);
      assert.match(files.get('log/daemon.log')!, /asking \S*\*{8}\S* with \*{8}, not with \*{8}/);
      assert.match(files.get('process/process.txt')!, /daemon --socket[\s\S]*^CapEff:/m);
      assert.match(files.get('process/children.txt')!, /\n/);
      assert.match(files.get('network-daemon/udp.txt')!, /:4789/);
      assert.match(files.get('doctor.txt')!, /\n/);
    });

    await step('a file that is there is left as it is', async () => {
      const before = readFileSync(at('whole.tar.gz'));
      const { code, stderr } = await host.tryVxlane('bugreport', '-o', at('whole.tar.gz'));
      assert.deepEqual([code, stderr], [1, `vxlane: ${at('whole.tar.gz')} is there already: name another with -o\n`]);
      assert.deepEqual(readFileSync(at('whole.tar.gz')), before);
    });
    await step('of one that finds no room nothing stays', async () => {
      const small = at('small');
      mkdirSync(small);
      const script = 'mount -t tmpfs -o size=4k none "$0" && { "$@"; echo "exit $?"; ls -A "$0"; }';
      const words = [process.execPath, MAIN, 'bugreport', '-o', join(small, 'r.tar.gz')];
      const env = { VXLANE_SOCKET: host.socket };
      const outcome = await lab.processes.try(['unshare', '-m', 'sh', '-c', script, small, ...words], { env });
      assert.equal(outcome.stdout, 'exit 1\n', outcome.stderr);
      assert.match(outcome.stderr, /cannot write the report to \S+: ENOSPC/);
    });

    await step('as a user who may see little, what is missing is said', async () => {
      const open = at('open');
      mkdirSync(open);
      chmodSync(open, 0o777);
      const nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
      const kept = at('kept');
      mkdirSync(join(kept, 'closed'), { recursive: true });
      for (const name of ['closed/a', 'z']) writeFileSync(join(kept, name), '');
      chmodSync(join(kept, 'closed'), 0o744); // what is in it can be listed, and not looked at
      const where = ['--state-dir', kept];
      const { files, missing, missingNames } = await report(lab, join(open, 'nobody.tar.gz'), nobody, ...where);
      assert.match(files.get('state/files.txt')!, /^EACCES: .*\/closed\/a'\n100644 .*\/z\n/m);
      for (const name of [
        'daemon/status.json',
        'config.yaml',
        'state/overlays.json',
        'log/daemon.log',
        'network-daemon/',
      ]) {
        assert.ok(missingNames.includes(name), `${name}: ${missingNames}`);
      }
      assert.match(
        missing.find(({ name }) => name === 'daemon/status.json')!.reason,
        /may not|permission|not permitted/i,
      );
      assert.match(files.get('network/links.json')!, /"lo"/);
      assert.match(files.get('doctor.txt')!, /not looked at/);
    });

    await step('of a daemon that hangs', async () => {
      process.kill(host.daemonPid!, 'SIGSTOP');
      const begun = performance.now();
      try {
        const { files, missing } = await report(lab, at('stopped.tar.gz'));
        note(`took ${Math.round(performance.now() - begun)} ms`);
        assert.match(missing.find(({ name }) => name === 'daemon/status.json')!.reason, /did not answer within 5 s/);
        assert.match(files.get('process/process.txt')!, /^State:\tT/m);
        assert.match(files.get('state/overlays.json')!, /"ov0"/);
        assert.match(files.get('log/daemon.log')!, /ov0/);
        assert.match(
          files.get('doctor.txt')!,
          new RegExp(`pid ${host.daemonPid} was to have the socket \\[daemon-absent`),
        );
        assert.doesNotMatch(files.get('doctor.txt')!, /state-held|port-taken/);
      } finally {
        process.kill(host.daemonPid!, 'SIGCONT');
      }
    });

    await step('of one in a container, by whose number another process goes here', async () => {
      const socket = at('inside.sock');
      const words = ['daemon', '--socket', socket, '--state-dir', at('inside')];
      const alone = ['unshare', '--pid', '--fork', '--kill-child'];
      const daemon = host.spawn([...alone, process.execPath, MAIN, ...words], { timeoutMs: 240_000 });
      try {
        await eventually(
          'it answers',
          () =>
            createClient(socket)
              .daemon()
              .catch(() => null),
          30_000,
        );
        const { files, missing } = await report(lab, at('inside.tar.gz'), ['env', `VXLANE_SOCKET=${socket}`]);
        assert.equal(JSON.parse(files.get('daemon/status.json')!).daemon.pid, 1);
        const reason = `the daemon is pid 1 where it runs, which is no vxlane daemon with the socket ${socket} here`;
        const left = missing.filter((each) => each.reason.startsWith(reason)).map(({ name }) => name);
        const ofProcess = ['process', 'threads', 'descriptors', 'children'].map((name) => `process/${name}.txt`);
        const ofFiles = ['config.yaml', ...['overlays.json', 'vnics.json', 'files.txt'].map((name) => `state/${name}`)];
        assert.deepEqual(left.sort(), [...ofProcess, ...ofFiles, 'log/daemon.log', 'network-daemon/'].sort());
        assert.ok(![...files.keys()].some((name) => name.startsWith('network-daemon/')));
      } finally {
        await daemon.stop('SIGKILL');
      }
    });

    await step('of no daemon at all', async () => {
      await host.stopDaemon('SIGKILL');
      writeFileSync(join(stateDir, 'overlays', 'ov1.json'), `{"properties":{"mine/pin":"${PIN}`);
      const { files, missingNames } = await report(lab, at('none.tar.gz'), [], '--state-dir', stateDir);
      assert.ok(missingNames.includes('process/process.txt') && missingNames.includes('daemon/metrics.txt'));
      assert.match(files.get('state/vnics.json')!, /"overlay": "ov0"/);
      assert.deepEqual(JSON.parse(files.get('state/overlays.json')!)['ov1.json'], {
        leftOut: 'it is no JSON, or cut off',
      });
      assert.match(files.get('doctor.txt')!, /daemon-absent[\s\S]*state-damaged|state-damaged[\s\S]*daemon-absent/);
    });
  });
