/**
 * The part of etcd's gRPC interface (v3, etcd ≥ 3.4) that is used here: names, types and field numbers are those of
 * etcd's `rpc.proto`, `kv.proto`, `auth.proto`.
 */
import { Interface, message } from '../../grpc/messages.js';

const HEADER = [1, 'ResponseHeader'] as const;

const MESSAGES = {
  ResponseHeader: message({ cluster_id: [1, 'uint64'], revision: [3, 'int64'] }),
  KeyValue: message({ key: [1, 'bytes'], mod_revision: [3, 'int64'], value: [5, 'bytes'] }),
  RangeRequest: message({
    key: [1, 'bytes'],
    range_end: [2, 'bytes'],
    limit: [3, 'int64'],
    revision: [4, 'int64'],
    keys_only: [8, 'bool'],
  }),
  RangeResponse: message({ header: HEADER, kvs: [2, 'KeyValue[]'], more: [3, 'bool'] }),
  PutRequest: message({ key: [1, 'bytes'], value: [2, 'bytes'], lease: [3, 'int64'] }),
  DeleteRangeRequest: message({ key: [1, 'bytes'] }),
  RequestOp: message(
    {
      request_range: [1, 'RangeRequest'],
      request_put: [2, 'PutRequest'],
      request_delete_range: [3, 'DeleteRangeRequest'],
    },
    { request: ['request_range', 'request_put', 'request_delete_range'] },
  ),
  ResponseOp: message({ response_range: [1, 'RangeResponse'] }),
  Compare: message(
    {
      result: [1, 'uint32'],
      target: [2, 'uint32'],
      key: [3, 'bytes'],
      mod_revision: [6, 'int64'],
      lease: [8, 'int64'],
    },
    { target_union: ['mod_revision', 'lease'] },
  ),
  TxnRequest: message({ compare: [1, 'Compare[]'], success: [2, 'RequestOp[]'] }),
  TxnResponse: message({ header: HEADER, succeeded: [2, 'bool'], responses: [3, 'ResponseOp[]'] }),
  WatchRequest: message(
    { create_request: [1, 'WatchCreateRequest'], progress_request: [3, 'WatchProgressRequest'] },
    { request_union: ['create_request', 'progress_request'] },
  ),
  WatchCreateRequest: message({
    key: [1, 'bytes'],
    range_end: [2, 'bytes'],
    start_revision: [3, 'int64'],
    progress_notify: [4, 'bool'],
    fragment: [8, 'bool'],
  }),
  WatchProgressRequest: message({}),
  WatchResponse: message({
    header: HEADER,
    watch_id: [2, 'int64'],
    created: [3, 'bool'],
    canceled: [4, 'bool'],
    compact_revision: [5, 'int64'],
    cancel_reason: [6, 'string'],
    fragment: [7, 'bool'],
    events: [11, 'Event[]'],
  }),
  Event: {
    nested: { EventType: { values: { PUT: 0, DELETE: 1 } } },
    ...message({ type: [1, 'EventType'], kv: [2, 'KeyValue'] }),
  },
  LeaseGrantRequest: message({ TTL: [1, 'int64'], ID: [2, 'int64'] }),
  LeaseGrantResponse: message({ ID: [2, 'int64'] }),
  LeaseRevokeRequest: message({ ID: [1, 'int64'] }),
  LeaseRevokeResponse: message({}),
  LeaseKeepAliveRequest: message({ ID: [1, 'int64'] }),
  LeaseKeepAliveResponse: message({ ID: [2, 'int64'], TTL: [3, 'int64'] }),
  AuthenticateRequest: message({ name: [1, 'string'], password: [2, 'string'] }),
  AuthenticateResponse: message({ token: [2, 'string'] }),
};

/** A revision fits a double; a cluster's id is rounded to one, which still tells clusters apart. */
export interface Header {
  readonly cluster_id: number;
  readonly revision: number;
}

export interface RawKeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly mod_revision: number;
}

export interface RangeResponse {
  readonly header: Header;
  readonly kvs: readonly RawKeyValue[];
  readonly more: boolean;
}

export interface WatchResponse {
  readonly header: Header;
  /** -1 on what belongs to no watch: the answer to a progress request. */
  readonly watch_id: number;
  readonly created: boolean;
  readonly canceled: boolean;
  /** Not 0: the watch was refused because what it wants lies before this revision. */
  readonly compact_revision: number;
  readonly cancel_reason: string;
  /** More of the same revision follows in the next response. */
  readonly fragment: boolean;
  readonly events: readonly { readonly type: 'PUT' | 'DELETE'; readonly kv: RawKeyValue }[];
}

export type RequestOp =
  | { readonly request_range: RangeRequest }
  | { readonly request_put: { readonly key: Buffer; readonly value: Buffer; readonly lease?: number } }
  | { readonly request_delete_range: { readonly key: Buffer } };

export interface RangeRequest {
  readonly key: Buffer;
  readonly range_end?: Buffer;
  readonly limit?: number;
  readonly revision?: number;
  readonly keys_only?: boolean;
}

export type WatchRequest =
  | {
      readonly create_request: {
        readonly key: Buffer;
        readonly range_end: Buffer;
        readonly start_revision: number;
        /** Say every ten minutes how far the watch is when nothing happens. */
        readonly progress_notify: boolean;
        /** Cut responses that are larger than the largest request. */
        readonly fragment: boolean;
      };
    }
  | { readonly progress_request: Readonly<Record<string, never>> };

const ETCD = new Interface('etcdserverpb.', MESSAGES);

export const RANGE = ETCD.method<RangeRequest, RangeResponse>('KV/Range', 'RangeRequest', 'RangeResponse');
/** Of Compare: whether a key is under a lease. */
export const UNDER_LEASE = { result: 0, target: 4 } as const;
/** Of Compare: whether a key was last written in a revision; in 0: there is none. */
export const WRITTEN_IN = { result: 0, target: 2 } as const;

/** What its operations answer; all of them are ranges, where any is. */
interface TxnResponse {
  readonly header: Header;
  readonly succeeded: boolean;
  readonly responses: readonly { readonly response_range?: RangeResponse }[];
}

export const TXN = ETCD.method<
  { readonly compare?: readonly object[]; readonly success: readonly RequestOp[] },
  TxnResponse
>('KV/Txn', 'TxnRequest', 'TxnResponse');
export const WATCH = ETCD.method<WatchRequest, WatchResponse>('Watch/Watch', 'WatchRequest', 'WatchResponse');
interface Lease {
  readonly ID: number;
  /** Seconds; 0 of one that is no more. */
  readonly TTL?: number;
}
export const LEASE_GRANT = ETCD.method<Lease, Lease>('Lease/LeaseGrant', 'LeaseGrantRequest', 'LeaseGrantResponse');
export const LEASE_REVOKE = ETCD.method<Lease, object>(
  'Lease/LeaseRevoke',
  'LeaseRevokeRequest',
  'LeaseRevokeResponse',
);
export const LEASE_KEEP_ALIVE = ETCD.method<Lease, Lease>(
  'Lease/LeaseKeepAlive',
  'LeaseKeepAliveRequest',
  'LeaseKeepAliveResponse',
);
export const AUTHENTICATE = ETCD.method<
  { readonly name: string; readonly password: string },
  { readonly token: string }
>('Auth/Authenticate', 'AuthenticateRequest', 'AuthenticateResponse');
