/** A test file that imports this changes or counts what belongs to the whole process: the runner lets it share none. */
export {};
