/** The daemon as a process: when it is ready, what signals do, what stays when it goes. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { macFromNumber } from '../../src/address.js';
import { type Client, createClient } from '../../src/control/client.js';
import { STATE_VERSION } from '../../src/daemon/state/stored.js';
import { TestNetns, uniqueName } from '../support/netns.js';
import { freePort } from '../support/ports.js';
import { needsRoot } from '../support/root.js';
import { until } from '../support/until.js';
import { StateDirectory } from './running.js';
import '../support/ahead.js';

const PROGRAM = fileURLToPath(new URL('./run-daemon.js', import.meta.url));
const MAC = 'de:ad:be:ef:00:01';
/** VNICs, so many that restoring them takes a while. */
const MANY = 150;
const OTHER_MAC = 'de:ad:be:ef:00:02';

/** Of a process that has none of its own, and has used those that Node has for files. */
const THREADS_OF_NODE = Number(
  execFileSync(process.execPath, ['-e', `fs.stat('/', () => console.log(fs.readdirSync('/proc/self/task').length))`]),
);

interface DaemonProcess {
  readonly child: ChildProcess;
  /** Lines of the log so far. */
  readonly log: { msg: string; [field: string]: unknown }[];
  /** The same as written. */
  readonly lines: string[];
  stderr: string;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

describe('the daemon process', { skip: needsRoot() }, () => {
  let directory: StateDirectory;
  let netns: TestNetns;
  let socket: string;
  let client: Client;
  let alive: DaemonProcess[];

  beforeEach(() => {
    directory = new StateDirectory();
    netns = new TestNetns();
    socket = join(directory.path, 'run', 'vxlane.sock');
    client = createClient(socket);
    alive = [];
  });
  afterEach(async () => {
    for (const { child, ended } of alive) {
      child.kill('SIGKILL');
      await ended;
    }
    netns.delete();
    directory.delete();
  });

  /**
   * `wrapper`: a program and its arguments that ends by executing the rest of its command line. `begins`: the address
   * of a script that ends by itself, and is in the thread that has begun for the worker.
   */
  function spawnDaemon(
    stateDir = directory.path,
    stdout: 'pipe' | number = 'pipe',
    wrapper: readonly string[] = [],
    begins?: string,
  ): DaemonProcess {
    const options = {
      socket,
      stateDir,
      fdbSize: 1024,
      workers: 1,
      engine: 'auto',
      busyPollUs: 0,
      silentAfterMs: 0,
      cpus: [],
      begins,
    };
    const [command, ...args] = [...wrapper, process.execPath, PROGRAM, JSON.stringify(options)];
    const child = spawn(command as string, args, { stdio: ['ignore', stdout, 'pipe'] });
    const ended = new Promise<number | string>((resolve) => {
      child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
    });
    const daemon: DaemonProcess = { child, log: [], lines: [], stderr: '', ended };
    let rest = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      daemon.lines.push(...lines);
      daemon.log.push(...lines.map((line) => JSON.parse(line)));
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      daemon.stderr += chunk;
    });
    alive.push(daemon);
    return daemon;
  }

  async function ready(daemon: DaemonProcess): Promise<void> {
    await until(() => daemon.log.some(({ msg }) => msg === 'ready') || daemon.child.exitCode !== null);
    assert.equal(daemon.child.exitCode, null, daemon.stderr);
  }

  async function createObjects(hosts: string): Promise<{ kept: string; temporary: string }> {
    const properties = {
      'vxlan/listen_ip': '127.0.0.1',
      'vxlan/listen_port': String(freePort()),
      'files/config': hosts,
    };
    writeFileSync(hosts, JSON.stringify({ [OTHER_MAC]: { ip: '127.0.0.9' } }));
    await client.createOverlay({
      name: 'overlay0',
      encap: 'vxlan',
      vni: 23,
      search: 'files',
      temporary: false,
      properties,
    });
    const vnic = { overlay: 'overlay0', netns: netns.name, allowAnyMac: false };
    const [kept, temporary] = [uniqueName('k'), uniqueName('t')];
    await client.createVnic({ ...vnic, name: kept, mac: MAC, temporary: false });
    await client.createVnic({ ...vnic, name: temporary, mac: OTHER_MAC, temporary: true });
    return { kept, temporary };
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal} ends it in order: the interface of a VNIC stays, that of a temporary one goes`, async () => {
      const daemon = spawnDaemon();
      await ready(daemon);
      const { kept, temporary } = await createObjects(join(directory.path, 'hosts.json'));
      daemon.child.kill(signal);
      daemon.child.kill(signal); // an impatient operator
      assert.equal(await daemon.ended, 0, daemon.stderr);
      assert.equal(netns.link(kept)?.address, MAC);
      assert.equal(netns.link(temporary), undefined);
      assert.equal(existsSync(socket), false);
      assert.deepEqual(
        daemon.log.slice(-2).map(({ msg, signal: by }) => [msg, by]),
        [
          ['ending', signal],
          ['ended', undefined],
        ],
      );
    });
  }

  it('SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGIO and SIGPWR neither end it nor open a debugger', async () => {
    const daemon = spawnDaemon();
    await ready(daemon);
    // Those that had begun before there was work have it: none ended, and none is left over.
    assert.deepEqual(begunInVain(daemon), []);
    await until(() => threadsOf(daemon.child.pid!) === THREADS_OF_NODE + 1);
    for (const signal of ['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGIO', 'SIGPWR'] as const) {
      const reloads = () => daemon.log.filter(({ msg }) => msg === 'reloaded').length;
      const before = reloads();
      daemon.child.kill(signal);
      daemon.child.kill('SIGHUP'); // what answers this has dealt with the other, too
      await until(() => reloads() > before || daemon.child.signalCode !== null);
      assert.equal(daemon.child.signalCode, null, signal);
      assert.equal((await client.daemon()).pid, daemon.child.pid, signal);
      assert.equal(daemon.stderr, '', signal);
    }
    daemon.child.kill('SIGTERM');
    assert.equal(await daemon.ended, 0);
  });

  it('SIGTERM ends it though the thread of a plugin never comes back from a system call', async () => {
    const daemon = spawnDaemon();
    await ready(daemon);
    const fifo = join(directory.path, 'fifo');
    spawnSync('mkfifo', [fifo]);
    const plugin = join(directory.path, 'stuck.mjs');
    writeFileSync(
      plugin,
      `import { readFileSync } from 'node:fs';
       export default { name: 'stuck', mode: 'dynamic', properties: [],
         create: ({ log }) => ({
           start() { log.info('stuck from now on'); setTimeout(readFileSync, 100, '${fifo}'); },
           stop() {}, lookup: () => null }) };`,
    );
    const listen = { 'vxlan/listen_ip': '127.0.0.1', 'vxlan/listen_port': String(freePort()) };
    const properties = { ...listen, 'plugin-isolation': 'thread' };
    await client.createOverlay({ name: 'o', encap: 'vxlan', vni: 7, search: plugin, temporary: true, properties });
    await until(() => daemon.log.some(({ msg }) => msg === 'stuck from now on'));
    await setTimeout(500); // nothing tells when it is inside
    daemon.child.kill('SIGTERM');
    assert.equal(await daemon.ended, 0, daemon.stderr);
    assert.equal(existsSync(socket), false);
  });

  it('SIGTERM while it restores ends it in order without restoring the rest', async () => {
    for (const kind of ['overlays', 'vnics'] as const) mkdirSync(join(directory.path, kind));
    const properties = { 'vxlan/listen_ip': '127.0.0.1', 'vxlan/listen_port': String(freePort()) };
    const overlay = { version: STATE_VERSION, name: 'overlay0', vni: 23, encap: 'vxlan', search: 'direct' };
    const direct = { ...properties, 'direct/dest_ip': '127.0.0.9' };
    writeFileSync(
      directory.file('overlays', 'overlay0'),
      JSON.stringify({ ...overlay, properties: direct, targets: {} }),
    );
    for (let n = 0; n < MANY; n++) {
      const [name, mac] = [uniqueName('m'), macFromNumber(0x02_00_00_00_00_00 + n)];
      const vnic = { version: STATE_VERSION, name, mac, overlay: 'overlay0', netns: netns.name, allowAnyMac: false };
      writeFileSync(directory.file('vnics', name), JSON.stringify(vnic));
    }
    const daemon = spawnDaemon();
    const attached = () => daemon.log.filter(({ msg }) => msg === 'VNIC attached').length;
    await until(() => attached() > 0);
    daemon.child.kill('SIGTERM');
    assert.equal(await daemon.ended, 0, daemon.stderr);
    assert(attached() < MANY, 'it did not wait for all of them');
    assert.deepEqual(
      daemon.log.slice(-2).map(({ msg }) => msg),
      ['ending', 'ended'],
    );
    assert.equal(directory.files().length, MANY + 1);
  });

  it('kill -9 leaves the interface, and the next one takes it up again', async () => {
    const first = spawnDaemon();
    await ready(first);
    const { kept } = await createObjects(join(directory.path, 'hosts.json'));
    const { ifindex } = netns.link(kept);
    first.child.kill('SIGKILL');
    assert.equal(await first.ended, 'SIGKILL');
    assert.equal(netns.link(kept).ifindex, ifindex);
    const second = spawnDaemon();
    await ready(second);
    assert.equal(netns.link(kept).ifindex, ifindex);
    const vnics = await client.vnics();
    assert.deepEqual(
      vnics.map(({ name, state }) => [name, state]),
      [[kept, 'up']],
    );
  });

  it('SIGHUP makes the plugins re-read their sources', async () => {
    const daemon = spawnDaemon();
    await ready(daemon);
    const hosts = join(directory.path, 'hosts.json');
    await createObjects(hosts);
    writeFileSync(hosts, JSON.stringify({ 'de:ad:be:ef:00:03': { ip: '127.0.0.8' } }));
    daemon.child.kill('SIGHUP');
    await until(() => daemon.log.some(({ msg }) => msg === 'reloaded'));
    const { destination } = await client.lookup('overlay0', 'de:ad:be:ef:00:03');
    assert.equal(destination, '127.0.0.8:4789');
  });

  it('a second one on the same socket is refused before it touches anything', async () => {
    const first = spawnDaemon();
    await ready(first);
    const other = join(directory.path, 'other-state');
    const second = spawnDaemon(other);
    assert.equal(await second.ended, 1);
    assert.match(JSON.stringify(second.log) + second.stderr, new RegExp(`pid ${first.child.pid}`));
    assert.equal(existsSync(other), false);
    assert.equal((await client.daemon()).pid, first.child.pid);
  });

  it('a second one on the same state directory is refused, and the first keeps its objects', async () => {
    const first = spawnDaemon();
    await ready(first);
    const { kept } = await createObjects(join(directory.path, 'hosts.json'));
    const files = directory.files();
    socket = join(directory.path, 'run', 'other.sock');
    const second = spawnDaemon();
    assert.equal(await second.ended, 1);
    assert.match(JSON.stringify(second.log) + second.stderr, /another vxlane daemon uses state directory/);
    assert.deepEqual(directory.files(), files);
    assert.equal(netns.link(kept)?.address, MAC);
  });

  it('whose log is on a full disk works all the same', async () => {
    const daemon = spawnDaemon(directory.path, openSync('/dev/full', 'w'));
    // The log cannot say that it is ready, and the socket is there a moment before it takes connections.
    const answers = () => client.daemon().then(Boolean, () => false);
    await until(async () => daemon.child.exitCode !== null || (await answers()));
    assert.equal(daemon.child.exitCode, null, daemon.stderr);
    const { kept } = await createObjects(join(directory.path, 'hosts.json'));
    assert.equal((await client.vnics()).find(({ name }) => name === kept)?.state, 'up');
    daemon.child.kill('SIGTERM');
    assert.equal(await daemon.ended, 0, daemon.stderr);
  });

  const without = (capability: string) => [
    'setpriv',
    '--inh-caps',
    `-${capability}`,
    '--bounding-set',
    `-${capability}`,
  ];
  const otherDevice = (make: string) => [
    'unshare',
    '-m',
    'sh',
    '-c',
    `mount -t tmpfs none /dev/net && ${make} && exec "$@"`,
    'sh',
  ];
  const closedDevice = [...otherDevice('mknod -m 0 /dev/net/tun c 10 200'), ...without('dac_override')];
  const withoutTaps = [
    ['CAP_NET_ADMIN', without('net_admin'), /this process lacks CAP_NET_ADMIN/],
    ['/dev/net/tun', otherDevice('true'), /\/dev\/net\/tun cannot be opened \(ENOENT\): there is no such device node/],
    [
      'the right to open /dev/net/tun',
      closedDevice,
      /\/dev\/net\/tun cannot be opened \(EACCES\): it is device 10:200, mode 0000, owner 0:0; this process is 0/,
    ],
  ] as const;
  for (const [lacking, wrapper, reason] of withoutTaps) {
    it(`without ${lacking} it says so, and ends when it has VNICs to bring up`, async () => {
      const idle = spawnDaemon(directory.path, 'pipe', wrapper);
      await ready(idle);
      assert.match(String(idle.log.find(({ msg }) => msg === 'no VNIC can be created')?.reason), reason);
      idle.child.kill('SIGTERM');
      assert.equal(await idle.ended, 0, idle.stderr);
      const vnic = { version: STATE_VERSION, name: uniqueName('k'), mac: MAC, overlay: 'overlay0', netns: netns.name };
      writeFileSync(directory.file('vnics', vnic.name), JSON.stringify({ ...vnic, allowAnyMac: false }));
      const needed = spawnDaemon(directory.path, 'pipe', wrapper);
      assert.equal(await needed.ended, 1);
      assert.match(JSON.stringify(needed.log), reason);
      assert(!needed.log.some(({ msg }) => msg === 'ready'));
      assert.match(JSON.stringify(needed.log), /the interfaces of 1 VNIC cannot be made/);
    });
  }

  it('logs levels by name, no key twice, and as much as it is told to while it runs', async () => {
    const vnic = { version: STATE_VERSION, name: uniqueName('k'), mac: MAC, overlay: 'nowhere', netns: netns.name };
    mkdirSync(join(directory.path, 'vnics'));
    writeFileSync(directory.file('vnics', vnic.name), JSON.stringify({ ...vnic, allowAnyMac: false }));
    const daemon = spawnDaemon();
    await ready(daemon);
    const notUp = daemon.log.find(({ msg }) => msg === 'VNIC is not up');
    assert.deepEqual([notUp?.level, notUp?.name, notUp?.vnic], ['warn', 'vxlane', vnic.name]);
    await client.setLogLevel({ level: 'error' });
    await createObjects(join(directory.path, 'hosts.json'));
    await client.setLogLevel({ level: 'info' });
    assert.equal((await client.daemon()).logLevel, 'info');
    for (const { name } of await client.vnics()) await client.deleteVnic(name);
    await client.deleteOverlay('overlay0');
    await until(() => daemon.log.some(({ msg }) => msg === 'overlay deleted'));
    const said = daemon.log.map(({ msg }) => msg);
    assert(!said.includes('overlay created') && !said.includes('search plugin serves'), said.join('\n'));
    for (const line of daemon.lines) assert.equal(line, JSON.stringify(JSON.parse(line)));
  });

  it('says what it is, and that a thread ended which had begun early', async () => {
    const daemon = spawnDaemon(directory.path, 'pipe', [], 'data:text/javascript,throw "broken"');
    await ready(daemon);
    assert.deepEqual(
      begunInVain(daemon).map(({ level, reason }) => [level, reason]),
      [['warn', 'broken']],
    );
    const view = await client.daemon();
    const { pid, workers, fdbSize, fdbEntries, workerRestarts } = view;
    const expected = { pid: daemon.child.pid, workers: 1, fdbSize: 1024, fdbEntries: 0, workerRestarts: 0 };
    assert.deepEqual({ pid, workers, fdbSize, fdbEntries, workerRestarts }, expected);
    assert.equal(daemon.log.find(({ msg }) => msg === 'ready')?.version, view.version);
  });
});

const begunInVain = ({ log }: DaemonProcess) => log.filter(({ msg }) => msg.startsWith('the start took longer'));

/** The kernel adds its own, for what an io_uring is asked for. */
function threadsOf(pid: number): number {
  const names = readdirSync(`/proc/${pid}/task`).map((task) => readFileSync(`/proc/${pid}/task/${task}/comm`, 'utf8'));
  return names.filter((name) => !name.startsWith('iou-')).length;
}
