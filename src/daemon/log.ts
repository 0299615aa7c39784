/** The daemon's log: JSON lines, or readable text on a terminal. docs/log.md lists what the fields are called. */
import { createRequire } from 'node:module';
import { type Logger, pino } from 'pino';
import type Pretty from 'pino-pretty';
import { choiceBad } from '../errors.js';
import { LOG_LEVELS, type LogLevel, parseLogLevel } from '../log-levels.js';
import type { PluginLog } from '../search/api.js';

/** Levels below: the daemon's own log and a plugin's have one shape. */
export interface DaemonLog extends PluginLog {
  /** The least level that is written, of this log and of all its children. */
  level: LogLevel;
  fatal(message: string, fields?: object): void;
  /** A log whose lines all carry `fields`, whatever a line itself says of them. */
  child(fields: object): DaemonLog;
}

/** Lines that could not be written wait for a later one, up to this much. */
const UNWRITTEN_BYTES_MAX = 1 << 20;

/** `level`: least level that is written, `info` when absent or empty. Throws a usage error when it is none. */
export function createLog(level?: string): DaemonLog {
  const parsed = parseLogLevel(level || 'info');
  if (parsed === null) throw choiceBad('VXLANE_LOG_LEVEL', String(level), LOG_LEVELS);
  const least = { level: parsed };
  // What is written is decided by Log, for a log and its children alike: pino's children would keep the level they had.
  const options = { level: LOG_LEVELS[0], base: { name: 'vxlane', pid: process.pid } };
  if (process.stdout.isTTY) {
    // By require: a script whose compiled code was kept has no import().
    const pretty = createRequire(import.meta.url)('pino-pretty') as typeof Pretty;
    return new Log(pino(options, pretty({ ignore: 'pid,name', singleLine: true, sync: true })), least, {});
  }
  const destination = pino.destination({ dest: 1, sync: true, maxLength: UNWRITTEN_BYTES_MAX });
  // A full disk, or a reader that went away, costs lines of the log: not the command that wrote them, nor the daemon.
  destination.on('error', () => {});
  const lines = {
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  return new Log(pino({ ...options, ...lines }, destination), least, {});
}

/** Keys that every line has of its own: a second one of that name would be for each reader to guess about. */
const OWN_KEYS: ReadonlySet<string> = new Set(['level', 'time', 'name', 'pid', 'msg']);

class Log implements DaemonLog {
  readonly #logger: Logger;
  readonly #least: { level: LogLevel };
  readonly #fields: object;

  constructor(logger: Logger, least: { level: LogLevel }, fields: object) {
    this.#logger = logger;
    this.#least = least;
    this.#fields = fields;
  }

  get level(): LogLevel {
    return this.#least.level;
  }

  set level(level: LogLevel) {
    this.#least.level = level;
  }

  debug = (message: string, fields?: object) => this.#write('debug', message, fields);
  info = (message: string, fields?: object) => this.#write('info', message, fields);
  warn = (message: string, fields?: object) => this.#write('warn', message, fields);
  error = (message: string, fields?: object) => this.#write('error', message, fields);
  fatal = (message: string, fields?: object) => this.#write('fatal', message, fields);

  child(fields: object): DaemonLog {
    return new Log(this.#logger, this.#least, { ...this.#fields, ...fields });
  }

  #write(level: LogLevel, message: string, fields: object = {}): void {
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(this.#least.level)) return;
    const line = Object.entries({ ...fields, ...this.#fields });
    this.#logger[level](
      Object.fromEntries(line.map(([key, value]) => [OWN_KEYS.has(key) ? `${key}_` : key, value])),
      message,
    );
  }
}
