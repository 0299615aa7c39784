/**
 * A reporter for node's test runner that writes one entry for each failed test and nothing else: the last lines of a
 * long log then say what failed. A test that failed only because one inside it did has no entry.
 */
import { relative } from 'node:path';

interface Failure {
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
  readonly details: { readonly error: Error & { readonly failureType?: string; readonly cause?: unknown } };
}

interface Event {
  readonly type: string;
  readonly data: unknown;
}

/** Lines of an error's text that are kept; the whole text is where the test was told. */
const MAX_LINES = 12;

export default async function* failures(source: AsyncIterable<Event>): AsyncGenerator<string> {
  for await (const { type, data } of source) {
    if (type !== 'test:fail') continue;
    const failure = data as Failure;
    const { error } = failure.details;
    if (error.failureType !== 'subtestsFailed') yield `✖ ${failure.name} (${placeOf(failure)})\n${indented(error)}\n`;
  }
}

function placeOf({ file, line }: Failure): string {
  return file === undefined ? 'no file' : `${relative(process.cwd(), file)}:${line}`;
}

function indented(error: Failure['details']['error']): string {
  const cause = error.cause instanceof Error ? error.cause.stack : error.cause;
  const lines = String(cause ?? error.message).split('\n');
  return lines
    .slice(0, MAX_LINES)
    .map((line) => `    ${line}`)
    .join('\n');
}
