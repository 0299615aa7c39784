/** The daemon's log: JSON lines, or readable text on a terminal. */
import { type Logger, pino } from 'pino';
import type { PluginLog } from '../search/api.js';

/** Levels below: the daemon's own log and a plugin's have one shape. */
export interface DaemonLog extends PluginLog {
  fatal(message: string, fields?: object): void;
  /** A log whose lines all carry `fields`. */
  child(fields: object): DaemonLog;
}

/** Lines that could not be written wait for a later one, up to this much. */
const UNWRITTEN_BYTES_MAX = 1 << 20;

/** `level`: least level that is written, `info` when absent. */
export async function createLog(level = 'info'): Promise<DaemonLog> {
  const base = { name: 'vxlane', pid: process.pid };
  if (process.stdout.isTTY) {
    const { default: pretty } = await import('pino-pretty');
    return wrap(pino({ level, base }, pretty({ ignore: 'pid,name', singleLine: true, sync: true })));
  }
  const destination = pino.destination({ dest: 1, sync: true, maxLength: UNWRITTEN_BYTES_MAX });
  // A full disk, or a reader that went away, costs lines of the log: not the command that wrote them, nor the daemon.
  destination.on('error', () => {});
  return wrap(pino({ level, base, timestamp: pino.stdTimeFunctions.isoTime }, destination));
}

function wrap(logger: Logger): DaemonLog {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    fatal: (message, fields) => logger.fatal(fields ?? {}, message),
    child: (fields) => wrap(logger.child(fields)),
  };
}
