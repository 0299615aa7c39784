/** What the daemon shows of its objects, as replies of the control API. `id`: its name in docs/openapi.json. */
import * as z from 'zod';

export const Health = z.enum(['ONLINE', 'DEGRADED']);
export const vni = z
  .int()
  .nullable()
  .describe('null: it is kept, but not loaded, and this cannot be read; texts are empty then.');
export const details = z
  .string()
  .describe('The reason of DEGRADED, else empty. `not loaded: FILE: WHY`: it is kept, and cannot be used.');
const declared = z
  .string()
  .nullable()
  .describe('Where the configuration file declares it, FILE:LINE; null: a command made it.');
const mac = z.string().describe('Six bytes, lower case, with colons between.');
const destination = z.string().describe('`IP:PORT`, `[IP6]:PORT`, `drop`, or `vnic NAME`.');
const source = z
  .string()
  .describe(
    "Who said so: `static`, `vnic`, `learned`, the plugin's name; `stale`: the plugin, before a restart, and it " +
      'has not been asked since.',
  );
export const seconds = z.int().min(0);

export const PropertyView = z
  .strictObject({
    name: z.string(),
    perm: z.enum(['rw', 'r-']).describe('`rw`: may change while the overlay exists.'),
    required: z.boolean(),
    value: z.string().nullable().describe('null: not set. A secret shows as `********`.'),
    default: z.string().nullable(),
    possible: z.string().describe('`576-8900`, `pass,strip,discard`, or empty.'),
  })
  .meta({ id: 'PropertyView' });
export type PropertyView = z.infer<typeof PropertyView>;

export const OverlayView = z
  .strictObject({
    name: z.string(),
    vni,
    encap: z.string(),
    search: z.string().describe('Name, path or package of the search plugin.'),
    temporary: z.boolean(),
    status: Health,
    details,
    declared,
    properties: z.array(PropertyView),
  })
  .meta({ id: 'OverlayView' });
export type OverlayView = z.infer<typeof OverlayView>;

export const TargetView = z
  .strictObject({
    mac: z.string().describe("Canonical MAC, or `*:*:*:*:*:*` for a point plugin's one destination."),
    destination,
    source,
    ageSeconds: seconds.describe('Since it was said.'),
    idleSeconds: seconds.nullable().describe('Since a frame last used it; null: never.'),
  })
  .meta({ id: 'TargetView' });
export type TargetView = z.infer<typeof TargetView>;

/** One that stays is on one page of a walk, whatever else comes and goes meanwhile. */
export const TargetPage = z
  .strictObject({
    targets: z.array(TargetView),
    next: z
      .string()
      .nullable()
      .describe(
        'What to ask for as `after` to get the next page; null: there is none. A page may be short, and not the last.',
      ),
  })
  .meta({ id: 'TargetPage' });
export type TargetPage = z.infer<typeof TargetPage>;

/** A learned MAC that has moved of late, as `flood/move_window` has it. */
export const MoveView = z
  .strictObject({
    mac,
    destination: z.string().describe('Where it is, as in TargetView; or `nowhere`.'),
    home: z.string().describe('Where it was before the first of these moves.'),
    moves: z.int().min(1),
    state: z
      .enum(['moving', 'duplicate', 'frozen'])
      .describe(
        '`duplicate`: it moved more often than it may, and is followed; `frozen`: it stays at home for a while.',
      ),
    frozenSeconds: seconds.nullable().describe('Until it may move again; null: it may.'),
  })
  .meta({ id: 'MoveView' });
export type MoveView = z.infer<typeof MoveView>;

export const LookupView = z
  .strictObject({
    overlay: z.string(),
    mac,
    verdict: z.enum(['forward', 'flood', 'local', 'drop']).describe('What the datapath does with a frame to that MAC.'),
    destination: z
      .string()
      .describe("As in TargetView; for a drop the reason's name, of a flood list the first endpoints."),
    source,
    cached: z.boolean().describe('Found in the FDB (true), or asked of the plugin just now.'),
    alternatives: z
      .array(z.string())
      .nullable()
      .describe(
        'Other VTEPs where the search plugin has the MAC (`IP:PORT` or `[IP6]:PORT`): they get nothing. ' +
          'null: it failed to say so.',
      ),
  })
  .meta({ id: 'LookupView' });
export type LookupView = z.infer<typeof LookupView>;

export const OwnerView = z
  .strictObject({
    overlay: z.string(),
    ip: z.string().describe('Canonical.'),
    mac: mac.nullable().describe('Who has the address; null: nobody is known to.'),
    source: z.string().describe('The search plugin, which was asked.'),
    reason: z.string().describe('Why nobody is known to, else empty.'),
  })
  .meta({ id: 'OwnerView' });
export type OwnerView = z.infer<typeof OwnerView>;

export const TraceView = z
  .strictObject({
    overlay: z.string(),
    from: z.string().describe('`vnic NAME`, or `VTEP IP`.'),
    frame: z.string().describe('The frame that was traced, in hexadecimal digits.'),
    steps: z.array(z.strictObject({ step: z.string(), says: z.string() })).describe('What was decided, in that order.'),
    end: z.string().describe('What becomes of it.'),
    reason: z.string().nullable().describe('Why it is dropped; null: it is not.'),
  })
  .meta({ id: 'TraceView' });
export type TraceView = z.infer<typeof TraceView>;

const milliseconds = z.number().nullable().describe('Milliseconds to the answer; null: there was none.');

export const VtepPing = z
  .strictObject({
    endpoint: z.string().describe('`IP:PORT` or `[IP6]:PORT`.'),
    found: z.string().describe('How a MAC or an address inside led there; empty: it was named.'),
    rttMs: milliseconds,
    largest: z
      .int()
      .nullable()
      .describe('Largest size that comes back, as `size` is counted; null: none did, or it was not asked for.'),
    pathMtu: z
      .int()
      .nullable()
      .describe("Bytes of an IP packet that the path takes, if that is less than the overlay's MTU needs."),
    echo: z
      .strictObject({ rttMs: milliseconds, reason: z.string().describe('Why there was no answer, else empty.') })
      .nullable()
      .describe("The underlay's own echo; null: it was not asked for."),
    unsent: z.string().describe('Why the question did not leave this host, else empty.'),
  })
  .meta({ id: 'VtepPing' });
export type VtepPing = z.infer<typeof VtepPing>;

export const PingView = z
  .strictObject({
    overlay: z.string(),
    vni: z.int(),
    mtu: z.int().describe('Of the overlay.'),
    left: z.int().describe('VTEPs that were left out, as there are too many, or they would take too long.'),
    vteps: z.array(VtepPing),
  })
  .meta({ id: 'PingView' });
export type PingView = z.infer<typeof PingView>;

export const VnicView = z
  .strictObject({
    name: z.string(),
    overlay: z.string(),
    mac,
    interface: z.string().nullable().describe('What its interface is called now; null: it has none.'),
    mtu: z.int(),
    netns: z
      .string()
      .nullable()
      .describe(
        "Where its interface is: a name under /run/netns, an absolute path, or null for the daemon's own namespace.",
      ),
    allowAnyMac: z.boolean(),
    trunk: z
      .strictObject({
        name: z.string().describe('What the interface is called when it is made.'),
        vlan: z.int().describe('1 to 4094: the tag of its frames there; 0: they have none.'),
      })
      .nullable()
      .describe('It shares its interface with others; null: it has one to itself.'),
    addresses: z
      .array(z.string())
      .describe('What it was given, ADDRESS/LENGTH each; what other tools put on its interface is not there.'),
    protection: z.array(z.string()).describe('Link protection; empty: none.'),
    allowedIps: z.array(z.string()).describe('What `ip-nospoof` lets it send from, beside its addresses.'),
    rateBps: z.number().nullable().describe('Bits of frames that it may send a second; null: no limit.'),
    ratePps: z.number().nullable().describe('Frames that it may send a second; null: no limit.'),
    stormPps: z.number().nullable().describe('Broadcast and multicast frames that it may; null: no limit.'),
    temporary: z.boolean(),
    state: z
      .string()
      .describe('`up`, or why frames do not flow; `not loaded: FILE: WHY`: it is kept, and cannot be used.'),
    declared,
  })
  .meta({ id: 'VnicView' });
export type VnicView = z.infer<typeof VnicView>;
