// Internals of assembly/table and assembly/ring for the tests.
export {};
