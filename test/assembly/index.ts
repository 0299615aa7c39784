// What the tests call inside the module: re-exports of internals, one file per room.

export * from './datapath';
export * from './engine';
export * from './table';
export * from './wire';
