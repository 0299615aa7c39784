/** Help and version. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { programAt, vxlaneAt } from './vxlane.js';

const NOBODY = '/nonexistent/vxlane.sock';
const vxlane = vxlaneAt(NOBODY);
const program = programAt(NOBODY);

describe('help', { concurrency: 3 }, () => {
  test('vxlane alone prints the commands, each with its sentence', async () => {
    const { status, stdout, stderr } = await program();
    assert.deepEqual([status, stderr], [0, '']);
    for (const [name, load] of Object.entries(COMMANDS)) {
      const command = await load();
      assert.equal(command.name, name);
      // Sentences wrap: their first words stand on the command's line.
      const start = command.sentence.split(' ').slice(0, 4).join(' ');
      assert.match(stdout, new RegExp(`^ {2}vxlane ${name} +${start.replaceAll(/[()]/g, '\\$&')}`, 'm'));
    }
    assert.equal((await vxlane('--help')).stdout, stdout);
  });

  test('--help of a command wins over what is missing', async () => {
    const { status, stdout } = await vxlane('create-vnic', '--help');
    assert.equal(status, 0);
    assert.equal(
      stdout,
      `Usage: vxlane create-vnic [options] NAME

Create a VNIC: a TAP interface with a MAC on an overlay, up and ready for addresses, or with them.

Options:
  -m, --mac            MAC: its MAC address; auto: one that this machine always gives to that name
                       on that overlay; required
  -l, --link           OVERLAY: its overlay; required, unless there is --trunk
      --trunk          VLAN=OVERLAY: make a VNIC NAME.VLAN on each overlay, for its frames with that
                       tag (0: none); repeatable, or with commas
  -n, --netns          NETNS: network namespace of the interface: a name of \`ip netns\`, or a path
                       (default: the daemon's)
  -a, --address        ADDR/LEN: address of the interface, as 10.55.55.2/24; repeatable, or with
                       commas between
      --allow-any-mac  let other MACs send through it: a bridge with virtual machines behind
      --protection     KIND: link protection: mac-nospoof, ip-nospoof, dhcp-nospoof, ra-guard,
                       restricted; repeatable, or with commas between
      --allowed-ips    ADDR[/LEN]: what ip-nospoof allows beside the addresses of -a; repeatable, or
                       with commas between
      --rate-bps       BITS: bits of frames that it may send a second, as 100M; none: no limit
      --rate-pps       FRAMES: frames that it may send a second, as 20k; none: no limit
      --storm-pps      FRAMES: broadcast and multicast frames that it may send a second; none: no
                       limit
      --adopt          take the TAP of that name that is there, with its addresses, and make none
  -t, --temporary      do not keep it over a restart of the daemon
      --json           print JSON
      --socket         PATH: control socket of the daemon (or VXLANE_SOCKET; default
                       /run/vxlane/vxlane.sock)
  -h, --help           show help
      --version        show the version

Examples:
  vxlane create-vnic -m de:ad:be:ef:00:00 -l overlay0 -a 10.55.55.2/24 foo0
`,
    );
  });

  test('no option of any command is said to be a boolean', async () => {
    for (const name of Object.keys(COMMANDS)) {
      const { stdout } = await vxlane(...name.split(' '), '--help');
      assert.doesNotMatch(stdout, /\[boolean\]/, name);
    }
  });

  test('docs/cli.md shows every command and names every option of the daemon', async () => {
    const text = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
    for (const name of Object.keys(COMMANDS))
      assert.match(text, new RegExp(`^#.*vxlane.* ${name}\\b|^#.*, ${name}\\b`, 'm'));
    const { options } = await COMMANDS.daemon!();
    for (const name of Object.keys(options)) assert.ok(text.includes(`\`--${name} `), name);
  });

  test('--version prints the version of package.json', async () => {
    const manifest = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
    assert.equal((await program('--version')).stdout, `${manifest.version}\n`);
  });
});
