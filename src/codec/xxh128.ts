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
  if (native === null) return portableXxh128();
  const hash = new native(noSeed);
  return inTurn({
    update: (bytes) => hash.update(bufferOf(bytes)),
    digest: () => hash.digest().toString('hex'),
    restart: () => hash.reset(),
  });
}

/** The same in WebAssembly, for systems without the other; for tests. */
export async function portableXxh128(): Promise<StreamHash> {
  const hash = (await createXXHash128()).init();
  return inTurn({ update: (bytes) => hash.update(bytes), digest: () => hash.digest('hex'), restart: () => hash.init() });
}

function inTurn(library: { update(bytes: Uint8Array): unknown; digest(): string; restart(): unknown }): StreamHash {
  return {
    update(bytes) {
      library.update(bytes);
    },
    digest() {
      const digest = library.digest();
      library.restart();
      return digest;
    },
  };
}
