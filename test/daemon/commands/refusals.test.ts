// The same mistake by a command, in a configuration file and in what was kept: refused by all three, in the same words.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stringify } from 'yaml';
import { ConfigFile } from '../../../src/daemon/config-file/config-file.js';
import { STATE_VERSION } from '../../../src/daemon/state/stored.js';
import { ConfigurationRefused } from '../../../src/errors.js';
import { Deadlines } from '../../../src/search/host/deadlines.js';
import { freePort } from '../../support/ports.js';
import { StateDirectory, startDaemon } from '../running.js';

const MAC = 'de:ad:be:ef:00:01';
const OTHER_MAC = 'de:ad:be:ef:00:02';
const PORT = freePort();

interface TestOverlay {
  readonly vni: number;
  readonly search?: string;
  readonly targets?: Readonly<Record<string, string>>;
}

interface TestVnic {
  readonly mac: string;
  readonly allowAnyMac?: boolean;
}

/** What is wanted, in order; the last is the mistake. */
interface Wanted {
  readonly overlays: Readonly<Record<string, TestOverlay>>;
  readonly vnics?: Readonly<Record<string, TestVnic>>;
}

const propertiesOf = ({ search = 'files' }: TestOverlay): Record<string, string> => ({
  'vxlan/listen_ip': '127.0.0.1',
  'vxlan/listen_port': String(PORT),
  ...(search === 'files' ? { 'files/config': '/nowhere/hosts.json' } : { 'direct/dest_ip': '127.0.0.9' }),
});

/** What is there before the mistake, and the mistake, whose command does nothing else. */
const CASES: readonly [what: string, wanted: Wanted, words: string][] = [
  [
    'a VNI that is taken',
    { overlays: { a: { vni: 7 }, b: { vni: 7 } } },
    'virtual network id 7 is in use by overlay a: choose another',
  ],
  [
    'a MAC that is taken',
    { overlays: { a: { vni: 7 } }, vnics: { v: { mac: MAC }, w: { mac: MAC } } },
    `${MAC} is that of VNIC v: choose another`,
  ],
  [
    'the MAC of a group for a VNIC',
    { overlays: { a: { vni: 7 } }, vnics: { v: { mac: '01:00:5e:00:00:01' } } },
    '01:00:5e:00:00:01 cannot be the MAC of a VNIC: expected a unicast address that is not zero',
  ],
  [
    'any MAC a second time',
    {
      overlays: { a: { vni: 7 } },
      vnics: { v: { mac: MAC, allowAnyMac: true }, w: { mac: OTHER_MAC, allowAnyMac: true } },
    },
    'VNIC v takes any MAC on overlay a already: only one VNIC of an overlay may',
  ],
  [
    'a target that is no place',
    { overlays: { a: { vni: 7, targets: { [MAC]: 'nowhere' } } } },
    'bad destination "nowhere": expected drop, IP:PORT or [IPV6]:PORT, as in 10.88.88.70:4789',
  ],
  [
    'a target that is no host',
    { overlays: { a: { vni: 7, targets: { [MAC]: '239.1.1.1:4789' } } } },
    'bad destination "239.1.1.1:4789": expected drop, IP:PORT or [IPV6]:PORT, as in 10.88.88.70:4789',
  ],
  [
    'a target of the other family',
    { overlays: { a: { vni: 7, targets: { [MAC]: '[fd00::1]:4789' } } } },
    '[fd00::1]:4789 cannot be reached from 127.0.0.1: one is IPv4, the other IPv6',
  ],
  [
    'a target for a group',
    { overlays: { a: { vni: 7, targets: { 'ff:ff:ff:ff:ff:ff': 'drop' } } } },
    'ff:ff:ff:ff:ff:ff is not the MAC of one host: a target needs a unicast MAC',
  ],
  [
    'a target for no MAC',
    { overlays: { a: { vni: 7, targets: { nix: 'drop' } } } },
    'not a MAC address: "nix" (expected six hexadecimal bytes, as in de:ad:be:ef:00:01)',
  ],
  [
    'a target beside the one destination of a plugin',
    { overlays: { a: { vni: 7, search: 'direct', targets: { [MAC]: 'drop' } } } },
    'search plugin direct has one destination for every MAC, which its properties say: it takes no targets',
  ],
];

/** Objects as they were kept, in a state directory of their own. */
function keep(directory: StateDirectory, { overlays, vnics = {} }: Wanted): void {
  for (const kind of ['overlays', 'vnics']) mkdirSync(join(directory.path, kind), { recursive: true });
  for (const [name, each] of Object.entries(overlays)) {
    const { vni, search = 'files', targets = {} } = each;
    const stored = {
      version: STATE_VERSION,
      name,
      vni,
      encap: 'vxlan',
      search,
      properties: propertiesOf(each),
      targets,
    };
    writeFileSync(directory.file('overlays', name), JSON.stringify(stored));
  }
  for (const [name, { mac, allowAnyMac = false }] of Object.entries(vnics)) {
    const stored = { version: STATE_VERSION, name, overlay: 'a', mac, netns: '/nowhere', allowAnyMac };
    writeFileSync(directory.file('vnics', name), JSON.stringify(stored));
  }
}

/** All but the mistake: the last target if there is one, else the last VNIC, else the last overlay. */
function withoutLast({ overlays, vnics }: Wanted): Wanted {
  const butLast = <T>(record: Readonly<Record<string, T>>) => Object.fromEntries(Object.entries(record).slice(0, -1));
  if (vnics !== undefined) return { overlays, vnics: butLast(vnics) };
  const hasTargets = Object.values(overlays).some(({ targets }) => targets !== undefined);
  if (!hasTargets) return { overlays: butLast(overlays) };
  return {
    overlays: Object.fromEntries(Object.entries(overlays).map(([name, { targets: _, ...each }]) => [name, each])),
  };
}

describe('refused in the same words', () => {
  let directory: StateDirectory;
  before(() => {
    directory = new StateDirectory();
  });
  after(() => directory.delete());

  /** A daemon that starts with this kept. */
  async function withKept<T>(kept: Wanted, action: (running: Awaited<ReturnType<typeof startDaemon>>) => Promise<T>) {
    for (const kind of ['overlays', 'vnics']) rmSync(join(directory.path, kind), { recursive: true, force: true });
    keep(directory, kept);
    const running = await startDaemon(directory.path);
    try {
      return await action(running);
    } finally {
      await running.stop();
    }
  }

  it('by modify-overlay -p: what an overlay is', () =>
    withKept({ overlays: { a: { vni: 7 } } }, async ({ daemon }) => {
      const words: Readonly<Record<string, string>> = {
        vnetid: 'vnetid cannot change while the overlay exists: delete and create it anew',
        encap: 'encap cannot change while the overlay exists: delete and create it anew',
        search: 'search is no property that can be set: swap the plugin with modify-overlay --search PLUGIN',
      };
      for (const [property, message] of Object.entries(words)) {
        await assert.rejects(daemon.modifyOverlay('a', { properties: { [property]: '24' } }), { message });
      }
    }));

  for (const [what, wanted, words] of CASES) {
    it(`by a command: ${what}`, () =>
      withKept(withoutLast(wanted), async ({ daemon, log }) => {
        assert.deepEqual(
          log.lines.filter((line) => line.startsWith('error')),
          [],
          'all else is right',
        );
        const { overlays, vnics } = wanted;
        const [name, overlay] = Object.entries(overlays).at(-1)!;
        const [vnic] = Object.entries(vnics ?? {}).slice(-1);
        const [target] = Object.entries(overlay.targets ?? {}).slice(-1);
        const command = async () => {
          if (vnic !== undefined) {
            const { mac, allowAnyMac = false } = vnic[1];
            await daemon.createVnic({ name: vnic[0], overlay: 'a', mac, allowAnyMac, temporary: false });
          } else if (target !== undefined) await daemon.setTarget(name, target[0], { destination: target[1] });
          else {
            const { vni, search = 'files' } = overlay;
            const properties = propertiesOf(overlay);
            await daemon.createOverlay({ name, encap: 'vxlan', vni, search, properties, temporary: false });
          }
        };
        await assert.rejects(command, { name: 'VxlaneError', message: words });
      }));

    it(`in a file: ${what}`, async () => {
      const { overlays, vnics = {} } = wanted;
      const file = join(directory.path, 'vxlane.yaml');
      const text = stringify({
        overlays: Object.fromEntries(
          Object.entries(overlays).map(([name, each]) => {
            const { vni, search = 'files', targets } = each;
            return [name, { vni, search, properties: propertiesOf(each), ...(targets && { targets }) }];
          }),
        ),
        vnics: Object.fromEntries(
          Object.entries(vnics).map(([name, { mac, allowAnyMac = false }]) => [
            name,
            { overlay: 'a', mac, allow_any_mac: allowAnyMac },
          ]),
        ),
      });
      writeFileSync(file, text);
      const refused = await new ConfigFile(file).check(new Deadlines(() => performance.now())).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      assert(refused instanceof ConfigurationRefused);
      assert.equal(refused.problems.length, 1);
      // of its own it says where the mistake stands, and where the other object does
      const problem = refused.problems[0]!.replace(/ \(line \d+\)/, '');
      assert(problem.endsWith(`: ${words}`), problem);
    });

    it(`in what was kept: ${what}`, () =>
      withKept(wanted, async ({ log }) => {
        const reasons = log.fields.filter(({ message }) => message.startsWith('a state file cannot be used'));
        assert.deepEqual(
          reasons.map(({ fields }) => (fields as { reason?: string }).reason),
          [words],
        );
      }));
  }
});
