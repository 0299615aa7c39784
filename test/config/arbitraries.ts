/** Random models that are right: names, VNIs and MACs from small pools, so that they move between objects. */
import fc from 'fast-check';
import type { Model, OverlayModel, VnicModel } from '../../src/config/model.js';
import { PROTECTIONS } from '../../src/link-protection.js';
import type { Target } from '../../src/search/api.js';

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const MACS = ['02:00:00:00:00:01', '02:00:00:00:00:02', '02:00:00:00:00:03'];
/** To be completed with a number for each VNIC: no two have one. */
const ADDRESSES = ['10.55.55.', '10.55.56.'];

/** A property that is there, with its value, or not. */
const maybe = (name: string, ...values: string[]) =>
  fc.constantFrom(null, ...values).map((value): Record<string, string> => (value === null ? {} : { [name]: value }));

const general = fc
  .tuple(
    fc.constantFrom('10.0.0.1', '10.0.0.2').map((ip) => ({ 'vxlan/listen_ip': ip })),
    maybe('mtu', '1400', '1300'),
    maybe('vlan', 'pass', 'strip'),
    maybe('vxlan/source_ports', '16', '1'),
  )
  .map((parts): Record<string, string> => Object.assign({}, ...parts));

const search = fc.oneof(
  fc.constantFrom('/x.json', '/y.json').map((path) => ({ search: 'files', own: { 'files/config': path } })),
  fc
    .tuple(fc.constantFrom('10.0.0.8', '10.0.0.9'), maybe('direct/dest_port', '4789', '4790'))
    .map(([ip, port]) => ({ search: 'direct', own: { 'direct/dest_ip': ip, ...port } })),
);

function overlay(name: string, vni: number): fc.Arbitrary<OverlayModel> {
  const targets = fc.uniqueArray(
    fc.tuple(fc.constantFrom(...MACS), fc.constantFrom<Target>('drop', { ip: '10.0.0.7', port: 4789 })),
    {
      selector: ([mac]) => mac,
    },
  );
  return fc.tuple(general, search, targets).map(([properties, { search: plugin, own }, entries]) => ({
    name,
    vni,
    encap: 'vxlan',
    search: plugin,
    properties: { ...properties, ...own },
    targets: new Map(entries),
  }));
}

function vnic(name: string, overlays: readonly string[]): fc.Arbitrary<VnicModel> {
  const fields = {
    name: fc.constant(name),
    overlay: fc.constantFrom(...overlays),
    mac: fc.constantFrom(...MACS),
    netns: fc.constantFrom(null, 'blue'),
    allowAnyMac: fc.boolean(),
    addresses: fc.subarray(ADDRESSES.map((address) => `${address}${name.charCodeAt(0)}/24`)),
    // with ip-nospoof there is always something to allow
    protection: fc.subarray(PROTECTIONS.filter((each) => each !== 'ip-nospoof')),
    rateBps: fc.constantFrom(null, 8000),
    ratePps: fc.constantFrom(null, 5),
    stormPps: fc.constant(null),
    allowedIps: fc.subarray(['10.9.0.0/16', 'fd09::1']),
  };
  return fc.record(fields, { noNullPrototype: true }).map((each) => ({
    ...each,
    protection: PROTECTIONS.filter((kind) =>
      kind === 'ip-nospoof'
        ? each.allowedIps.length > 0
        : each.protection.includes(kind) && !(kind === 'mac-nospoof' && each.allowAnyMac),
    ),
  }));
}

/** Names of overlays and VNICs apart, each VNI once, each MAC once an overlay. */
export const models: fc.Arbitrary<Model> = fc
  .tuple(fc.shuffledSubarray(NAMES), fc.nat({ max: 3 }), fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 6 }))
  .chain(([names, count, vnis]) => {
    const overlayNames = names.slice(0, count);
    const vnicNames = overlayNames.length === 0 ? [] : names.slice(count);
    return fc.tuple(
      fc.tuple(...overlayNames.map((name, index) => overlay(name, vnis[index] as number))),
      fc.tuple(...vnicNames.map((name) => vnic(name, overlayNames))),
    );
  })
  .map(([overlays, vnics]) => {
    const places = new Set<string>();
    const fitting = vnics.filter((each) => {
      const isFree = !places.has(`${each.overlay} ${each.mac}`);
      places.add(`${each.overlay} ${each.mac}`);
      return isFree;
    });
    return {
      overlays: new Map(overlays.map((each) => [each.name, each])),
      vnics: new Map(fitting.map((each) => [each.name, each])),
    };
  });
