/** The laboratory itself: two hosts with the kernel's own vxlan device, and no trace of it afterwards. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { eventually, Lab, labTest, pingAll } from './support.js';

labTest('hosts reach each other over the underlay and over kernel vxlan devices', async ({ lab }) => {
  const one = await lab.addHost('one', { addresses: ['10.88.88.1/24', 'fd88::1/64'] });
  const two = await lab.addHost('two', { addresses: ['10.88.88.2/24', 'fd88::2/64'], likeOnTheWire: true });
  await pingAll(one, '10.88.88.2');
  await pingAll(one, 'fd88::2');
  for (const [host, own, other] of [
    [one, 1, 2],
    [two, 2, 1],
  ] as const) {
    const tunnel = ['local', `10.88.88.${own}`, 'remote', `10.88.88.${other}`, 'dstport', '4789'];
    await host.exec('ip', 'link', 'add', 'vx0', 'type', 'vxlan', 'id', '7', ...tunnel);
    await host.exec('ip', 'addr', 'add', `10.7.0.${own}/24`, 'dev', 'vx0');
    await host.exec('ip', 'link', 'set', 'vx0', 'up');
  }
  await pingAll(one, '10.7.0.2');
});

labTest('a closed laboratory leaves no process, namespace or file', async ({ lab: outer }) => {
  const lab = await Lab.create();
  const host = await lab.addHost('gone', { addresses: ['10.88.88.1/24'] });
  const sleeper = host.spawn(['sleep', '1000']);
  const stubborn = host.spawn(['sh', '-c', 'trap "" TERM; echo ready; sleep 1000']);
  await stubborn.printed(/ready/);
  await lab.close();
  assert.equal(sleeper.ended, true);
  assert.equal((await stubborn.done).signal, 'SIGKILL');
  assert.equal(existsSync(lab.dir), false);
  assert.equal((await outer.ip('netns', 'list')).includes(host.netns), false);
  assert.throws(() => host.spawn(['true']), /the laboratory is being taken down/);
});

const lastLines = {
  'a signal': 'process.kill(process.pid, "SIGTERM"); setInterval(() => {}, 1000);',
  'Ctrl-C': 'process.kill(process.pid, "SIGINT"); setInterval(() => {}, 1000);',
  'an exception nobody caught': 'throw new Error("on purpose");',
  'process.exit': 'process.exit(3);',
};

for (const [how, lastLine] of Object.entries(lastLines)) {
  labTest(`a laboratory goes away when its process ends by ${how}`, async ({ lab: outer }) => {
    const labModule = new URL('../../src/demo/lab.js', import.meta.url).href;
    const script = `
      const { Lab } = await import(${JSON.stringify(labModule)});
      const lab = await Lab.create();
      const host = await lab.addHost('left', { addresses: ['10.88.88.1/24'] });
      const sleeper = host.spawn(['sleep', '1000']);
      console.log(JSON.stringify({ netns: host.netns, dir: lab.dir, pid: sleeper.pid }));
      ${lastLine}`;
    const ended = await outer.processes.try([process.execPath, '--input-type=module', '--eval', script]);
    assert.notEqual(ended.code, 0);
    const made = JSON.parse(ended.stdout) as { netns: string; dir: string; pid: number };
    assert.equal((await outer.ip('netns', 'list')).includes(made.netns), false);
    assert.equal(existsSync(made.dir), false);
    await eventually('the child is gone', async () => !existsSync(`/proc/${made.pid}`));
  });
}
