// Internals of assembly/datapath for the tests, under the names they have there.

export * from '../../assembly/datapath/coalesce';
export * from '../../assembly/datapath/complete';
export * from '../../assembly/datapath/flow';
export { KIND_TCP, KIND_UDP } from '../../assembly/datapath/joinable';
export * from '../../assembly/datapath/segment';
export { workerAttach } from '../../assembly/datapath/worker';
