import { createXXHash128 } from 'hash-wasm';
import { bufferOf } from '../runtime/buffer-of.ts';

/** Hashes one stream after the other. */
export interface StreamHash {
  update(bytes: Uint8Array): void;
  /** The hash of the bytes since the last digest, in hexadecimal. Begins the next stream. */
  digest(): string;
}

/** The library in machine code; null where it has none for this system. There WebAssembly hashes, with a fifth of the speed. */
const native = await import('xxhash-addon').then(
  ({ default: { XXHash128 } }) => XXHash128,
  () => null,
);
/** The library must be given a seed: without one it ends the process. */
const noSeed = Buffer.alloc(8);

/** Whether this system has the fast form. */
export const isNative = native !== null;

/** XXH3-128. */
export async function createXxh128(): Promise<StreamHash> {
  return native ? nativeXxh128(native) : portableXxh128();
}

function nativeXxh128(XXHash128: NonNullable<typeof native>): StreamHash {
  const hash = new XXHash128(noSeed);
  return {
    update(bytes) {
      hash.update(bufferOf(bytes));
    },
    digest() {
      const digest = hash.digest().toString('hex');
      hash.reset();
      return digest;
    },
  };
}

/** The same in WebAssembly, for systems without the other; for tests. */
export async function portableXxh128(): Promise<StreamHash> {
  const hash = (await createXXHash128()).init();
  return {
    update(bytes) {
      hash.update(bytes);
    },
    digest() {
      const digest = hash.digest('hex');
      hash.init();
      return digest;
    },
  };
}
