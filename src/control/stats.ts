/** What went through, as replies of the control API. */
import * as z from 'zod';

const count = z.int().min(0);
const expectedDrops = count.describe('How many of them are expected.');
const byName = z.record(z.string(), count);

export const Traffic = z.strictObject({ frames: count, bytes: count }).meta({ id: 'Traffic' });
export type Traffic = z.infer<typeof Traffic>;

export const PluginStats = z
  .strictObject({
    name: z.string().describe('Of the plugin.'),
    questions: count,
    faults: count.describe('Questions that failed; those without an answer in time are also in `timeouts`.'),
    timeouts: count,
    deaths: count.describe('Instances that ended by themselves, or were given up.'),
  })
  .describe('What a search plugin was asked, and how that went, all instances of the overlay taken together.')
  .meta({ id: 'PluginStats' });
export type PluginStats = z.infer<typeof PluginStats>;

const StrangerStats = z
  .strictObject({
    ip: z.string(),
    mac: z.string().describe('The source MAC of its last frame.'),
    frames: count.describe('At least so many were dropped.'),
    allow: z.string().describe('The command that lets it in.'),
  })
  .meta({ id: 'StrangerStats' });

export const OverlayStats = z
  .strictObject({
    name: z.string(),
    encap: Traffic,
    decap: Traffic,
    fragments: count.describe('Datagrams that came in fragments and were not dropped for it.'),
    drops: byName.describe('By name of the reason.'),
    expectedDrops,
    strangers: z
      .array(StrangerStats)
      .describe(
        'Senders that were refused (`source-check`), the first ones that came; forgotten after 10 min of silence.',
      ),
    plugin: PluginStats,
  })
  .meta({ id: 'OverlayStats' });
export type OverlayStats = z.infer<typeof OverlayStats>;

export const VnicStats = z
  .strictObject({
    name: z.string(),
    overlay: z.string(),
    tx: Traffic,
    rx: Traffic,
    drops: count.describe('Of what it sent.'),
    expectedDrops,
  })
  .meta({ id: 'VnicStats' });
export type VnicStats = z.infer<typeof VnicStats>;

export const HistoryPoint = z
  .strictObject({
    time: z.iso.datetime().describe('The end of the time it is about; UTC.'),
    seconds: z.number().describe('How long that was.'),
    encap: Traffic.describe('Sent to the underlay in that time.'),
    decap: Traffic.describe('Received from it.'),
    drops: byName.describe('Frames that were dropped in that time, by name of the reason.'),
  })
  .meta({ id: 'HistoryPoint' });
export type HistoryPoint = z.infer<typeof HistoryPoint>;

export const HistoryView = z
  .strictObject({ points: z.array(HistoryPoint).describe('Oldest first; none is older than the daemon.') })
  .meta({ id: 'HistoryView' });
export type HistoryView = z.infer<typeof HistoryView>;

const DropStats = z
  .strictObject({ reason: z.string(), frames: count, isExpected: z.boolean(), text: z.string() })
  .meta({ id: 'DropStats' });

const EndpointStats = z
  .strictObject({
    endpoint: z.string().describe('`IP:PORT` or `[IP6]:PORT`.'),
    overlays: z.array(z.string()).describe('Those of the reply that send to its address.'),
    encap: Traffic.describe('Sent to it.'),
    decap: Traffic.describe(
      'Received from its address, by any port of the sender. Of endpoints that share an address the first has it all.',
    ),
    drops: count.describe('Frames for it that were dropped: too long for its path, or not taken by the kernel.'),
    pathMtu: z
      .int()
      .nullable()
      .describe('Bytes of an IP packet, if a router on the way has said that it takes no more; null: none has.'),
    heardSeconds: z
      .int()
      .min(0)
      .nullable()
      .describe('Since something came from it, or it answered, give or take 2 s; null: nothing has.'),
    isSilent: z.boolean().describe('It was heard, is sent to, and neither sends nor answers (`--silent-after`).'),
  })
  .meta({ id: 'EndpointStats' });

export const StatsView = z
  .strictObject({
    totals: byName.describe(
      'Frame books of the whole daemon: ' +
        'in + earlyDropped + copies + injected + tooBigAnswers = out + delivered + drops + held + upcalled.',
    ),
    drops: z
      .array(DropStats)
      .describe(
        'By name of the reason; `text` says what it means. Zero counts are left out. Those that are expected say ' +
          'nothing of trouble: what hosts send unasked, and nobody misses.',
      ),
    overlays: z.array(OverlayStats),
    vnics: z.array(VnicStats),
    endpoints: z.array(EndpointStats),
    otherSenders: Traffic.describe('Received from senders that are no endpoint, all together.'),
  })
  .meta({ id: 'StatsView' });
export type StatsView = z.infer<typeof StatsView>;
