/**
 * WebAssembly, as far as it is needed here.
 *
 * Its types are part of the browser's in TypeScript, which a program for Node or Deno need not
 * have; so none of them appears in what this package declares.
 */

/** A `WebAssembly.Module`. */
export type CompiledModule = object;

interface Engine {
  Module: new (bytes: object) => CompiledModule;
  Instance: new (module: CompiledModule) => { exports: object };
  compile(bytes: object): Promise<CompiledModule>;
  instantiate(module: CompiledModule): Promise<{ exports: object }>;
}

export const engine = (globalThis as unknown as { WebAssembly: Engine }).WebAssembly;
