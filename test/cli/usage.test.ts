/** Every way to type a command wrongly: its one line on stderr, nothing on stdout, exit status 2 (1 for "not yet"). */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { outcomeOf, programAt, start, vxlaneAt } from './vxlane.js';

// Nobody answers there: a usage error is found before the daemon is asked.
const SOCKET = '/nonexistent/vxlane.sock';
const vxlane = vxlaneAt(SOCKET);
const program = programAt(SOCKET);

const CREATE = ['create-overlay', '-v', '23', '-e', 'vxlan', '-s', 'files'];

/** What was typed after `vxlane`, and the message without its prefix and its hint. */
const USAGE: [typed: string[], message: string][] = [
  [['show'], 'unknown command: show'],
  [['show-overlays'], 'unknown command: show-overlays: did you mean show-overlay?'],
  [['constructor'], 'unknown command: constructor'],
  [['--json'], 'unknown option: --json'],
  [['show-overlay', '--frobnicate'], 'unknown option: --frobnicate'],
  [['show-overlay', '-x', '--frobnicate=1'], 'unknown options: -x, --frobnicate'],
  [['show-overlay', '--no-json'], 'unknown option: --no-json'],
  [['show-overlay', '--__proto__', 'x'], 'unknown option: --___proto___'],
  [['show-overlay', '--json=yes'], 'option --json takes no value'],
  [['show-overlay', '-f', '-t'], 'options -f/--fma and -t/--target exclude each other: give one of them'],
  [['show-overlay', '--socket'], 'option --socket needs a value after it'],
  [['show-overlay', '--socket='], 'option --socket needs a value after it'],
  [['--socket', '/a', 'show-overlay', '--socket', '/b'], 'option --socket was given twice'],
  [
    ['show-overlay', '-o', 'LINK,COLOUR'],
    'unknown field "COLOUR": expected some of LINK,PROPERTY,PERM,REQ,VALUE,DEFAULT,POSSIBLE',
  ],
  [['show-overlay', '-f', '-o', 'PERM'], 'unknown field "PERM": expected some of LINK,STATUS,DETAILS,DECLARED'],
  [
    ['show-overlay', '-t', '-o', 'link,,age'],
    'unknown field "": expected some of LINK,TARGET,DESTINATION,SOURCE,AGE,IDLE',
  ],
  [['show-overlay', '--parsable'], '--parsable needs its fields named with -o, and not all of them by "all"'],
  [
    ['show-overlay', '--parsable', '-o', 'all'],
    '--parsable needs its fields named with -o, and not all of them by "all"',
  ],
  [['show-overlay', '--json', '-o', 'LINK'], 'options --json and -o/--output exclude each other: give one of them'],
  [['show-vnic', '--json', '--parsable'], 'options --json and --parsable exclude each other: give one of them'],

  [['create-overlay', '-e', 'vxlan', '-s', 'files', 'overlay0'], 'missing vnetid: give it as -v VNID'],
  [['create-overlay', '-v', '23', '-s', 'files', 'overlay0'], 'missing encapsulation: give it as -e ENCAP'],
  [['create-overlay', '-v', '23', '-e', 'vxlan', 'overlay0'], 'missing search plugin: give it as -s PLUGIN'],
  [CREATE, 'missing overlay name'],
  [[...CREATE, ''], 'missing overlay name'],
  [[...CREATE, 'overlay0', 'overlay1'], 'unexpected argument: "overlay1"'],
  [[...CREATE, '-v', '24', 'overlay0'], 'option -v/--vnetid was given twice'],
  [[...CREATE, '--vnetid=24', 'overlay0'], 'option -v/--vnetid was given twice'],
  [['create-overlay', '-v', '-e', 'vxlan', 'overlay0'], 'option -v/--vnetid needs a value after it'],
  ...['0x17', '1e3', '-1', '23.0', ' 23', '16777216', 'abc', '99999999999999999999'].map(
    (vnetid): [string[], string] => [
      ['create-overlay', '-v', vnetid, '-e', 'vxlan', '-s', 'files', 'overlay0'],
      `bad vnetid ${JSON.stringify(vnetid)}: expected a whole number from 0 to 16777215`,
    ],
  ),
  [[...CREATE, '-p', 'mtu', 'overlay0'], 'bad property "mtu": expected NAME=VALUE, as in mtu=1400'],
  [[...CREATE, '-p', 'mtu=', 'overlay0'], 'bad property "mtu=": expected NAME=VALUE, as in mtu=1400'],
  [[...CREATE, '-p', '=1400', 'overlay0'], 'bad property "=1400": expected NAME=VALUE, as in mtu=1400'],
  [[...CREATE, '-p', 'mtu=1400,mtu=1450', 'overlay0'], 'property mtu was given twice'],
  [[...CREATE, '-p', 'mtu=1400', '-p', 'mtu=1400', 'overlay0'], 'property mtu was given twice'],

  [['modify-overlay', '-f'], 'missing overlay name'],
  [
    ['modify-overlay', 'overlay0'],
    'nothing to modify: give -d MAC, -f, -s MAC=IP:PORT|drop, --search PLUGIN or -p NAME=VALUE',
  ],
  [
    ['modify-overlay', '-f', '-d', 'de:ad:be:ef:00:01', 'overlay0'],
    'options -d/--delete-entry and -f/--flush-table exclude each other: give one of them',
  ],
  [
    ['modify-overlay', '-f', '-p', 'mtu=1400', 'overlay0'],
    'options -f/--flush-table and --search or -p exclude each other: give one of them',
  ],
  [
    ['modify-overlay', '-d', 'de:ad:be:ef', 'overlay0'],
    'not a MAC address: "de:ad:be:ef" (expected six hexadecimal bytes, as in de:ad:be:ef:00:01)',
  ],
  [
    ['modify-overlay', '-s', 'files', 'overlay0'],
    'bad target "files": expected MAC=IP:PORT, MAC=[IPV6]:PORT or MAC=drop ' +
      '(to swap the search plugin: --search files)',
  ],
  [
    ['modify-overlay', '-s', 'nix=drop', 'overlay0'],
    'not a MAC address: "nix" (expected six hexadecimal bytes, as in de:ad:be:ef:00:01)',
  ],
  ...['10.0.0:1', '10.0.0.1:0', '10.0.0.1:65536', '[fd00::1]4789', ''].map((destination): [string[], string] => [
    ['modify-overlay', '-s', `de:ad:be:ef:00:01=${destination}`, 'overlay0'],
    `bad target "de:ad:be:ef:00:01=${destination}": expected MAC=IP:PORT, MAC=[IPV6]:PORT or MAC=drop`,
  ]),

  [['create-vnic', '-l', 'overlay0', 'foo0'], 'missing MAC address: give it as -m MAC'],
  [
    ['create-vnic', '-m', 'de:ad:be:ef:00:00', 'foo0'],
    'missing overlay: give it as -l OVERLAY, or --trunk VLAN=OVERLAY',
  ],
  [['create-vnic', '-m', 'de:ad:be:ef:00:00', '-l', 'overlay0'], 'missing VNIC name'],
  [
    ['create-vnic', '-m', '12', '-l', 'overlay0', 'foo0'],
    'not a MAC address: "12" (expected six hexadecimal bytes, as in de:ad:be:ef:00:01)',
  ],
  [['delete-vnic'], 'missing VNIC name'],
  [['delete-overlay'], 'missing overlay name'],
  [['lookup'], 'missing overlay name'],
  [['lookup', 'overlay0', 'nix'], 'bad address "nix": expected a MAC like de:ad:be:ef:00:01, or an IP address'],
  [['ping', 'overlay0', '10.0.0.1', '--all'], 'unexpected argument: "10.0.0.1"'],
  [['ping', 'overlay0', '-i', '1e3'], 'bad interval "1e3": expected seconds from 0 to 3600, as in 0.2'],
  [['ping', 'overlay0', '-W', '11'], 'bad timeout "11": expected seconds from 0.01 to 10, as in 0.2'],
  [['lookup', 'overlay0'], 'missing MAC or IP address'],
  [['show-stats', '--watch=abc'], 'bad interval "abc": expected seconds from 0.1 to 86400'],
  [['modify-overlay', '--search', 'csv.mjs', 'overlay0'], 'bad search plugin "csv.mjs": did you mean ./csv.mjs?'],
  [['show-stats', '--watch=0'], 'bad interval "0": expected seconds from 0.1 to 86400'],
  [['top', '--interval', '1s'], 'bad interval "1s": expected seconds from 0.1 to 86400'],
  [['top', '--json'], 'option --json is for --once: give both, or neither'],
  [
    ['top', '--view', 'drops', '--sort', 'tx/s'],
    'unknown field "tx/s": expected some of DROPPED,FRAMES/S,TOTAL,BECAUSE',
  ],
  [['show-stats', '--watch', '1', '--watch', '2'], 'option --watch was given twice'],

  [['daemon', '--workers', '0'], 'bad number of workers "0": expected a whole number from 1 to 16'],
  [['daemon', '--engine', 'dpdk'], 'bad engine "dpdk": expected one of auto, uring, mmsg'],
  [['daemon', '--fdb-size', '15'], 'bad FDB size "15": expected a whole number from 16 to 16777216'],
  [['daemon', '--busy-poll', '1001'], 'bad busy-poll time "1001": expected a whole number from 0 to 1000'],
  ...['0,', '3-1', '0-9999', 'all'].map((list): [string[], string] => [
    ['daemon', '--cpus', list],
    `bad processors ${JSON.stringify(list)}: expected numbers and ranges, as in 0,2-5`,
  ]),
  [['daemon', '--check'], 'missing configuration file: give it as --config FILE'],
  [['daemon', '--deep', '--config', '/x'], 'missing check: give it as --check --deep --config FILE'],
  [['log-level', 'loud'], 'bad log level "loud": expected one of debug, info, warn, error, fatal'],
  [['completion'], 'missing shell'],
  [['completion', 'csh'], 'bad shell "csh": expected one of bash, zsh, fish'],
  [['daemon', 'now'], 'unexpected argument: "now"'],
];

const NO_DAEMON: [typed: string[], message: string][] = [
  [
    ['show-overlay'],
    'no vxlane daemon answers on /nonexistent/vxlane.sock ' +
      '(start one with "vxlane daemon", or name its socket with --socket)',
  ],
];

describe('usage errors', { concurrency: 3 }, () => {
  for (const [typed, message] of USAGE) {
    test(`vxlane ${typed.join(' ')}`, async () => {
      const command = typed.find((word) => /^[a-z]+(-[a-z]+)?$/.test(word));
      const help = message.startsWith('unknown command') || command === undefined ? '' : `${command} `;
      const run = typed[0] === 'daemon' ? program : vxlane; // should it start, it is its own process
      const { status, stdout, stderr } = await run(...typed);
      const said = typed.includes('--json') ? `vxlane: ${JSON.parse(stderr).error.message}\n` : stderr;
      assert.deepEqual([status, stdout, said], [2, '', `vxlane: ${message} (see "vxlane ${help}--help")\n`]);
    });
  }
});

test('VXLANE_LOG_LEVEL that is no level', async () => {
  const { status, stderr } = await outcomeOf(start(['daemon'], { VXLANE_LOG_LEVEL: 'verbose' }));
  const expected = 'vxlane: bad VXLANE_LOG_LEVEL "verbose": expected one of debug, info, warn, error, fatal';
  assert.deepEqual([status, stderr], [2, `${expected} (see "vxlane daemon --help")\n`]);
});

test('a group that this host does not have', async () => {
  const { status, stdout, stderr } = await program('daemon', '--group', 'no-such-group');
  const expected = 'vxlane: no such group: no-such-group; --group wants one of "getent group", or a number\n';
  assert.deepEqual([status, stdout, stderr], [1, '', expected]);
});

describe('without a daemon', { concurrency: 3 }, () => {
  for (const [typed, message] of NO_DAEMON) {
    test(`vxlane ${typed.join(' ')}`, async () => {
      assert.deepEqual(await program(...typed), { status: 4, stdout: '', stderr: `vxlane: ${message}\n` });
    });
  }
});
