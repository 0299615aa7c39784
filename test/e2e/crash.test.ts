/** kill -9 under traffic: the interface outlives the daemon, and the next daemon takes up where it was. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { STATE_VERSION } from '../../src/daemon/state/stored.js';
import { eventually, type Host, type Lab, type LabTest, labTest, mac, pingAll } from './support.js';
import '../support/each-engine.js';

const STATIC = '02:00:00:00:00:99';
const NEWER = STATE_VERSION + 1;

interface Setup {
  one: Host;
  two: Host;
  /** VNIC v1 of host one, 10.6.0.1. */
  vm1: Host;
  /** VNIC v2 of host two, 10.6.0.2. */
  vm2: Host;
}

async function build(lab: Lab): Promise<Setup> {
  const one = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
  const two = await lab.addHost('two', { addresses: ['10.88.88.2/24'] });
  await Promise.all([one.startDaemon(), two.startDaemon()]);
  const file = join(lab.dir, 'hosts.json');
  const entry = (n: number) => [mac(n), { ip: `10.88.88.${n}`, arp: `10.6.0.${n}`, ndp: `fd06::${n}` }];
  writeFileSync(file, JSON.stringify(Object.fromEntries([entry(1), entry(2)])));
  const attach = async (host: Host, n: number) => {
    const vm = await lab.addMachine(`vm${n}`);
    const properties = ['-p', `vxlan/listen_ip=10.88.88.${n}`, '-p', `files/config=${file}`];
    await host.vxlane('create-overlay', '-v', '6', '-e', 'vxlan', '-s', 'files', ...properties, 'ov0');
    await host.vxlane('create-vnic', '-m', mac(n), '-l', 'ov0', '-n', vm.netns, `v${n}`);
    await vm.exec('ip', 'addr', 'add', `10.6.0.${n}/24`, 'dev', `v${n}`);
    await vm.exec('ip', 'addr', 'add', `fd06::${n}/64`, 'dev', `v${n}`, 'nodad');
    await vm.exec('ip', 'route', 'add', '10.66.0.0/16', 'via', `10.6.0.${3 - n}`);
    return vm;
  };
  return { one, two, vm1: await attach(one, 1), vm2: await attach(two, 2) };
}

labTest('a daemon that is killed leaves its interfaces, and comes back to them', async ({ lab, step, note }) => {
  const setup = await build(lab);
  const { one, vm1, vm2 } = setup;
  await pingAll(vm1, '10.6.0.2');
  await pingAll(vm1, 'fd06::2');
  await one.vxlane('modify-overlay', '-s', `${STATIC}=10.88.88.9:4790`, 'ov0');

  const compiled = join(one.dir, 'state/compiled');
  const kept = () => statSync(compiled, { throwIfNoEntry: false })?.ino;
  await eventually('what was compiled is kept', async () => kept() !== undefined);
  const ofNoVnics = kept();

  await step('kill -9 under traffic', () => killUnderTraffic(setup, note));

  await step('overlays and static targets are back', async () => {
    const rows = await one.vxlaneJson<{ mac: string; destination: string; source: string }[]>(
      'show-overlay',
      '-t',
      'ov0',
    );
    const row = rows.find(({ mac }) => mac === STATIC);
    assert.deepEqual([row?.destination, row?.source], ['10.88.88.9:4790', 'static']);
    assert.match(await one.vxlane('show-overlay', '-f', 'ov0'), /ov0 +ONLINE/);
    assert.match(await one.vxlane('show-vnic', 'v1'), /de:ad:be:ef:00:01/);
    await pingAll(vm1, '10.6.0.2');
    await pingAll(vm2, 'fd06::1');
  });

  await step('SIGTERM ends it in order: temporary things go, the rest stays', async () => {
    const temp = await lab.addMachine('temp');
    await one.vxlane('create-vnic', '-t', '-m', mac(7), '-l', 'ov0', '-n', temp.netns, 'v7');
    await eventually('what a start with VNICs compiles is kept', async () => kept() !== ofNoVnics);
    const whole = kept();
    const before = await interfaceOf(vm1, 'v1');
    const ended = await one.stopDaemon();
    assert.equal(ended?.code, 0, one.daemonLog());
    assert.deepEqual(await interfaceOf(vm1, 'v1'), before);
    assert.equal((await temp.try(['ip', 'link', 'show', 'dev', 'v7'])).code, 1);
    await one.startDaemon();
    assert.doesNotMatch(await one.vxlane('show-vnic'), /v7/);
    await pingAll(vm2, '10.6.0.1');
    await one.stopDaemon();
    assert.equal(kept(), whole, 'there was no more to keep');
  });

  rmSync(compiled);
  mkdirSync(compiled);

  await step('state files that cannot be used stay as they are, and every command says so', () => unusable(setup));
});

/** What must outlive the daemon: the interface itself (its index), MAC, MTU, addresses and routes. */
async function interfaceOf(vm: Host, device: string): Promise<object> {
  const [link] = await vm.json<{ ifindex: number; address: string; mtu: number }[]>('ip', '-j', 'link', 'show', device);
  const { ifindex, address, mtu } = link as { ifindex: number; address: string; mtu: number };
  const [has] = await vm.json<{ addr_info: { local: string }[] }[]>('ip', '-j', 'addr', 'show', device);
  const addresses = has?.addr_info.map(({ local }) => local).sort();
  const routes = await vm.json<{ dst: string }[]>('ip', '-j', 'route', 'show', 'dev', device);
  return { ifindex, address, mtu, addresses, routes: routes.map(({ dst }) => dst).sort() };
}

/** A VNIC's file is torn, its overlay's is of a newer version (a downgrade), and what is compiled has no place. */
async function unusable({ one, vm1, vm2 }: Setup): Promise<void> {
  const [overlay, vnic] = [join(one.dir, 'state/overlays/ov0.json'), join(one.dir, 'state/vnics/v1.json')];
  const before = readFileSync(overlay, 'utf8');
  const newer = JSON.stringify({ ...JSON.parse(before), version: NEWER, colour: 'red' });
  const torn = readFileSync(vnic, 'utf8').slice(0, 40);
  writeFileSync(overlay, newer);
  writeFileSync(vnic, torn);
  await one.startDaemon();
  const reads = `this vxlane reads versions 1 to ${STATE_VERSION}`;
  const tooNew = `not loaded: ${overlay}: it is of version ${NEWER}, and ${reads}: upgrade vxlane`;
  const isTorn = `not loaded: ${vnic}: it is no JSON, or cut off: `;
  const said = async (status: number, ...command: string[]) => {
    const { code, stdout, stderr } = await one.tryVxlane(...command);
    assert.equal(code, status, `${command}: ${stderr}`);
    return stdout + stderr;
  };
  for (const [status, ...command] of [
    [0, 'show-overlay'],
    [3, 'show-overlay', '-f'],
    [0, 'list'],
    [3, 'status'],
  ] as const) {
    assert.ok((await said(status, ...command)).includes(tooNew), `${command}`);
  }
  for (const [status, ...command] of [
    [0, 'show-vnic'],
    [0, 'list'],
    [3, 'status'],
  ] as const) {
    assert.ok((await said(status, ...command)).includes(isTorn), `${command}`);
  }
  assert.match(await said(1, 'show-overlay', '-t'), /overlay ov0 is not loaded: /);
  assert.equal((await one.vxlaneJson<{ details: string }[]>('show-overlay'))[0]?.details, tooNew);
  assert.match((await one.vxlaneJson<{ state: string }[]>('show-vnic'))[0]?.state ?? '', /^not loaded: /);
  assert.ok(one.daemonLog().includes(overlay), one.daemonLog());
  await eventually('what is not kept is said', async () => /what was compiled is not kept/.test(one.daemonLog()));
  assert.deepEqual([readFileSync(overlay, 'utf8'), readFileSync(vnic, 'utf8')], [newer, torn]);

  await one.vxlane('delete-vnic', 'v1');
  assert.equal((await vm1.try(['ip', 'link', 'show', 'dev', 'v1'])).code, 1);
  writeFileSync(overlay, before);
  await one.vxlane('reload');
  await one.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', '-n', vm1.netns, 'v1');
  await vm1.exec('ip', 'addr', 'add', '10.6.0.1/24', 'dev', 'v1');
  await pingAll(vm2, '10.6.0.1');
  await said(0, 'status');
}

async function killUnderTraffic({ one, vm1, vm2 }: Setup, note: LabTest['note']): Promise<void> {
  const before = await interfaceOf(vm1, 'v1');
  const server = vm2.spawn(['iperf3', '--server', '--one-off', '--forceflush']);
  await server.printed(/Server listening/);
  const tcp = vm1.spawn(['iperf3', '--client', '10.6.0.2', '--json', '--time', '8', '--bitrate', '20M'], {
    timeoutMs: 60_000,
  });
  const ping = vm2.spawn(['ping', '-n', '-D', '-i', '0.01', '-c', '600', '-W', '1', '10.6.0.1'], { timeoutMs: 60_000 });
  await ping.printed(/icmp_seq=100 /);
  await one.stopDaemon('SIGKILL');
  assert.deepEqual(await interfaceOf(vm1, 'v1'), before);
  const started = performance.now();
  await one.startDaemon();
  note(`the daemon was ready ${Math.round(performance.now() - started)} ms after it was started again`);
  assert.deepEqual(await interfaceOf(vm1, 'v1'), before);
  const { stdout } = await ping.done;
  const times = [...stdout.matchAll(/^\[([\d.]+)\].*icmp_seq=(\d+) /gm)].map((match) => Number(match[1]) * 1000);
  const gap = Math.max(...times.slice(1).map((time, i) => time - (times[i] as number)));
  assert.match(stdout, /icmp_seq=600 /, 'traffic did not resume by itself');
  note(`gap seen by ping every 10 ms: ${Math.round(gap)} ms, from before the kill until traffic flowed again`);
  assert.ok(gap < 10_000, `${gap} ms`);
  const report = JSON.parse((await tcp.done).stdout) as { error?: string; end: { sum_received: { bytes: number } } };
  assert.equal(report.error, undefined);
  note(`a TCP connection survived it and moved ${report.end.sum_received.bytes} bytes`);
}
