/** Of two daemons one takes the place of the other: either ends at any moment, and the one that is left carries on. */
import assert from 'node:assert/strict';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, type Host, type Lab, labTest, mac, pingAll } from './support.js';

const INNER = ['10.9.0.1', '10.9.0.2'] as const;

interface Pair {
  readonly ours: Host;
  /** Search plugins start only where this file is, and so does a daemon that has any. */
  readonly gate: string;
}

/** ov0 has the kernel's device of the other host as its peer; ov1 has a plugin that waits at the gate as it starts. */
async function buildPair(lab: Lab): Promise<Pair> {
  const ours = await lab.addHost('ours', { addresses: ['10.88.88.1/24'] });
  const kernels = await lab.addHost('kernels', { addresses: ['10.88.88.2/24'] });
  const tunnel = ['id', '7', 'local', '10.88.88.2', 'remote', '10.88.88.1', 'dstport', '4789'];
  await kernels.exec('ip', 'link', 'add', 'vx0', 'address', mac(2), 'type', 'vxlan', ...tunnel);
  await kernels.exec('ip', 'link', 'set', 'vx0', 'mtu', '1400', 'up');
  await kernels.exec('ip', 'addr', 'add', `${INNER[1]}/24`, 'dev', 'vx0');
  const gate = join(lab.dir, 'open');
  const plugin = join(lab.dir, 'gated.js');
  writeFileSync(
    plugin,
    `import { existsSync } from 'node:fs';
     const start = async () => { while (!existsSync('${gate}')) await new Promise((go) => setTimeout(go, 20)); };
     export default { name: 'gated', mode: 'dynamic', properties: [],
       create: () => ({ start, stop() {}, lookup: () => null }) };`,
  );
  writeFileSync(gate, '');
  await ours.startDaemon();
  const common = ['-p', 'vxlan/listen_ip=10.88.88.1', '-p', 'mtu=1400'];
  const direct = ['-s', 'direct', '-p', 'direct/dest_ip=10.88.88.2', ...common];
  await ours.vxlane('create-overlay', '-v', '7', '-e', 'vxlan', ...direct, 'ov0');
  await ours.vxlane('create-overlay', '-v', '8', '-e', 'vxlan', '-s', plugin, ...common, 'ov1');
  await ours.vxlane('create-vnic', '-m', mac(1), '-l', 'ov0', 'v0');
  await ours.exec('ip', 'addr', 'add', `${INNER[0]}/24`, 'dev', 'v0');
  await pingAll(ours, INNER[1]);
  return { ours, gate };
}

const pidOf = async (host: Host) => (await host.vxlaneJson<{ daemon: { pid: number } }>('status')).daemon.pid;

const NOT_LET_GO = 'has not let go of the control socket';
const times = (host: Host, text: string) => host.daemonLog().split(text).length - 1;

async function takesCommands(ours: Host): Promise<void> {
  await eventually('it takes commands', async () => {
    return (await ours.tryVxlane('create-vnic', '-m', mac(3), '-l', 'ov0', 'v1')).code === 0;
  });
  await ours.vxlane('delete-vnic', 'v1');
}

/** Another daemon takes over, and has come to where it waits at the gate. `done` never rejects. */
async function takingOver({ ours, gate }: Pair): Promise<{ pid: number; done: Promise<Error | null> }> {
  rmSync(gate);
  const said = () => [...ours.daemonLog().matchAll(/"pid":(\d+),[^\n]*"msg":"taking over"/g)].map(([, pid]) => pid);
  const before = said().length;
  const done = ours.replaceDaemon().then(
    () => null,
    (thrown: unknown) => thrown as Error,
  );
  const pid = await eventually('another daemon takes over', async () => said()[before] ?? null, 30_000);
  return { pid: Number(pid), done };
}

labTest('one of the two daemons ends', async ({ lab, step }) => {
  const pair = await buildPair(lab);
  const { ours, gate } = pair;

  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    await step(`the one before, by ${signal}: the next one starts nevertheless`, async () => {
      const before = await pidOf(ours);
      const { pid, done } = await takingOver(pair);
      process.kill(before, signal);
      await eventually('it has ended', async () => !existsSync(`/proc/${before}`));
      writeFileSync(gate, '');
      assert.equal(await done, null);
      assert.equal(await pidOf(ours), pid);
      await pingAll(ours, INNER[1]);
      await takesCommands(ours);
    });

    await step(`the next one, by ${signal}: the one before goes on, and hands over to another`, async () => {
      const before = await pidOf(ours);
      const { pid, done } = await takingOver(pair);
      process.kill(pid, signal);
      const failed = await done;
      assert.match(failed?.message ?? '', /as it was to take over/);
      await pingAll(ours, INNER[1]);
      assert.equal(await pidOf(ours), before);
      await takesCommands(ours);
      writeFileSync(gate, '');
      await ours.replaceDaemon();
      assert.notEqual(await pidOf(ours), before);
      await pingAll(ours, INNER[1]);
    });
  }

  await step('a third one is refused while two are at it', async () => {
    const { pid, done } = await takingOver(pair);
    await assert.rejects(ours.replaceDaemon(), /as it was to take over/);
    assert.match(ours.daemonLog(), /another daemon is taking the place of this one/);
    writeFileSync(gate, '');
    assert.equal(await done, null);
    assert.equal(await pidOf(ours), pid);
    await pingAll(ours, INNER[1]);
  });

  await step(
    'the next one is killed when the one before could not hear that it carries all: that one goes on',
    async () => {
      const before = await pidOf(ours);
      const { pid, done } = await takingOver(pair);
      const said = times(ours, NOT_LET_GO);
      process.kill(before, 'SIGSTOP');
      writeFileSync(gate, '');
      await eventually('the next one says so', async () => times(ours, NOT_LET_GO) > said, 60_000);
      process.kill(pid, 'SIGKILL');
      assert.match((await done)?.message ?? '', /as it was to take over/);
      process.kill(before, 'SIGCONT');
      await pingAll(ours, INNER[1]);
      assert.equal(await pidOf(ours), before);
      await takesCommands(ours);
    },
  );

  await step('the one before stands still as it is to let go, and ends when it can', async () => {
    const before = await pidOf(ours);
    const { pid, done } = await takingOver(pair);
    const said = times(ours, NOT_LET_GO);
    process.kill(before, 'SIGSTOP');
    writeFileSync(gate, '');
    await eventually('the next one says so', async () => times(ours, NOT_LET_GO) > said, 60_000);
    process.kill(before, 'SIGCONT');
    assert.equal(await done, null);
    assert.equal(await pidOf(ours), pid);
    await eventually('the one before has ended', async () => !existsSync(`/proc/${before}`));
    await pingAll(ours, INNER[1]);
  });
});
