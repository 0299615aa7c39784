/** A test file that imports this shows what depends on the engine: the runner runs it once with each. */
export {};
