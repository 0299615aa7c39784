/** The difference of two readings of the counters, a second. */
import type { OverlayStats, PluginStats, StatsView, Traffic } from '../control/protocol.js';

/**
 * As `next`, with rates in place of counts. What is new, or counts from zero again (a restarted daemon), starts at 0.
 */
export function ratesOf(last: StatsView, next: StatsView, seconds: number): StatsView {
  const rate = (before: number | undefined, now: number): number => {
    const base = before === undefined || before > now ? 0 : before;
    return Math.round((now - base) / seconds);
  };
  const traffic = (before: Traffic | undefined, now: Traffic): Traffic => ({
    frames: rate(before?.frames, now.frames),
    bytes: rate(before?.bytes, now.bytes),
  });
  const plugin = (before: PluginStats | undefined, now: PluginStats): PluginStats => ({
    name: now.name,
    questions: rate(before?.questions, now.questions),
    faults: rate(before?.faults, now.faults),
    timeouts: rate(before?.timeouts, now.timeouts),
    deaths: rate(before?.deaths, now.deaths),
  });
  const counts = (before: Record<string, number> | undefined, now: Record<string, number>): Record<string, number> =>
    Object.fromEntries(Object.entries(now).map(([name, count]) => [name, rate(before?.[name], count)]));

  const dropsBefore = new Map(last.drops.map((drop) => [drop.reason, drop.frames]));
  const overlaysBefore = new Map(last.overlays.map((overlay) => [overlay.name, overlay]));
  const strangers = (before: OverlayStats | undefined, now: OverlayStats) => {
    const framesBefore = new Map(before?.strangers.map(({ ip, frames }) => [ip, frames]));
    return now.strangers.map((each) => ({ ...each, frames: rate(framesBefore.get(each.ip), each.frames) }));
  };
  const vnicsBefore = new Map(last.vnics.map((vnic) => [vnic.name, vnic]));
  const endpointsBefore = new Map(last.endpoints.map((each) => [each.endpoint, each]));
  return {
    totals: counts(last.totals, next.totals),
    drops: next.drops.map((drop) => ({ ...drop, frames: rate(dropsBefore.get(drop.reason), drop.frames) })),
    overlays: next.overlays.map((overlay) => {
      const before = overlaysBefore.get(overlay.name);
      return {
        name: overlay.name,
        plugin: plugin(before?.plugin, overlay.plugin),
        encap: traffic(before?.encap, overlay.encap),
        decap: traffic(before?.decap, overlay.decap),
        fragments: rate(before?.fragments, overlay.fragments),
        drops: counts(before?.drops, overlay.drops),
        expectedDrops: rate(before?.expectedDrops, overlay.expectedDrops),
        strangers: strangers(before, overlay),
      };
    }),
    vnics: next.vnics.map((vnic) => {
      const before = vnicsBefore.get(vnic.name);
      return {
        ...vnic,
        tx: traffic(before?.tx, vnic.tx),
        rx: traffic(before?.rx, vnic.rx),
        drops: rate(before?.drops, vnic.drops),
        expectedDrops: rate(before?.expectedDrops, vnic.expectedDrops),
      };
    }),
    endpoints: next.endpoints.map((each) => {
      const before = endpointsBefore.get(each.endpoint);
      return {
        ...each,
        encap: traffic(before?.encap, each.encap),
        decap: traffic(before?.decap, each.decap),
        drops: rate(before?.drops, each.drops),
      };
    }),
    otherSenders: traffic(last.otherSenders, next.otherSenders),
  };
}
