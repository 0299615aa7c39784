/** What the page asks of the daemon that serves it: reads, and the trace of a frame. */

/** Of this tab alone, and gone with it. */
const KEY = 'vxlane-token';
/** Milliseconds that an answer may take: a search plugin has 3 s of them. */
const PATIENCE_MS = 10_000;
/** Milliseconds between signs of life of a stream, three times over. */
const SILENCE_MAX_MS = 45_000;

/** The token is missing, or another. */
export class TokenNeeded extends Error {}

/** The daemon says no, and why. */
export class Refused extends Error {}

export const token = {
  get(): string | null {
    return sessionStorage.getItem(KEY);
  },
  /** null: it is forgotten. */
  set(value: string | null): void {
    if (value === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, value);
  },
};

/** `path`: below `v1/`, each part encoded. */
export async function get<T>(path: string, query: Readonly<Record<string, string>> = {}): Promise<T> {
  const behind = new URLSearchParams(query).toString();
  const response = await ask(`v1/${path}${behind === '' ? '' : `?${behind}`}`, {}, AbortSignal.timeout(PATIENCE_MS));
  return (await response.json()) as T;
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  const init = { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
  const response = await ask(`v1/${path}`, init, AbortSignal.timeout(PATIENCE_MS));
  return (await response.json()) as T;
}

async function ask(path: string, init: RequestInit, signal: AbortSignal): Promise<Response> {
  const headers = new Headers(init.headers);
  const shown = token.get();
  if (shown !== null) headers.set('authorization', `Bearer ${shown}`);
  const response = await fetch(path, { ...init, headers, signal, cache: 'no-store', credentials: 'omit' });
  if (response.ok) return response;
  if (response.status === 401) throw new TokenNeeded();
  const { error } = (await response.json().catch(() => ({}))) as { error?: { message: string } };
  throw new Refused(error?.message ?? `${response.status} ${response.statusText}`);
}

/** One of a stream of server-sent events (WHATWG HTML section 9.2). */
export interface Sent {
  readonly event: string;
  readonly data: string;
}

/**
 * Events as they happen, after the one with that id. Ends when the daemon ends the stream; throws when it breaks off,
 * or is silent for too long. Not an EventSource, which shows no token.
 */
export async function* stream(path: string, after: number): AsyncGenerator<Sent, void> {
  const abort = new AbortController();
  const silence = () => setTimeout(() => abort.abort(new Error('the stream is silent')), SILENCE_MAX_MS);
  let timer = silence();
  try {
    const headers = { accept: 'text/event-stream', 'last-event-id': String(after) };
    const { body } = await ask(`v1/${path}`, { headers }, abort.signal);
    const reader = body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (let read = await reader.read(); !read.done; read = await reader.read()) {
      clearTimeout(timer);
      timer = silence();
      const parts = (text + read.value).split('\n\n');
      text = parts.pop()!;
      yield* parts.flatMap(sentOf);
    }
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

/** A comment is none. */
function sentOf(part: string): Sent[] {
  const fields = new Map(
    part.split('\n').map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
    }),
  );
  const data = fields.get('data');
  return data === undefined ? [] : [{ event: fields.get('event') ?? '', data }];
}
