/** The page that shows a daemon in a browser: files as they are built. None is read before it is asked for. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { noSuchRoute } from '../errors.js';

/** Of one folder, but for what a library brings. */
const FOLDER = new URL('../../web/', import.meta.url);
const LIBRARY: Readonly<Record<string, string>> = {
  '/uplot.js': 'uplot/dist/uPlot.iife.min.js',
  '/uplot.css': 'uplot/dist/uPlot.min.css',
};
const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};
/** A name without a folder. */
const FILE = /^\/([a-z]+(?:-[a-z]+)*)\.(css|js|svg)$/;

/** Nothing is loaded from elsewhere, nothing inside the page is a program, and no text becomes markup. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

/** `path`: of a URL, without what stands behind `?`. */
export function isPageFile(path: string): boolean {
  return path === '/' || FILE.test(path);
}

export function addPage(app: FastifyInstance): void {
  const files = new Map<string, Promise<PageFile>>();
  const fileAt = (path: string): Promise<PageFile> => {
    const known = files.get(path);
    if (known !== undefined) return known;
    const file = readPageFile(path);
    files.set(path, file);
    // Not kept: anybody may ask for names without end.
    file.catch(() => files.delete(path));
    return file;
  };
  app.addHook('onSend', async (_, reply) => {
    reply.header('x-content-type-options', 'nosniff').header('cross-origin-resource-policy', 'same-origin');
  });
  const serve = async (request: FastifyRequest, reply: FastifyReply) => {
    const path = request.url.replace(/\?.*/, '');
    if (!isPageFile(path)) return reply.callNotFound();
    const file = await fileAt(path).catch(() => null);
    if (file === null) throw noSuchRoute(request.method, path, ['GET /']);
    // Looked at again each time, so that the page is of the version that serves it.
    reply.header('cache-control', 'no-cache').header('etag', file.tag);
    if (request.headers['if-none-match'] === file.tag) return reply.code(304).send();
    reply.header('content-security-policy', POLICY).header('referrer-policy', 'no-referrer');
    return reply.type(file.type).send(file.bytes);
  };
  app.get('/', serve);
  app.get('/:file', serve);
}

interface PageFile {
  readonly bytes: Buffer;
  readonly type: string;
  readonly tag: string;
}

async function readPageFile(path: string): Promise<PageFile> {
  const library = LIBRARY[path];
  const name = path === '/' ? 'index.html' : path.slice(1);
  const from =
    library === undefined ? fileURLToPath(new URL(name, FOLDER)) : createRequire(import.meta.url).resolve(library);
  const bytes = await readFile(from);
  const tag = `"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`;
  return { bytes, type: TYPES[/\w+$/.exec(name)![0]]!, tag };
}
