/** What a running daemon tells the one that takes its place: see decision 28. */
import * as z from 'zod';
import { LinkName } from './link-name.js';

const Descriptors = z.array(z.int().min(0)).describe('Numbers in the process that answers.');

export const SuccessorView = z
  .strictObject({ pid: z.int().describe('Of the daemon that takes over.') })
  .meta({ id: 'SuccessorView' });
export type SuccessorView = z.infer<typeof SuccessorView>;

export const HandoverRequest = z
  .strictObject({
    pid: z.int().min(1).describe('Of the process that asks: it may take descriptors of the daemon from then on.'),
    workers: z.int().min(1).describe('Of the daemon that comes: as many as this one has, for each has its own queues.'),
  })
  .meta({ id: 'HandoverRequest' });
export type HandoverRequest = z.infer<typeof HandoverRequest>;

const OneSource = z.strictObject({
  withChecksum: z.int().describe('-1: there is none.'),
  withoutChecksum: z.int().describe('-1: there is none.'),
});

export const HandoverSocket = z
  .strictObject({
    options: z.string().describe('What it was opened by, as text: whoever wants another cannot use it.'),
    listeners: Descriptors,
    sources: z.array(z.array(OneSource)).describe('By worker and source port.'),
    ports: z.array(z.int()).describe('Of the sources.'),
  })
  .meta({ id: 'HandoverSocket' });
export type HandoverSocket = z.infer<typeof HandoverSocket>;

export const HandoverView = z
  .strictObject({
    pid: z.int(),
    sockets: z.array(HandoverSocket),
    vnics: z.record(LinkName, Descriptors).describe('Queues of the interface, by name of the VNIC.'),
    learned: z
      .record(LinkName, z.array(z.tuple([z.string(), z.string()])))
      .describe('MAC and VTEP, by name of the overlay.'),
  })
  .meta({ id: 'HandoverView' });
export type HandoverView = z.infer<typeof HandoverView>;
