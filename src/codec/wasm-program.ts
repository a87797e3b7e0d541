import { assemble, type WasmFunction } from './wasm-module.ts';

export interface WasmMemory {
  buffer: ArrayBuffer;
}

/** The part of the runtime's `WebAssembly` in use here; the type library has it only together with the browser's types. */
interface Wasm {
  Memory: new (size: { initial: number }) => WasmMemory;
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (module: object, imports: { env: { memory: WasmMemory } }) => { exports: unknown };
  validate(bytes: Uint8Array<ArrayBuffer>): boolean;
}

const wasm = (globalThis as { WebAssembly?: Wasm }).WebAssembly;

/** Functions that are assembled and compiled at their first use. */
export class WasmProgram<Exports> {
  readonly #functions: () => WasmFunction[];
  #compiled: object | null | undefined;

  constructor(functions: () => WasmFunction[]) {
    this.#functions = functions;
  }

  /**
   * The functions over this memory, or over a new one of at least so many bytes; null where the runtime lacks their instructions.
   */
  over(on: number | WasmMemory): { memory: WasmMemory; bytes: Uint8Array<ArrayBuffer>; exports: Exports } | null {
    this.#compiled ??= compile(this.#functions());
    if (!wasm || !this.#compiled) return null;
    const memory = typeof on === 'number' ? new wasm.Memory({ initial: Math.ceil(on / 65536) }) : on;
    const { exports } = new wasm.Instance(this.#compiled, { env: { memory } });
    return { memory, bytes: new Uint8Array(memory.buffer), exports: exports as Exports };
  }
}

function compile(functions: WasmFunction[]): object | null {
  const bytes = assemble(functions);
  return wasm?.validate(bytes) ? new wasm.Module(bytes) : null;
}
