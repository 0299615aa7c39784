/** What is in a state file: its version, its fields and its checksum. docs/state.md tells operators. */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import { LinkName } from '../../control/link-name.js';
import { ENCAPS } from '../../encapsulations.js';
import { messageOf } from '../../errors.js';
import { VNI_MAX } from '../../overlay-properties/overlay-properties.js';

/**
 * Raised when a field comes or goes, or its meaning changes; the oldest that can be read is 1. A file says the least
 * version that has all its fields, so that after a downgrade only what needs the newer one is not loaded:
 * 2: VNICs have addresses; 3: VNICs have link protection, and rate limits; 4: VNICs share an interface.
 */
export const STATE_VERSION = 4;
const version = z.literal([1, 2, 3, 4]);

// Types only: what the values may be is said once, for commands and files too (src/config/rules.ts).

/** A configuration file declares the object. */
const declared = z.literal(true).optional();

export const StoredOverlay = z.strictObject({
  version,
  name: LinkName,
  vni: z.number().int().min(0).max(VNI_MAX),
  encap: z.enum(ENCAPS),
  search: z.string(),
  /** What the operator gave, not the defaults: those may depend on the underlay. */
  properties: z.record(z.string(), z.string()),
  /** Static targets. */
  targets: z.record(z.string(), z.string()),
  declared,
});
export type StoredOverlay = z.infer<typeof StoredOverlay>;

const trunk = z.strictObject({ name: LinkName, vlan: z.number().int().min(0).max(4094) });

export const StoredVnic = z.strictObject({
  version,
  name: LinkName,
  overlay: LinkName,
  mac: z.string(),
  netns: z.string().nullable(),
  allowAnyMac: z.boolean(),
  /** The MTU that the interface was given last: one that is less is the operator's. */
  mtuGiven: z.number().int().optional(),
  /** Given to the interface. */
  addresses: z.array(z.string()).optional(),
  /** Those of the VNIC's that are, or may be, on the interface; absent: all that are given. */
  addressesPut: z.array(z.string()).optional(),
  /** Link protection; absent: none. */
  protection: z.array(z.string()).optional(),
  allowedIps: z.array(z.string()).optional(),
  /** Rate limits; null, or absent: none. */
  rateBps: z.number().nullish(),
  ratePps: z.number().nullish(),
  stormPps: z.number().nullish(),
  /** It shares its interface; absent: it does not. */
  trunk: trunk.optional(),
  declared,
});
export type StoredVnic = z.infer<typeof StoredVnic>;

/** What an object says of itself that has a meaning whatever is wrong with the rest, and in every version. */
const Facts = z
  .object({
    vni: StoredOverlay.shape.vni.optional().catch(undefined),
    encap: z.string().optional().catch(undefined),
    search: z.string().optional().catch(undefined),
    overlay: LinkName.optional().catch(undefined),
    mac: z.string().optional().catch(undefined),
    netns: z.string().nullish().catch(undefined),
    allowAnyMac: z.boolean().optional().catch(undefined),
    trunk: trunk.optional().catch(undefined),
    addresses: z.array(z.string()).optional().catch(undefined),
    protection: z.array(z.string()).optional().catch(undefined),
    allowedIps: z.array(z.string()).optional().catch(undefined),
    rateBps: z.number().nullish().catch(undefined),
    ratePps: z.number().nullish().catch(undefined),
    stormPps: z.number().nullish().catch(undefined),
  })
  .catch({});
export type Facts = z.infer<typeof Facts>;

/** The checksum first: without its line the text is JSON still. */
export function textOf(value: object): string {
  return `${JSON.stringify({ checksum: checksumOf(value), ...value }, null, 2)}\n`;
}

/** The object, or why it cannot be used, in words for the operator. `name`: of the file. */
export function parseStored<T extends { readonly name: string }>(
  schema: z.ZodType<T>,
  name: string,
  text: string,
): { readonly value: T } | { readonly reason: string } {
  try {
    const { checksum, ...content } = objectIn(text);
    const { version } = content;
    if (typeof version === 'number' && version > STATE_VERSION) {
      throw new Error(
        `it is of version ${version}, and this vxlane reads versions 1 to ${STATE_VERSION}: upgrade vxlane`,
      );
    }
    // Whoever edits a file takes it out, and says so by that.
    if (checksum !== undefined && checksum !== checksumOf(content)) {
      throw new Error('it is not as it was written (if you edited it, remove its line "checksum"; then vxlane reload)');
    }
    const parsed = schema.safeParse(content);
    if (!parsed.success) throw new Error(parsed.error.issues.map(wordsOf).join('; '));
    if (parsed.data.name !== name) throw new Error(`it says that it is ${parsed.data.name}`);
    return { value: parsed.data };
  } catch (thrown) {
    return { reason: messageOf(thrown) };
  }
}

/** Of whatever is in a file. */
export function factsIn(text: string): Facts {
  try {
    return Facts.parse(objectIn(text));
  } catch {
    return {};
  }
}

/** Its last line is a brace and nothing else, or what became of that when a bit flipped. */
const HAS_END = /\n\S\s*$/;
/** As somebody writes it who edits a file. */
const IS_ONE_LINE = /^\{[^\n]*\}\s*$/;

/**
 * Whether it is cut off, or empty: the object cannot be known by what is left. What has its end is not, however
 * damaged: a human may read there what the object had.
 */
export function isTorn(text: string): boolean {
  return !HAS_END.test(text) && !IS_ONE_LINE.test(text);
}

function objectIn(text: string): Record<string, unknown> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (thrown) {
    const what = isTorn(text) ? 'it is no JSON, or cut off' : 'it is damaged, and no JSON any more';
    throw new Error(`${what}: ${messageOf(thrown)}`);
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new Error('it is no object');
  return content as Record<string, unknown>;
}

function wordsOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'unrecognized_keys') return `${issue.path.join('.')}: ${issue.message}`;
  return `it has keys that this vxlane does not know: ${issue.keys.join(', ')}`;
}

/** Of what is said, not of how it is laid out. */
function checksumOf(content: object): string {
  return createHash('sha256').update(JSON.stringify(content)).digest('hex');
}
