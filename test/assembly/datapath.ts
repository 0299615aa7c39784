// Internals of assembly/datapath for the tests, under the names they have there.

export * from '../../assembly/engine/output/gro-list';
export * from '../../assembly/offload/checksum-offload';
export * from '../../assembly/datapath/flow';
export { KIND_TCP, KIND_UDP } from '../../assembly/offload/flow-of';
export * from '../../assembly/offload/gso';
export { workerAttach } from '../../assembly/datapath/worker';
