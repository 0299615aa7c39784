/** Seeds that found something once, each with what it was. They run before all others. */
export const CORPUS: readonly number[] = [];
