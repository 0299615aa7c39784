/** What a plugin says of itself, checked: its property table decides what operators may type. */
import * as z from 'zod';
import { messageOf } from '../../errors.js';
import type { PropertySpec } from '../api.js';
import { specProblem } from '../props.js';
import type { OpenChannel } from './channel.js';
import type { Deadlines } from './deadlines.js';
import type { Manifest } from './messages.js';
import type { Confinement } from './placement.js';
import { Spare } from './spare.js';

/** A module is imported and says what it is within this time. */
const DESCRIBE_DEADLINE_MS = 10_000;
const WATCH_EVERY_MS = 100;

const Value = z.union([z.number(), z.string()]);
const Property = z
  .strictObject({
    name: z.string().regex(/^[a-z0-9-]+\/[a-z0-9_-]+$/, 'expected NAME/PROPERTY in lower case'),
    type: z.enum(['int', 'uint', 'ip', 'string', 'secret']),
    required: z.boolean(),
    default: Value.optional(),
    range: z.tuple([z.number(), z.number()]).optional(),
    values: z.array(z.string()).optional(),
    path: z.boolean().optional(),
    maxBytes: z.number().int().min(1).max(65_536).optional(),
    mutable: z.boolean().optional(),
    isTunnelPort: z.boolean().optional(),
    help: z.string().regex(/^.+$/, 'expected one line'),
  })
  .superRefine((spec, problems) => {
    const message = specProblem(spec as PropertySpec);
    if (message !== null) problems.addIssue({ code: 'custom', message });
  });
const ManifestShape = z
  .object({
    name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'expected lower-case letters, digits and hyphens, at most 32'),
    mode: z.enum(['point', 'dynamic']),
    properties: z.array(Property),
    encapsulations: z.array(z.string()).optional(),
  })
  .superRefine(({ name, properties }, problems) => {
    for (const [index, property] of properties.entries()) {
      const path = ['properties', index, 'name'];
      if (!property.name.startsWith(`${name}/`)) problems.addIssue({ code: 'custom', path, message: `not ${name}/…` });
      if (properties.findIndex((other) => other.name === property.name) < index) {
        problems.addIssue({ code: 'custom', path, message: `${property.name} is there twice` });
      }
    }
  });

/** Frozen. Throws an Error that names every field that is wrong. */
export function checkManifest(value: unknown): Manifest {
  const parsed = ManifestShape.safeParse(value);
  if (parsed.success) return Object.freeze(parsed.data) as Manifest;
  throw new Error(parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; '));
}

/**
 * Asks the plugin behind a new channel what it is, and keeps the channel as a spare one, for the caller to close.
 * Throws an Error that says why not. The channel is watched here, because a module may loop or take memory while it is
 * imported.
 */
export async function describePlugin(
  open: OpenChannel,
  confinement: Confinement,
  deadlines: Deadlines,
): Promise<{ readonly manifest: Manifest; readonly spare: Spare }> {
  const spare = new Spare(open, confinement);
  const { channel } = spare;
  const asked = new Promise<unknown>((resolve, reject) => {
    spare.listener = {
      said(parcel) {
        for (const said of parcel) {
          if (said.kind === 'answer') resolve(said.value);
          else if (said.kind === 'fault') reject(new Error(said.words));
        }
      },
      ended: (reason) => reject(new Error(`it ${reason}`)),
    };
  });
  channel.send({ kind: 'ask', id: 0, question: 'describe', args: [] });
  const watch = setInterval(() => channel.watch(performance.now()), WATCH_EVERY_MS);
  try {
    const answer = await deadlines.within(DESCRIBE_DEADLINE_MS, 'describe', asked);
    return { manifest: checkManifest(answer), spare };
  } catch (thrown) {
    await channel.close();
    throw new Error(messageOf(thrown), { cause: thrown });
  } finally {
    clearInterval(watch);
  }
}
