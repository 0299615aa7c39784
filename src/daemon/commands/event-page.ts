/** `vxlane events`. */
import type { EventFilter, EventPage } from '../../control/protocol.js';
import type { EventLog } from '../events/event-log.js';

export function eventPage(log: EventLog, { overlay, after }: EventFilter): EventPage {
  const lost = after !== undefined && log.hasLost(after);
  const events = log.after(lost ? null : (after ?? null)).filter((event) => {
    return overlay.length === 0 || (event.overlay !== null && overlay.includes(event.overlay));
  });
  return { events, last: log.last, lost };
}
