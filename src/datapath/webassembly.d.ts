// The part of the WebAssembly JavaScript interface that this project uses. @types/node leaves it to TypeScript's "dom"
// library, which would also let browser globals such as `window` and `name` compile everywhere.

declare namespace WebAssembly {
  interface MemoryDescriptor {
    /** In pages of 64 KiB, as `maximum`. */
    initial: number;
    maximum?: number;
    shared?: boolean;
  }

  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer | SharedArrayBuffer;
  }

  class Table {
    readonly length: number;
  }

  class Global {
    readonly value: unknown;
  }

  type ExportValue = ((...args: never[]) => unknown) | Memory | Table | Global;

  class Module {
    constructor(bytes: ArrayBufferView | ArrayBuffer);
    static customSections(module: Module, name: string): ArrayBuffer[];
    static exports(module: Module): { name: string; kind: string }[];
    static imports(module: Module): { module: string; name: string; kind: string }[];
  }

  class Instance {
    constructor(module: Module, imports?: Record<string, Record<string, unknown>>);
    readonly exports: Record<string, ExportValue>;
  }

  class RuntimeError extends Error {}

  function compile(bytes: ArrayBufferView | ArrayBuffer): Promise<Module>;
  function instantiate(module: Module, imports?: Record<string, Record<string, unknown>>): Promise<Instance>;
}
