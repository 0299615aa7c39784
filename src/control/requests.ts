/** What clients send: in the path, as a body, behind a `?`. The server refuses what does not match, field by field. */
import * as z from 'zod';
import { parseIp, parseMac } from '../address.js';
import { badMac } from '../errors.js';
import { LOG_LEVELS } from '../log-levels.js';
import { PING_SIZE_MIN, PING_TIMEOUT_MAX_MS, TARGETS_DEFAULT, TARGETS_MAX } from './limits.js';
import { LinkName } from './link-name.js';
import { SNAP_LENGTH_MAX, SNAP_LENGTH_MIN } from './snap-length.js';

/** Any usual spelling; what comes out is canonical. */
export const Mac = z
  .string()
  .transform((text, context) => {
    const mac = parseMac(text);
    if (mac !== null) return mac;
    context.addIssue(badMac(text).message);
    return z.NEVER;
  })
  .describe('Any usual spelling: `de:ad:be:ef:00:01`, `DE-AD-BE-EF-0-1`, `dead.beef.0001`.');

const Ip = z
  .string()
  .transform((text, context) => {
    const ip = parseIp(text);
    if (ip !== null) return ip;
    context.addIssue(`not an IP address: ${text}`);
    return z.NEVER;
  })
  .describe('An IPv4 or IPv6 address.');

/** What stands in paths. A name that is no link name is the controller's to refuse: there is no such object. */
export const PARAMETERS = { name: z.string().describe('Of the overlay or the VNIC.'), mac: Mac, ip: Ip };

const asTyped = z.record(z.string(), z.string());
const temporary = z.boolean().default(false).describe('Not kept over a restart of the daemon.');

export const CreateOverlay = z
  .strictObject({
    name: LinkName,
    encap: z.string().describe('`vxlan`, `geneve` or `vxlan-gpe`.'),
    vni: z.int().describe('0 to 16777215.'),
    search: z.string().describe('Name of a search plugin, absolute path of a module, or a package vxlane-plugin-….'),
    properties: asTyped.describe('By name, as the command line has them: `"mtu": "1400"`.'),
    temporary,
  })
  .meta({ id: 'CreateOverlay' });
export type CreateOverlay = z.infer<typeof CreateOverlay>;

export const ModifyOverlay = z
  .strictObject({
    properties: asTyped.optional(),
    search: z.string().optional().describe('Swap the search plugin.'),
  })
  .meta({ id: 'ModifyOverlay' });
export type ModifyOverlay = z.infer<typeof ModifyOverlay>;

export const SetTarget = z
  .strictObject({ destination: z.string().describe('`drop`, `IP:PORT` or `[IP6]:PORT`.') })
  .meta({ id: 'SetTarget' });
export type SetTarget = z.infer<typeof SetTarget>;

export const SetLogLevel = z.strictObject({ level: z.enum(LOG_LEVELS) }).meta({ id: 'SetLogLevel' });
export type SetLogLevel = z.infer<typeof SetLogLevel>;

const protection = z
  .array(z.string())
  .describe('Link protection, some of `mac-nospoof`, `ip-nospoof`, `dhcp-nospoof`, `ra-guard`, `restricted`.');
const allowedIps = z
  .array(z.string())
  .describe('What `ip-nospoof` lets it send from beside its addresses, ADDRESS or ADDRESS/LENGTH each.');

const limit = (what: string) => z.number().nullable().describe(`${what} that it may send a second; null: no limit.`);
const limits = {
  rateBps: limit('Bits of frames').optional(),
  ratePps: limit('Frames').optional(),
  stormPps: limit('Broadcast and multicast frames').optional(),
};

export const ModifyVnic = z
  .strictObject({ protection: protection.optional(), allowedIps: allowedIps.optional(), ...limits })
  .meta({ id: 'ModifyVnic' })
  .describe('What is absent stays as it is.');
export type ModifyVnic = z.infer<typeof ModifyVnic>;

export const CreateVnic = z
  .strictObject({
    name: LinkName,
    overlay: z.string(),
    mac: z
      .string()
      .describe('Of one host, any usual spelling; `auto`: made of the names of overlay and VNIC, and of the machine.'),
    netns: z
      .string()
      .optional()
      .describe("Name under /run/netns, or an absolute path to a namespace file; absent: the daemon's own."),
    allowAnyMac: z.boolean().default(false).describe('Its interface may send from any MAC, as a bridge does.'),
    trunk: z
      .strictObject({ name: LinkName, vlan: z.int().min(0).max(4094) })
      .optional()
      .describe(
        'It shares the interface of this trunk, and its MAC, with others, and has the frames with this VLAN tag ' +
          'there (0: none), from any MAC. It is named TRUNK.VLAN.',
      ),
    addresses: z
      .array(z.string())
      .optional()
      .describe('Given to its interface, ADDRESS/LENGTH each: `10.55.55.2/24`, `fd00::2/64`.'),
    protection: protection.optional(),
    allowedIps: allowedIps.optional(),
    ...limits,
    adopt: z
      .boolean()
      .optional()
      .describe('Its interface is the TAP of its name that is there, with addresses and all; nothing is made.'),
    temporary,
  })
  .meta({ id: 'CreateVnic' });
export type CreateVnic = z.infer<typeof CreateVnic>;

export const CreateTrunk = CreateVnic.omit({ overlay: true, allowAnyMac: true, trunk: true, addresses: true })
  .extend({
    members: z
      .array(z.strictObject({ vlan: z.int().min(0).max(4094), overlay: z.string() }))
      .min(1)
      .describe(
        'By VLAN tag of the frames on its interface (0: none), the overlay they are of: a VNIC NAME.VLAN each.',
      ),
  })
  .meta({ id: 'CreateTrunk' });
export type CreateTrunk = z.infer<typeof CreateTrunk>;

/** Which page. */
export const PageRequest = z.strictObject({
  after: Mac.optional().describe('The page begins behind this MAC; absent: the first page.'),
  limit: z.coerce
    .number<number | string>({ error: `expected a whole number from 1 to ${TARGETS_MAX}` })
    .int()
    .min(1)
    .max(TARGETS_MAX)
    .default(TARGETS_DEFAULT)
    .describe('Most targets of the page.'),
});
export type PageRequest = z.infer<typeof PageRequest>;

const overlay = z
  .union([z.string(), z.array(z.string())])
  .transform((names) => [names].flat())
  .default([])
  .describe('Name of an overlay; may be repeated. Absent: all, and what is of no overlay.');

export const HistoryRequest = z.strictObject({
  overlay: z.string().optional().describe('Name of an overlay. Absent: all of them, and what is of none.'),
  after: z.iso.datetime().optional().describe('Only what came after the point of this time.'),
});
export type HistoryRequest = z.infer<typeof HistoryRequest>;

export const StatsRequest = z.strictObject({ overlay });
export type StatsRequest = z.infer<typeof StatsRequest>;

/** Which events; one that is gone may have been of an overlay that is gone. */
export const EventFilter = z.strictObject({
  overlay,
  after: z.coerce
    .number<number | string>({ error: 'expected the id of an event' })
    .int()
    .optional()
    .describe('Those that came after the event with this id; absent: all that are kept.'),
});
export type EventFilter = z.infer<typeof EventFilter>;

/** One of `frame` and what follows; the frame that is traced is made of it. */
export const TraceRequest = z
  .strictObject({
    from: z.string().describe('Name of a VNIC of the overlay, or IP address of a VTEP, which needs a `frame`.'),
    frame: z.string().optional().describe('A whole Ethernet frame without FCS, in hexadecimal digits.'),
    arp: z.string().optional().describe('Who has this IPv4 address?'),
    ns: z.string().optional().describe('Who has this IPv6 address?'),
    ping: z.string().optional().describe('An echo request to this address, which the search plugin has to know.'),
    dhcp: z.boolean().optional().describe('A DHCPv4 discovery.'),
    to: Mac.optional().describe('A frame of no protocol to this MAC.'),
  })
  .meta({ id: 'TraceRequest' });
export type TraceRequest = z.infer<typeof TraceRequest>;

/** One question to each VTEP that is meant. */
export const PingRequest = z
  .strictObject({
    to: z
      .string()
      .optional()
      .describe('`IP:PORT` or IP of a VTEP, a MAC, or an IP address inside; absent: every VTEP of the overlay.'),
    size: z
      .int()
      .min(PING_SIZE_MIN)
      .max(65_535)
      .default(PING_SIZE_MIN)
      .describe('Bytes behind the Ethernet header, as an MTU counts them.'),
    timeoutMs: z.int().min(10).max(PING_TIMEOUT_MAX_MS).default(1000).describe('How long an answer is waited for.'),
    discover: z.boolean().default(false).describe('Find the largest size that comes back.'),
    echo: z.boolean().default(false).describe("Ask for the underlay's own echo, too: ICMP or ICMPv6."),
  })
  .meta({ id: 'PingRequest' });
export type PingRequest = z.infer<typeof PingRequest>;

/** What a capture has; all that is said has to be so. */
export const CaptureRequest = z
  .strictObject({
    overlay: z.string().optional().describe('Frames of this overlay.'),
    vnic: z.string().optional().describe('Frames that this VNIC sends or gets.'),
    mac: Mac.optional().describe('Source or destination.'),
    ip: z.string().optional().describe('Of the packet inside, or what ARP or neighbour discovery ask for.'),
    dropped: z.boolean().default(false).describe('Only what is dropped.'),
    reasons: z.array(z.string()).default([]).describe('Only what is dropped for one of these reasons.'),
    snapLength: z
      .int()
      .min(SNAP_LENGTH_MIN)
      .max(SNAP_LENGTH_MAX)
      .default(SNAP_LENGTH_MAX)
      .describe('Bytes of a packet that are kept, outer headers included.'),
    count: z.int().min(1).optional().describe('The capture ends after so many packets.'),
  })
  .meta({ id: 'CaptureRequest' });
export type CaptureRequest = z.infer<typeof CaptureRequest>;
