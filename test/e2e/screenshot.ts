/**
 * `npm run screenshot`: makes docs/browser.png, the picture of the page in the documents: real daemons, some minutes of
 * traffic between them, a VTEP that no route leads to and an address that nobody has. As root.
 */
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { browserOn, inner, pageLab, shows, URL_OF_PAGE } from './page-lab.js';
import { Lab } from './support.js';

const FILE = fileURLToPath(new URL('../../../docs/browser.png', import.meta.url));
/** Two for one: screens of today show it sharp, and it weighs little. */
const VIEW = { viewport: { width: 1440, height: 900 }, colorScheme: 'light' } as const;
/** What the first host sends to each of the others in turn: as iperf3 has it, 20 s each. */
const BITRATES = ['4M', '9M', '14M', '12M', '20M', '11M', '6M', '9M', '16M'];
const SECONDS = 20;

const lab = await Lab.create();
try {
  const { hosts, startFirst } = await pageLab(lab);
  const [one, two, three] = hosts;
  await startFirst();
  const listen = ['-p', 'vxlan/listen_ip=10.88.88.1'];
  await one.vxlane(
    'create-overlay',
    '-e',
    'vxlan',
    '-v',
    '9',
    '-s',
    'direct',
    ...listen,
    '-p',
    'direct/dest_ip=203.0.113.9',
    'lab0',
  );
  await one.vxlane('create-vnic', '-l', 'lab0', '-m', '02:00:00:00:09:01', '-a', '10.77.77.1/24', 'lab1');
  await one.exec('ip', 'neigh', 'add', '10.77.77.9', 'lladdr', '02:00:00:00:09:09', 'dev', 'lab1');
  for (const host of hosts) host.spawn(['iperf3', '--server']);
  one.spawn(['ping', '-q', '-i', '0.25', '10.77.77.9']);
  one.spawn(['ping', '-q', '-i', '0.5', '10.55.55.77']);
  two.spawn(['ping', '-q', '-i', '0.01', inner(1)]);
  const browser = await browserOn(lab, one);
  const page = await browser.newPage(VIEW);
  await page.goto(URL_OF_PAGE);
  await shows(page, '#connection', /^Live$/);
  for (const [index, bitrate] of BITRATES.entries()) {
    const to = index % 2 === 0 ? inner(2) : '10.66.66.3';
    const udp = ['--udp', '--length', '1200', '--time', String(SECONDS)];
    const flow = one.try(['iperf3', '--client', to, ...udp, '--bitrate', bitrate], { timeoutMs: 60_000 });
    await three.try(['iperf3', '--client', inner(1), ...udp, '--bitrate', BITRATES.at(-1 - index)!], {
      timeoutMs: 60_000,
    });
    if (index < BITRATES.length - 1) await flow;
    else await Promise.race([flow, sleep(SECONDS * 500)]);
  }
  const last = one.try(
    ['iperf3', '--client', inner(2), '--udp', '--length', '1200', '--time', '12', '--bitrate', '9M'],
    {
      timeoutMs: 60_000,
    },
  );
  await sleep(8000);
  await page.screenshot({ path: FILE });
  await last;
  await browser.close();
  process.stdout.write(`${FILE}: ${((await stat(FILE)).size / 1000).toFixed(0)} kB\n`);
} finally {
  await lab.close();
}
