/**
 * Every error an operator can meet: one function a message, each with a stable code.
 *
 * A `VxlaneError` is expected: it prints as one line that says what, where, and what would be right, and ends the
 * command with `exitCode`. Anything else that is thrown is a bug and prints its stack.
 */
export class VxlaneError extends Error {
  /** Stable, machine-readable name, e.g. `overlay_exists`. */
  readonly code: string;
  /** 1 refused, 2 usage. */
  readonly exitCode: 1 | 2;

  constructor(code: string, message: string, options: { exitCode?: 1 | 2; cause?: unknown } = {}) {
    super(message, { cause: options.cause });
    this.name = 'VxlaneError';
    this.code = code;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** The text of anything thrown, on one line. */
export function messageOf(thrown: unknown): string {
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return text.replaceAll('\n', ' ');
}

// ---- system ----------------------------------------------------------------------------------------------------

/** A system call that failed: `what` names the call and its object, `errno` is positive. */
export class SystemError extends VxlaneError {
  readonly errno: number;
  /** `ENOENT`, `EPERM`, … */
  readonly errnoName: string;

  constructor(what: string, errno: number, errnoName: string, description: string) {
    super('system_call_failed', `${what}: ${description} (${errnoName})`);
    this.errno = errno;
    this.errnoName = errnoName;
  }
}
