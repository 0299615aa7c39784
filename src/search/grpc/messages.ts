/**
 * Messages and methods of a gRPC interface, as far as a client uses it: a table with the names, types and field numbers
 * of the published .proto files, in the JSON form that protobuf.js takes for one. Fields that are not named are skipped
 * when they arrive.
 */
import protobuf from 'protobufjs';

/** Field number, type, and `[]` behind the type of a repeated one. */
type Fields = Readonly<Record<string, readonly [id: number, type: string]>>;

/** A message; `oneofs`: of each group of fields at most one is set. */
export function message(fields: Fields, oneofs: Readonly<Record<string, string[]>> = {}) {
  const described = Object.entries(fields).map(([name, [id, type]]) => {
    const [single, repeated] = type.split('[');
    return [name, { id, type: single, ...(repeated === undefined ? {} : { rule: 'repeated' }) }];
  });
  const groups = Object.entries(oneofs).map(([name, oneof]) => [name, { oneof }]);
  return { fields: Object.fromEntries(described), oneofs: Object.fromEntries(groups) };
}

/** Bytes of a message to and from plain data. */
export interface Codec<T> {
  encode(value: T): Uint8Array;
  /** Whatever is missing has its default; 64 bits are rounded to what a double holds. Throws for what is no message. */
  decode(bytes: Uint8Array): T;
}

/** A method with its messages. */
export interface Method<Request, Response> {
  readonly path: string;
  encode(request: Request): Uint8Array;
  decode(bytes: Uint8Array): Response;
}

const PLAIN: protobuf.IConversionOptions = { longs: Number, enums: String, defaults: true, arrays: true };

/** The interface of one server: `messages` by name, `service` as it stands before the name of each method. */
export class Interface {
  readonly #service: string;
  readonly #root: protobuf.Namespace;

  constructor(service: string, messages: Readonly<Record<string, unknown>>) {
    this.#service = service;
    this.#root = protobuf.Root.fromJSON({ nested: messages } as protobuf.INamespace).resolveAll();
  }

  codec<T>(name: string): Codec<T> {
    const type = this.#root.lookupType(name);
    return {
      encode: (value) => type.encode(value as object).finish(),
      decode: (bytes) => type.toObject(type.decode(bytes), PLAIN) as T,
    };
  }

  method<Request, Response>(name: string, request: string, response: string): Method<Request, Response> {
    const [asked, answered] = [this.codec<Request>(request), this.codec<Response>(response)];
    return { path: `/${this.#service}${name}`, encode: asked.encode, decode: answered.decode };
  }
}
