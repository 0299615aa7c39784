// The loops that `npm run bench` times, inside Wasm so that no call from JavaScript is part of what they measure. Each
// answers something made of every step's result: the host checks it, and nothing can be optimised away.

export * from './empty';
export * from './fdb';
export * from './frames';
export * from './offload';
export * from './random';
export * from './wire';
