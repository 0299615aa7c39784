/** docs/events.md, made of the table of kinds. */
import { EVENT_KINDS, type EventKind, kindOf } from '../../event-kinds.js';
import { EVENTS_KEPT } from './event-log.js';

const HEAD = `# Events

<!-- Written by \`npm run events\` from src/event-kinds.ts; what is changed here is lost. -->

What an operator would ask about: what changed, when, from what to what, and why. The daemon keeps the last
${EVENTS_KEPT} of them, and as many of those that may come by the thousand a second, which so push out no others. They
go with the daemon; the [log](log.md) stays.

\`\`\`
# vxlane events                           what is kept, a JSON object a line
# vxlane events --follow --overlay blue0  and what happens from then on, until Ctrl-C
# curl -sS --unix-socket /run/vxlane/vxlane.sock http://vxlane/v1/events
# curl -sSN --unix-socket /run/vxlane/vxlane.sock http://vxlane/v1/events/stream
{"id":1795986000000009,"time":"2026-11-29T20:40:00.123Z","kind":"vnic_status","object":"vnic foo0",
 "overlay":"blue0","old":"up","new":"down","reason":"the interface is down"}
\`\`\`

- \`id\` grows, also over a restart. \`after=ID\` asks for those that came after it. \`lost\` of the reply is true when
  some of these are no longer kept.
- \`/v1/events/stream\` has server-sent events: \`id\`, \`event\` (the kind), \`data\` (the object above). A browser's
  \`EventSource\` resumes by itself; others send \`Last-Event-ID\`, or \`after\`. Without either it begins with what
  happens next. An event \`lost\` says that some in between are not kept any more.
- Who does not read what is sent gets an event \`dropped\` and is let go, once a megabyte waits. 16 clients may follow
  at a time.
- \`overlay=NAME\`, also more than once: only what is of these overlays.
- Overlays and VNICs are looked at ten times a second: what came and went in between is not told.

| kind | object | old | new | reason | says |
| ---- | ------ | --- | --- | ------ | ---- |
`;

export function eventsDocument(): string {
  const rows = (Object.keys(EVENT_KINDS) as EventKind[]).map((name) => {
    const { object, old = '', new: now = '', reason = '', text, isFrequent } = kindOf(name);
    const cells = [`\`${name}\``, `\`${object}\``, old, now, reason, isFrequent ? `${text} (frequent)` : text];
    return `| ${cells.join(' | ')} |`;
  });
  return `${HEAD}${rows.join('\n')}\n`;
}
