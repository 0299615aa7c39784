/** Some hundred VNICs on one host: each reaches another here and one elsewhere, also after the daemon was killed. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { macFromNumber } from '../../src/address.js';
import { type Host, labTest } from './support.js';

const PAIRS = 125;
/** It answers when all of them are made, which a busy machine takes its time for. */
const READY_MS = 90_000;
const ELSEWHERE = 2 * PAIRS + 1;
const macOf = (number: number) => macFromNumber(0x020000000000 + number);
const addressOf = (number: number) => `10.5.${number >> 8}.${number & 255}`;

/** VNICs of a machine that do not get an answer in half a minute from where each of them pings, all at once. */
async function lost(machine: Host, from: number, to: (number: number) => number): Promise<number[]> {
  const numbers = Array.from({ length: PAIRS }, (_, at) => from + at);
  const pings = numbers.map(
    (number) => `{ ping -q -c 1 -w 30 -I v${number} ${addressOf(to(number))} >/dev/null || echo ${number}; } &`,
  );
  const { stdout } = await machine.try(['sh', '-c', `${pings.join('\n')}\nwait`]);
  return stdout.trim().split(/\s+/).filter(Boolean).map(Number);
}

labTest(`${2 * PAIRS} VNICs on a host`, async ({ lab, step }) => {
  const one = await lab.addHost('one', { addresses: ['10.88.88.1/24'] });
  const two = await lab.addHost('two', { addresses: ['10.88.88.2/24'] });
  const [left, right] = [await lab.addMachine('left'), await lab.addMachine('right')];
  const hosts = join(lab.dir, 'hosts.json');
  const entry = (number: number) => {
    const ip = number === ELSEWHERE ? '10.88.88.2' : '10.88.88.1';
    return [macOf(number), { ip, arp: addressOf(number) }];
  };
  const numbers = Array.from({ length: ELSEWHERE }, (_, at) => at + 1);
  writeFileSync(hosts, JSON.stringify(Object.fromEntries(numbers.map(entry))));

  const declare = (host: Host, listen: string, vnics: readonly [number, string | undefined][]) => {
    const properties = { 'vxlan/listen_ip': listen, 'files/config': hosts };
    const path = join(host.dir, 'vxlane.yaml');
    const declared = vnics.map(([number, netns]) => [
      `v${number}`,
      { overlay: 'ov0', mac: macOf(number), ...(netns === undefined ? {} : { netns }) },
    ]);
    const overlays = { ov0: { vni: 5, search: 'files', properties } };
    writeFileSync(path, stringify({ overlays, vnics: Object.fromEntries(declared) }));
    return path;
  };
  const mine = numbers.slice(0, -1).map((number): [number, string] => {
    return [number, number <= PAIRS ? left.netns : right.netns];
  });
  one.readyTimeoutMs = READY_MS;
  const config = declare(one, '10.88.88.1', mine);
  await one.startDaemon('--config', config);
  await two.startDaemon('--config', declare(two, '10.88.88.2', [[ELSEWHERE, undefined]]));
  await two.exec('ip', 'addr', 'add', `${addressOf(ELSEWHERE)}/16`, 'dev', `v${ELSEWHERE}`);
  for (const [machine, from] of [
    [left, 1],
    [right, PAIRS + 1],
  ] as const) {
    // Each answers for its own address alone, as a machine of its own would.
    await machine.exec('sysctl', '-qw', 'net.ipv4.conf.all.arp_ignore=1', 'net.ipv4.conf.all.rp_filter=0');
    const adds = Array.from({ length: PAIRS }, (_, at) => `addr add ${addressOf(from + at)}/16 dev v${from + at}\n`);
    const batch = join(lab.dir, `addresses-${from}`);
    writeFileSync(batch, adds.join(''));
    await machine.exec('ip', '-batch', batch);
  }

  const allWork = async () => {
    assert.deepEqual(await lost(left, 1, (number) => number + PAIRS), []);
    assert.deepEqual(await lost(right, PAIRS + 1, () => ELSEWHERE), []);
    assert.deepEqual(await lost(left, 1, () => ELSEWHERE), []);
  };

  await step('reach each other and one elsewhere', allWork);

  await step('all of them again after the daemon was killed', async () => {
    await one.stopDaemon('SIGKILL');
    await one.startDaemon('--config', config);
    await one.vxlane('wait', '--timeout', '60');
    await allWork();
  });
});
