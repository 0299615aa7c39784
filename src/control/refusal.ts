/** What a client is told of an error: one status, one code, one line. */
import type * as z from 'zod';
import { badRequest, internalError, messageOf, VxlaneError } from '../errors.js';
import type { RefusalView } from './protocol.js';

export interface Refusal {
  status: 400 | 403 | 404 | 409 | 500;
  body: RefusalView;
}

/** `no_such_…` is 404, `bad_…` is 400, `not_permitted` is 403, every other expected error 409. */
export function statusOf(code: string): Refusal['status'] {
  if (code === 'not_permitted') return 403;
  if (code.startsWith('no_such_')) return 404;
  return code.startsWith('bad_') ? 400 : 409;
}

/** True for what fastify throws before a handler runs: an empty body, broken JSON, a body too large. */
function isClientFault(thrown: unknown): thrown is Error {
  const { statusCode } = thrown as { statusCode?: unknown };
  return thrown instanceof Error && typeof statusCode === 'number' && statusCode >= 400 && statusCode < 500;
}

/** null: not an expected error, so a bug; its stack belongs in the log and {@link bugRefusal} to the client. */
export function refusalOf(thrown: unknown): Refusal | null {
  if (thrown instanceof VxlaneError) return refusal(thrown);
  return isClientFault(thrown) ? refusal(badRequest([messageOf(thrown)])) : null;
}

export function bugRefusal(): Refusal {
  const { code, message } = internalError();
  return { status: 500, body: { error: { code, message } } };
}

function refusal({ code, message }: VxlaneError): Refusal {
  return { status: statusOf(code), body: { error: { code, message } } };
}

/** A part of a request as the schema's type, or a VxlaneError that names every wrong field on one line. */
export function parse<S extends z.ZodType>(schema: S, given: unknown): z.infer<S> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw badRequest(parsed.error.issues.map(describeIssue));
}

function describeIssue(issue: z.core.$ZodIssue): string {
  const path = issue.path.map(String).join('.');
  const text = issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
  return path === '' ? text : `${path}: ${text}`;
}
