// Internals of assembly/engine for the tests.

export { arrivalOf, joinedSize, saidOf } from '../../assembly/engine/descriptors';
