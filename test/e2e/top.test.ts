/** `vxlane top` at a terminal and in a pipe, beside a daemon that carries traffic. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StatsView } from '../../src/control/protocol.js';
import type { Running } from '../../src/demo/processes.js';
import { until } from '../support/until.js';
import { Gate } from './gate.js';
import { PseudoTerminal } from './pseudo-terminal.js';
import { createOverlay } from './source-lab.js';
import { type Host, type Lab, labTest, mac, pingAll } from './support.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const TERMINAL = new URL('../../src/cli/top/terminal.js', import.meta.url).href;
const PEER = '10.88.88.2';
const ECHOES = 50;

/** Two hosts with a VNIC each, and a table that knows both. Nothing is sent unless the test says so. */
async function build(lab: Lab): Promise<Host> {
  const file = join(lab.dir, 'hosts.json');
  const entry = (last: number) => [mac(last), { ip: `10.88.88.${last}`, arp: `10.9.0.${last}` }];
  writeFileSync(file, JSON.stringify(Object.fromEntries([entry(1), entry(2)])));
  const hosts = [await lab.addHost('ours', { addresses: ['10.88.88.1/24'] })];
  hosts.push(await lab.addHost('peer', { addresses: [`${PEER}/24`] }));
  for (const [index, host] of hosts.entries()) {
    const last = index + 1;
    await host.startDaemon();
    await createOverlay(host, `10.88.88.${last}`, 'files', [`files/config=${file}`]);
    await host.exec('sysctl', '-q', '-w', 'net.ipv6.conf.default.disable_ipv6=1');
    await host.vxlane('create-vnic', '-m', mac(last), '-l', 'ov0', `v${last}`, '-a', `10.9.0.${last}/24`);
  }
  await pingAll(hosts[0]!, '10.9.0.2');
  return hosts[0]!;
}

labTest('top', async ({ lab, step }) => {
  const ours = await build(lab);
  const stats = () => ours.vxlaneJson<StatsView>('show-stats');
  const openTop = (...args: string[]) =>
    new PseudoTerminal([process.execPath, MAIN, 'top', ...args], { VXLANE_SOCKET: ours.socket });

  /** Runs `act` between its two looks. */
  async function onceAround(act: () => Promise<unknown>, ...args: string[]): Promise<string> {
    const gate = await Gate.open(join(lab.dir, 'gate.sock'), ours.socket);
    try {
      const words = ['top', '--once', '--interval', '0.2', '--socket', gate.socket, ...args];
      const top = lab.processes.spawn([process.execPath, MAIN, ...words], { timeoutMs: 60_000 });
      await until(() => gate.waiting > 0);
      await act();
      gate.pass();
      const { code, stdout, stderr } = await top.done;
      assert.deepEqual([code, stderr], [0, '']);
      return stdout;
    } finally {
      gate.close();
    }
  }

  await step('--once: frames between its looks are those that show-stats counts', async () => {
    const before = await stats();
    const said = await onceAround(() => echoes(ours), '--json', '--view', 'endpoints');
    const after = await stats();
    const { seconds, rows } = JSON.parse(said) as { seconds: number; rows: Record<string, unknown>[] };
    const [row] = rows as [{ endpoint: string; encapFramesPerSecond: number; encapBitsPerSecond: number }];
    const counted = after.endpoints[0]!.encap.frames - before.endpoints[0]!.encap.frames;
    assert.equal(row.endpoint, `${PEER}:4789`);
    assert.ok(counted >= ECHOES, `${counted} frames`);
    // Rates are whole numbers.
    const near = (rate: number, count: number) => assert.ok(Math.abs(rate * seconds - count) <= seconds, said);
    near(row.encapFramesPerSecond, counted);
    near(row.encapBitsPerSecond / 8, after.endpoints[0]!.encap.bytes - before.endpoints[0]!.encap.bytes);
  });

  await step('--once: a table of exact rates, without escapes', async () => {
    const said = await onceAround(() => echoes(ours));
    const [head, row, ...more] = said.split('\n');
    assert.equal(head, 'OVERLAY  ENCAP/S  ENC-BIT/S  DECAP/S  DEC-BIT/S  DROPS/S');
    assert.match(row!, /^ov0 +[1-9]\d* +[1-9]\d* +[1-9]\d* +[1-9]\d* +0$/);
    assert.deepEqual(more, ['']);
  });

  const traffic: Running[] = [
    ours.spawn(['ping', '-n', '-q', '-i', '0.01', '10.9.0.2'], { timeoutMs: 200_000 }),
    ours.spawn(['arping', '-q', '-b', '-I', 'v1', '10.9.0.99'], { timeoutMs: 200_000 }),
  ];

  await step('keys switch views; the rates are there, and the terminal is left as it was', async () => {
    const top = openTop('--interval', '0.2');
    try {
      const [, frames] = await top.shows(/^ov0 +([1-9]\d*) +[\d.]+k +[1-9]\d* .*[▁▂▃▄▅▆▇█]$/);
      assert.ok(Number(frames) <= 1000, `${frames} frames a second of some hundred`);
      assert.ok(top.isAlternate && !top.hasCursor);
      top.type('2');
      await top.shows(/^v1 +ov0 +[1-9]\d* /);
      top.type('3');
      await top.shows(/^10\.88\.88\.2:4789 +[1-9]\d* /);
      top.type('4');
      const [, total] = await top.shows(/^arp_unknown +\d+ +([1-9]\d*) .* ARP request/);
      assert.ok(Number(total) <= (await stats()).drops.find(({ reason }) => reason === 'arp_unknown')!.frames);
      top.type('\t');
      await top.shows(/^ov0 +files +\d+ +0 +0 +0 /);
      top.type('?');
      await top.shows(/^space +pause/);
      top.type('x/nothing\r');
      await top.shows(/^no rows /);
      top.type('1\u001b');
      await top.shows(/^ov0 /);
      assert.ok((await top.screen()).every((line) => line.length <= 80));
      top.type('q');
      await until(() => top.status !== null);
      assert.equal(top.status, 0);
      await assertRestored(top);
    } finally {
      top.close();
    }
  });

  await step('it follows the size of the terminal', async () => {
    const top = openTop('--interval', '0.2');
    try {
      await top.shows(/^ov0 /);
      top.resize(40, 10);
      await top.shows(/^OVERLAY +ENCAP\/S↓ +DECAP\/S +DROPS\/S$/);
      await until(async () => /^1-1 of 1 /.test((await top.screen())[9]!));
      top.resize(120, 40);
      await top.shows(/^OVERLAY +ENCAP\/S↓ .*frames\/s, both ways$/);
      await until(async () => /^1-1 of 1 /.test((await top.screen())[39]!));
      top.type('\u0003');
      await until(() => top.status !== null);
      assert.equal(top.status, 0);
      await assertRestored(top);
    } finally {
      top.close();
    }
  });

  await step('a terminal that moves no cursor gets tables, and no escapes', async () => {
    const dumb = new PseudoTerminal([process.execPath, MAIN, 'top', '--interval', '0.2'], {
      ...{ VXLANE_SOCKET: ours.socket, TERM: 'dumb' },
    });
    try {
      await until(() => dumb.raw.split('OVERLAY ').length > 2);
      dumb.type('\u0003');
      await until(() => dumb.status !== null);
      assert.equal(dumb.status, 0);
      assert.ok(!dumb.raw.includes('\u001b'), JSON.stringify(dumb.raw));
    } finally {
      dumb.close();
    }
  });

  await step('NO_COLOR: the screen without colours', async () => {
    const top = new PseudoTerminal([process.execPath, MAIN, 'top', '--interval', '0.2'], {
      ...{ VXLANE_SOCKET: ours.socket, NO_COLOR: '1' },
    });
    try {
      await top.shows(/^ov0 /);
      assert.doesNotMatch(top.raw, /\[[1-9]\d*m/);
      top.type('q');
      await until(() => top.status !== null);
    } finally {
      top.close();
    }
  });

  await step('stopped by Ctrl-Z the shell has its terminal; continued, top has its screen', () => suspended(ours));
  await step('the terminal is as it was after SIGTERM', () => endedBy(openTop(), 'SIGTERM'));
  await step('the terminal is as it was after an exception', afterException);

  await step('a daemon that takes the place of another is shown from then on', async () => {
    const top = openTop('--interval', '0.1');
    try {
      await top.shows(new RegExp(`pid ${ours.daemonPid}$`));
      await ours.replaceDaemon();
      await top.shows(new RegExp(`pid ${ours.daemonPid}$`));
      await top.shows(/^ov0 /);
      top.type('q');
      await until(() => top.status !== null);
      assert.equal(top.status, 0);
    } finally {
      top.close();
    }
  });

  await step('the terminal is as it was when the daemon is gone, and says why', async () => {
    const top = openTop('--interval', '0.2');
    try {
      await top.shows(/^ov0 /);
      await ours.stopDaemon('SIGKILL');
      await until(() => top.status !== null);
      assert.equal(top.status, 4);
      await assertRestored(top);
      await top.shows(/^vxlane: no vxlane daemon answers on/);
    } finally {
      top.close();
    }
  });
  await Promise.all(traffic.map((each) => each.stop('SIGINT')));
});

async function echoes(host: Host): Promise<void> {
  const { stdout, stderr } = await host.try(['ping', '-n', '-q', '-c', String(ECHOES), '-i', '0.002', '10.9.0.2']);
  assert.match(stdout, new RegExp(`${ECHOES} received`), stdout + stderr);
}

async function assertRestored(terminal: PseudoTerminal): Promise<void> {
  const lines = await terminal.screen();
  assert.equal(terminal.settings('after'), terminal.settings('before'), 'stty');
  assert.ok(!terminal.isAlternate, 'the screen is the one of before');
  assert.ok(terminal.hasCursor, 'the cursor is shown');
  assert.ok(terminal.wraps, 'lines wrap');
  assert.ok(
    lines.some((line) => /^shell \d+$/.test(line)),
    'what was on the screen is there again',
  );
}

async function endedBy(top: PseudoTerminal, signal: NodeJS.Signals): Promise<void> {
  try {
    await top.shows(/^measuring|^ov0 /);
    top.signal(signal);
    await until(() => top.status !== null);
    assert.equal(top.status, 0);
    await assertRestored(top);
  } finally {
    top.close();
  }
}

async function afterException(): Promise<void> {
  const program = `
    import { BorrowedTerminal } from '${TERMINAL}';
    const nothing = () => {};
    const listener = { onKey: nothing, onLost: nothing, onEnd: nothing };
    const terminal = new BorrowedTerminal(process.stdin, process.stdout, listener);
    terminal.draw(['taken']);
    process.stdin.on('keypress', () => { throw new Error('bang'); });`;
  const broken = new PseudoTerminal([process.execPath, '--input-type=module', '-e', program], {});
  try {
    await broken.shows(/^taken/);
    broken.type('x');
    await until(() => broken.status !== null);
    assert.equal(broken.status, 1);
    await assertRestored(broken);
  } finally {
    broken.close();
  }
}

/** At a shell with job control. */
async function suspended(host: Host): Promise<void> {
  const top = `'${process.execPath}' '${MAIN}' top --interval 0.2`;
  const script = `set -m; ${top}; echo "stopped $?"; read -r _; fg; echo ended`;
  const shell = new PseudoTerminal(['bash', '-c', script], { VXLANE_SOCKET: host.socket });
  try {
    await shell.shows(/^ov0 /);
    shell.type('\u001a');
    await shell.shows(/^stopped 1\d\d/);
    assert.ok(!shell.isAlternate && shell.hasCursor);
    shell.type('\n');
    await until(() => shell.isAlternate);
    await shell.shows(/^ov0 /);
    shell.type('q');
    await until(() => shell.status !== null);
    await assertRestored(shell);
    await shell.shows(/^ended/);
  } finally {
    shell.close();
  }
}
