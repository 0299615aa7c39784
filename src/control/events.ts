/** What happened, as replies of the control API. */
import * as z from 'zod';
import { EVENT_KINDS, type EventKind } from '../event-kinds.js';

const text = z.string().nullable();

export const EventView = z
  .strictObject({
    id: z.int().describe('Grows, also over restarts of the daemon.'),
    time: z.iso.datetime().describe('UTC, milliseconds.'),
    kind: z.enum(Object.keys(EVENT_KINDS) as [EventKind, ...EventKind[]]).describe('docs/events.md has them all.'),
    object: z.string().describe('`daemon`, `overlay NAME`, `vnic NAME`, `mac MAC`, `endpoint IP` or `worker N`.'),
    overlay: text.describe('Name of the overlay it is about; null: of none.'),
    old: text.describe('What was the case before; null: nothing.'),
    new: text.describe('What is the case now; null: nothing.'),
    reason: z.string().describe('Why, or empty.'),
  })
  .meta({ id: 'EventView' });
export type EventView = z.infer<typeof EventView>;

export const EventPage = z
  .strictObject({
    events: z.array(EventView).describe('Oldest first.'),
    last: z.int().describe('What to ask for as `after` to get those that come after these.'),
    lost: z.boolean().describe('There were more after `after`, which are not kept any more.'),
  })
  .meta({ id: 'EventPage' });
export type EventPage = z.infer<typeof EventPage>;
