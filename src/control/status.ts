/** How the daemon is, as replies of the control API. */
import * as z from 'zod';
import { LOG_LEVELS } from '../log-levels.js';
import { details, Health, seconds, vni } from './views.js';

const count = z.int().min(0);

export const ConfigurationView = z
  .strictObject({
    file: z.string().describe('Absolute path.'),
    status: z
      .enum(['applied', 'incomplete', 'refused'])
      .describe(
        '`refused`: the file as it was last read is wrong, and the one before stays in effect. ' +
          '`incomplete`: some of what it says could not be done yet, and is tried again.',
      ),
    details: z
      .array(z.string())
      .describe(
        'The reasons, one line each: `FILE:LINE:COLUMN: path: …` of a refusal, `NAME: …` of what could not be done.',
      ),
    appliedAt: z.iso.datetime().nullable().describe('When something of it was last put into effect.'),
  })
  .meta({ id: 'ConfigurationView' });
export type ConfigurationView = z.infer<typeof ConfigurationView>;

export const DaemonView = z
  .strictObject({
    version: z.string(),
    pid: z.int(),
    engine: z.enum(['uring', 'mmsg']),
    engineReason: z.string().describe('Why it is not `uring`; empty when it is.'),
    underlay: z
      .strictObject({ border: z.enum(['tap', 'socket']), reason: z.string() })
      .describe('What carries super-frames, and why nothing better does; see docs/underlay.md.'),
    capabilities: z
      .array(z.string())
      .describe('Of those that the daemon has a use for: what this process may do, as `CAP_NET_ADMIN`.'),
    workers: z.int().min(1),
    fdbSize: count,
    fdbEntries: count,
    workerRestarts: count,
    captures: count.describe('Clients that capture frames now.'),
    logLevel: z.enum(LOG_LEVELS).describe('The least level that is logged.'),
    uptimeSeconds: seconds,
    successor: z.int().nullable().describe('pid of the daemon that is taking the place of this one; null: none is.'),
    configuration: ConfigurationView.nullable().describe('null: the daemon was started without a configuration file.'),
  })
  .meta({ id: 'DaemonView' });
export type DaemonView = z.infer<typeof DaemonView>;

export const OverlayStatus = z
  .strictObject({
    name: z.string(),
    vni,
    search: z.string(),
    status: Health,
    details,
    state: z
      .enum(['unloaded', 'down', 'bound', 'serving'])
      .describe(
        '`bound`: its search plugin does not run, or is still starting. `down`: it has no socket either. ' +
          '`unloaded`: it is kept, and what is kept of it cannot be used.',
      ),
    pluginPlace: z
      .string()
      .nullable()
      .describe('Where its search plugin runs: `process 4711 (48 MiB)`, `thread (of 12)`; null: it does not.'),
    vnics: count,
    vnicsUp: count,
    peers: count.describe('Underlay addresses that the overlay sends to.'),
    mtu: z.int(),
    framesPerSecond: count.describe('Both ways, over the last 5 to 10 s.'),
    dropsPerSecond: count.describe('Without those that are expected.'),
  })
  .meta({ id: 'OverlayStatus' });
export type OverlayStatus = z.infer<typeof OverlayStatus>;

export const Problem = z
  .strictObject({
    severity: z.enum(['bad', 'note']).describe('`note`: worth a look, and no reason to call it broken.'),
    text: z.string().describe('One line.'),
    command: z.string().describe('Shows more, or mends it.'),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;

/** One screen: is it well, what is wrong, what shows more. */
export const StatusView = z
  .strictObject({
    daemon: DaemonView,
    overlays: z.array(OverlayStatus),
    problems: z.array(Problem).describe('Empty: all is well.'),
  })
  .meta({ id: 'StatusView' });
export type StatusView = z.infer<typeof StatusView>;
