/**
 * The shape of a configuration file: which keys there are and what each takes. The JSON Schema that editors use is made
 * from it (schema.ts), so the two cannot disagree. What values mean together is validate.ts's business.
 */
import * as z from 'zod';
import { LinkName } from '../control/link-name.js';
import { ENCAPS } from '../encapsulations.js';
import { PROTECTIONS } from '../link-protection.js';
import { nearestNames } from '../nearest-names.js';
import { VNI_MAX } from '../overlay-properties/overlay-properties.js';
import type { Path, Problems } from './problems.js';
import { describe, keyPlaceOf, placeOf, plain, type Value, valueAt } from './yaml.js';

/** The second half of a message: what would be right. */
const expecting = (words: string) => ({ error: () => words });

const A_MAPPING = expecting('a mapping');
const AN_ADDRESS = expecting('ADDRESS/LENGTH, as 10.55.55.2/24 or fd00::2/64');
const AN_OVERLAY = expecting('the name of an overlay of this file');
const A_PROTECTION = expecting(PROTECTIONS.join(', '));
const AN_ALLOWED_IP = expecting('ADDRESS or ADDRESS/LENGTH, as 10.55.55.2 or fd00::/64');
const A_VNI = expecting(`a whole number from 0 to ${VNI_MAX}`);

const OverlayShape = z.strictObject(
  {
    vni: z.number(A_VNI).int(A_VNI).min(0, A_VNI).max(VNI_MAX, A_VNI).describe('virtual network identifier'),
    encap: z
      .enum(ENCAPS, expecting(ENCAPS.join(' or ')))
      .default('vxlan')
      .describe('encapsulation'),
    search: z
      .string(expecting('the name or path of a search plugin'))
      .describe('search plugin: who knows where a MAC is. A relative path starts at the folder of the file'),
    properties: z
      .record(
        z.string(),
        z.union([z.string(), z.number(), z.boolean()], expecting('a text, a number, true or false')),
        A_MAPPING,
      )
      .nullish()
      .describe('properties of the overlay and of its search plugin'),
    targets: z
      .record(z.string(), z.string(expecting('IP:PORT, [IPV6]:PORT or drop')), A_MAPPING)
      .nullish()
      .describe('static targets: MAC to IP:PORT, [IPV6]:PORT or drop'),
  },
  A_MAPPING,
);

const limit = (what: string) =>
  z
    .union([z.number(), z.string()], expecting('a number, as 1500 or 100M'))
    .nullish()
    .describe(`${what}, as 1500, 20k or 100M (docs/rate-limits.md); else there is no limit`);

const VnicShape = z.strictObject(
  {
    overlay: z.string(AN_OVERLAY).nullish().describe('overlay it is on, declared in this file; a trunk has none'),
    trunk: z
      .record(z.string(), z.string(AN_OVERLAY), expecting('a mapping of VLANs to overlays, as {100: ov100}'))
      .nullish()
      .describe('overlays by the VLAN tag that their frames have on the interface; 0: no tag (docs/trunk.md)'),
    mac: z
      .string(expecting('a MAC address as text, in quotes if it is digits alone'))
      .describe('MAC of the interface; auto: one made of the names of overlay and VNIC, and of the machine'),
    netns: z
      .string(expecting('the name of a network namespace, or an absolute path'))
      .nullish()
      .describe('network namespace of the interface: a name of `ip netns` or an absolute path; else the daemon’s'),
    allow_any_mac: z
      .boolean(expecting('true or false'))
      .default(false)
      .describe('let other MACs send through it: a bridge with virtual machines behind'),
    addresses: z
      .array(z.string(AN_ADDRESS), expecting('a list of ADDRESS/LENGTH, as [10.55.55.2/24, fd00::2/64]'))
      .nullish()
      .describe('addresses of the interface, each with the length of its prefix: 10.55.55.2/24, fd00::2/64'),
    protection: z
      .array(z.enum(PROTECTIONS, A_PROTECTION), expecting(`a list of ${PROTECTIONS.join(', ')}`))
      .nullish()
      .describe('link protection: what its frames may not pretend (docs/link-protection.md)'),
    allowed_ips: z
      .array(z.string(AN_ALLOWED_IP), expecting('a list of ADDRESS or ADDRESS/LENGTH, as [10.55.55.2, fd00::/64]'))
      .nullish()
      .describe('what ip-nospoof lets it send from, beside its addresses: 10.55.55.2, 10.66.0.0/16'),
    rate_bps: limit('bits of frames that it may send a second'),
    rate_pps: limit('frames that it may send a second'),
    storm_pps: limit('broadcast and multicast frames that it may send a second'),
  },
  A_MAPPING,
);

export const FileShape = z.strictObject(
  {
    overlays: z.record(LinkName, OverlayShape, A_MAPPING).nullish().describe('overlays by name'),
    vnics: z.record(LinkName, VnicShape, A_MAPPING).nullish().describe('VNICs by name'),
  },
  expecting('a mapping of overlays and vnics'),
);

export type OverlayContent = z.infer<typeof OverlayShape>;
export type VnicContent = z.infer<typeof VnicShape>;

/** What a file says, by name. A field that is not of its shape is left out: the rest can still be looked at. */
export interface FileContent {
  readonly overlays: ReadonlyMap<string, Partial<OverlayContent>>;
  readonly vnics: ReadonlyMap<string, Partial<VnicContent>>;
}

/** Whatever is not of this shape is added to `problems`. */
export function contentOf(root: Value, problems: Problems): FileContent {
  const parsed = FileShape.safeParse(plain(root));
  const issues = parsed.success ? [] : parsed.error.issues;
  for (const issue of issues) addIssue(root, issue, problems);
  const wrong = new Set(issues.map(({ path }) => path.slice(0, 3).join('\0')));
  return {
    overlays: salvage(root, 'overlays', OverlayShape.shape, wrong),
    vnics: salvage(root, 'vnics', VnicShape.shape, wrong),
  };
}

function salvage<S extends z.ZodRawShape>(
  root: Value,
  kind: string,
  shape: S,
  wrong: ReadonlySet<string>,
): Map<string, Partial<z.infer<z.ZodObject<S>>>> {
  const all = valueAt(root, [kind]);
  const found = new Map<string, Partial<z.infer<z.ZodObject<S>>>>();
  for (const name of all?.kind === 'mapping' ? all.entries.keys() : []) {
    const fields = Object.entries(shape).flatMap(([key, field]) => {
      const path = [kind, name, key];
      const value = valueAt(root, path);
      // an unknown key is wrong too, but has no field
      return wrong.has(path.join('\0')) ? [] : [[key, z.safeParse(field, value && plain(value)).data]];
    });
    found.set(name, Object.fromEntries(fields) as Partial<z.infer<z.ZodObject<S>>>);
  }
  return found;
}

function addIssue(root: Value, issue: z.core.$ZodIssue, problems: Problems): void {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) addUnknownKey(root, [...path, key], problems);
  } else if (issue.code === 'invalid_key') {
    problems.add(keyPlaceOf(root, path), path, 'is no name: expected 1 to 15 of A-Z a-z 0-9 _ . -');
  } else {
    problems.add(placeOf(root, path), path, `${describe(valueAt(root, path))}: expected ${issue.message}`);
  }
}

const KEYS: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(FileShape.shape),
  overlays: Object.keys(OverlayShape.shape),
  vnics: Object.keys(VnicShape.shape),
};

function addUnknownKey(root: Value, path: Path, problems: Problems): void {
  const key = path.at(-1) as string;
  const known = KEYS[path.length === 1 ? '' : (path[0] as string)] as readonly string[];
  const near = nearestNames(key, known);
  const right = near.length > 0 ? `did you mean ${near.join(' or ')}?` : `expected ${known.join(', ')}`;
  problems.add(keyPlaceOf(root, path), path, `is an unknown key: ${right}`);
}
