import { createHash } from 'node:crypto';

/** Maximum number of chunks in a run, which one host reads. */
const longestRun = 8;
/** Number of runs of a content, if it has so many chunks: enough for shares of about the same size. */
const usualRuns = 64;

/**
 * The parts of an origin that hosts read without a directory: each run falls to the host with the highest random weight for it (Thaler and
 * Ravishankar 1998). Hosts that know of each other agree without talking, and a host that is left out leaves its own runs to others, and
 * no more.
 */
export class OwnShare {
  readonly #host: string;
  readonly #runs: number;
  readonly #chunksPerRun: number;
  /** Host -> its weight for each run. */
  readonly #weights = new Map<string, Uint32Array>();

  constructor(host: string, chunks: number) {
    this.#host = host;
    this.#chunksPerRun = Math.max(1, Math.min(longestRun, Math.floor(chunks / usualRuns)));
    this.#runs = Math.ceil(chunks / this.#chunksPerRun);
  }

  /** The wanted chunks that fall to this host. @param others hosts that read parts of the origin too; null = some read all of it */
  of(wanted: readonly number[], others: readonly string[] | null): number[] {
    if (others === null) return [];
    const own = this.#weightsOf(this.#host);
    const theirs = others.map((host) => this.#weightsOf(host));
    return wanted.filter((chunk) => {
      const run = Math.floor(chunk / this.#chunksPerRun);
      return theirs.every((weights) => (weights[run] ?? 0) < (own[run] ?? 0));
    });
  }

  #weightsOf(host: string): Uint32Array {
    const known = this.#weights.get(host);
    if (known) return known;
    const seed = createHash('sha256').update(host).digest().readUInt32BE();
    const weights = Uint32Array.from({ length: this.#runs }, (_, run) => mixed(seed + Math.imul(run, 0x9e3779b9)));
    this.#weights.set(host, weights);
    return weights;
  }
}

/** The finalizer of MurmurHash3: every bit of the result depends on every one of the number. */
function mixed(number: number): number {
  let bits = number >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
