import { createXXHash128, type IHasher } from 'hash-wasm';
import { blockBytes, memoryOf, secret, stripeBytes, Xxh3Memory } from './xxh3-kernel.ts';

/** Hashes one stream after the other. */
export interface StreamHash {
  update(bytes: Uint8Array): void;
  /** The hash of the bytes since the last digest, in hexadecimal. Begins the next stream. */
  digest(): string;
}

/** XXH3-128, with the kernel of this room where the runtime has its instructions. */
export async function createXxh128(): Promise<StreamHash> {
  staging ??= Xxh3Memory.create(stagingBytes);
  if (!staging) return new SimpleHash(await createXXHash128());
  short ??= createXXHash128().then((hash) => new SimpleHash(hash));
  return new Xxh128(await short, staging);
}

/** Bytes from elsewhere are hashed in pieces of this size, which stay in the processor's cache between the copy and the hash. */
const stagingBytes = 64 * 1024;
let staging: Xxh3Memory | null | undefined;
/** Hashes each of its streams in one go, so one hasher serves all. */
let short: Promise<StreamHash> | undefined;

export class SimpleHash implements StreamHash {
  readonly #hash: IHasher;

  constructor(hash: IHasher) {
    this.#hash = hash.init();
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  digest(): string {
    const digest = this.#hash.digest('hex');
    this.#hash.init();
    return digest;
  }
}

const [prime32_1, prime32_2, prime32_3] = [0x9e3779b1n, 0x85ebca77n, 0xc2b2ae3dn];
const [prime64_1, prime64_2, prime64_3] = [0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n];
const [prime64_4, prime64_5] = [0x85ebca77c2b2ae63n, 0x27d4eb2f165667c5n];
const start = [prime32_3, prime64_1, prime64_2, prime64_3, prime64_4, prime32_2, prime64_5, prime32_1];

class Xxh128 implements StreamHash {
  /** The hasher for streams of at most one block, which follow other rules. Their cost is negligible. */
  readonly #short: StreamHash;
  readonly #staging: Xxh3Memory;
  readonly #lanes = BigUint64Array.from(start);
  /** The last stripe of the block before, then the block held back: it may be the stream's last, which is not scrambled. */
  readonly #held = new Uint8Array(stripeBytes + blockBytes);
  #heldBytes = 0;
  #added = 0;

  constructor(shortStreams: StreamHash, memory: Xxh3Memory) {
    this.#short = shortStreams;
    this.#staging = memory;
  }

  update(bytes: Uint8Array): void {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#heldBytes === blockBytes) {
        this.#addBlocks(this.#held.subarray(stripeBytes));
        this.#heldBytes = 0;
      }
      if (this.#heldBytes === 0 && rest.length > blockBytes) {
        const whole = rest.length - 1 - ((rest.length - 1) % blockBytes);
        this.#addBlocks(rest.subarray(0, whole));
        rest = rest.subarray(whole);
      }
      const part = rest.subarray(0, blockBytes - this.#heldBytes);
      this.#held.set(part, stripeBytes + this.#heldBytes);
      this.#heldBytes += part.length;
      rest = rest.subarray(part.length);
    }
  }

  digest(): string {
    if (this.#added === 0) this.#short.update(this.#held.subarray(stripeBytes, stripeBytes + this.#heldBytes));
    else this.#addLastBlock();
    const digest = this.#added === 0 ? this.#short.digest() : longDigest(this.#lanes, this.#added + this.#heldBytes);
    this.#lanes.set(start);
    this.#heldBytes = 0;
    this.#added = 0;
    return digest;
  }

  #addBlocks(blocks: Uint8Array): void {
    const memory = memoryOf(blocks);
    if (memory) memory.addBlocks(this.#lanes, blocks);
    for (let at = 0; !memory && at < blocks.length; at += stagingBytes) {
      this.#staging.addBlocks(this.#lanes, this.#staged(blocks.subarray(at, at + stagingBytes)));
    }
    this.#added += blocks.length;
    this.#held.set(blocks.subarray(-stripeBytes));
  }

  /** Adds its whole stripes (one less if it ends with a whole one), then the last stripe of the stream under a key of its own. */
  #addLastBlock(): void {
    const [from, until] = [stripeBytes, stripeBytes + this.#heldBytes];
    const held = this.#staged(this.#held);
    const stripes = Math.floor((this.#heldBytes - 1) / stripeBytes);
    this.#staging.addStripes(this.#lanes, 0, held.subarray(from, from + stripes * stripeBytes));
    this.#staging.addStripes(this.#lanes, secret.length - stripeBytes - 7, held.subarray(until - stripeBytes, until));
  }

  #staged(bytes: Uint8Array): Uint8Array {
    const { bytes: memory } = this.#staging;
    memory.set(bytes);
    return memory.subarray(0, bytes.length);
  }
}

const mask = 2n ** 64n - 1n;
const key = new DataView(secret.buffer, secret.byteOffset, secret.length);

function longDigest(lanes: BigUint64Array, length: number): string {
  const low = merged(lanes, 11, BigInt(length) * prime64_1);
  const high = merged(lanes, secret.length - stripeBytes - 11, ~(BigInt(length) * prime64_2));
  return [high, low].map((half) => half.toString(16).padStart(16, '0')).join('');
}

/** Folds the lanes to 64 bits under the key at `keyAt` in the secret. */
function merged(lanes: BigUint64Array, keyAt: number, seed: bigint): bigint {
  let sum = seed;
  for (let lane = 0; lane < lanes.length; lane += 2) {
    const [a, b] = [lane, lane + 1].map((one) => (lanes[one] ?? 0n) ^ key.getBigUint64(keyAt + 8 * one, true)) as [
      bigint,
      bigint,
    ];
    const product = a * b;
    sum += (product & mask) ^ (product >> 64n);
  }
  sum &= mask;
  sum = ((sum ^ (sum >> 37n)) * 0x165667919e3779f9n) & mask;
  return sum ^ (sum >> 32n);
}
