/**
 * Three daemons that follow one etcd with 100,000 MACs: how long do they take to load it, what does it weigh, and how
 * long after etcd's answer to a Put does every daemon forward to the new place?
 *
 *   npm run bench:etcd -- [MACS] [CHANGES]
 *
 * Builds the hosts in network namespaces, so it needs root; etcd is a single member on this machine's disk.
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Lab } from '../src/demo/lab.js';
import { textTable } from '../src/table.js';
import { describe, environment } from './environment.js';
import type { Measured, Task } from './etcd/measure.js';
import { writeResult } from './results.js';

const MEASURE = fileURLToPath(new URL('./etcd/measure.js', import.meta.url));
const DAEMONS = 3;
const STORE = '10.88.88.10';
const MEASURE_TIMEOUT_MS = 480_000;

const { positionals } = parseArgs({ allowPositionals: true });
const [macs, changes] = [Number(positionals[0] ?? 100_000), Number(positionals[1] ?? 1000)];

/** Runs the measuring program beside etcd: the daemons' control sockets are files, which namespaces do not hide. */
async function measure(lab: Lab): Promise<Measured> {
  const store = await lab.addHost('store', { addresses: [`${STORE}/24`] });
  const [client, peer] = [`http://${STORE}:2379`, `http://${STORE}:2380`];
  const listen = ['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer];
  const cluster = ['--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`];
  const env = { ETCD_UNSUPPORTED_ARCH: process.arch };
  const etcd = [
    'etcd',
    '--data-dir',
    `${lab.dir}/etcd`,
    '--quota-backend-bytes',
    String(2 ** 32),
    ...listen,
    ...cluster,
  ];
  store.spawn(etcd, { env, timeoutMs: MEASURE_TIMEOUT_MS });
  const daemons: Task['daemons'][number][] = [];
  for (let number = 1; number <= DAEMONS; number++) {
    const underlay = `10.88.88.${10 + number}`;
    const host = await lab.addHost(`vtep${number}`, { addresses: [`${underlay}/24`] });
    await host.startDaemon('--fdb-size', '262144', '--workers', '1');
    daemons.push({ socket: host.socket, pid: host.daemonPid as number, underlay });
  }
  const task: Task = { endpoint: client, daemons, macs, changes, directory: lab.dir };
  const argv = [process.execPath, '--expose-gc', MEASURE, JSON.stringify(task)];
  const running = store.spawn(argv, { timeoutMs: MEASURE_TIMEOUT_MS });
  const { code, stdout, stderr } = await running.done;
  if (code !== 0) throw new Error(`measure.js: ${stderr}${stdout}\n${lab.logs()}`);
  return JSON.parse(stdout) as Measured;
}

function print({ load, memory, latency, burst }: Measured): void {
  const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const mib = (value: number) => `${value.toFixed(0)} MiB`;
  const rows = [
    [`vxlane etcd import of ${macs} entries`, seconds(load.importMs)],
    ['… again, nothing to write', seconds(load.againMs)],
    ['the plugin alone: start()', seconds(load.pluginMs)],
    ['create-overlay, each daemon after the other', load.overlayMs.map(seconds).join('  ')],
    ['heap of the plugin', mib(memory.heapMiB)],
    ['RSS of each daemon before', memory.rssBeforeMiB.map(mib).join('  ')],
    ['… with the overlay', memory.rssAfterMiB.map(mib).join('  ')],
    ['one look at a daemon (median)', ms(latency.lookMs)],
    [`Put answered to seen by all ${DAEMONS} (${changes} changes): median`, ms(latency.medianMs)],
    ['… p99', ms(latency.p99Ms)],
    ['… longest', ms(latency.maxMs)],
    [`${burst.changes} changes as fast as etcd takes them`, seconds(burst.writeMs)],
    ['… and from the last answer to seen by all', ms(burst.seenMs)],
  ];
  console.log(textTable(['what', 'took'], rows, 1));
}

const where = environment();
console.log(describe(where));
const lab = await Lab.create();
try {
  const measured = await measure(lab);
  print(measured);
  console.log(writeResult('etcd', where.date, { ...where, macs, changes, ...measured }));
} finally {
  await lab.close();
}
