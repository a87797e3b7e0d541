import { assemble, type WasmFunction } from './wasm-module.ts';

/** The part of the runtime's `WebAssembly` in use here; the type library has it only together with the browser's types. */
interface Wasm {
  Memory: new (size: { initial: number }) => { buffer: ArrayBuffer };
  Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  Instance: new (module: object, imports: { env: { memory: object } }) => { exports: unknown };
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

  /** The functions over new memory of at least so many bytes; null where the runtime lacks their instructions. */
  over(size: number): { bytes: Uint8Array<ArrayBuffer>; exports: Exports } | null {
    this.#compiled ??= compile(this.#functions());
    if (!wasm || !this.#compiled) return null;
    const memory = new wasm.Memory({ initial: Math.ceil(size / 65536) });
    const { exports } = new wasm.Instance(this.#compiled, { env: { memory } });
    return { bytes: new Uint8Array(memory.buffer), exports: exports as Exports };
  }
}

function compile(functions: WasmFunction[]): object | null {
  const bytes = assemble(functions);
  return wasm?.validate(bytes) ? new wasm.Module(bytes) : null;
}
