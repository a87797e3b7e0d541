import type { Clock } from '../runtime/clock.ts';
import { InFlight } from '../runtime/in-flight.ts';
import { VerifyThread } from '../transfer/verify-thread.ts';
import type { BlobFiles, UnfinishedBlob } from './blob-files.ts';
import type { Blob, Blobs } from './blobs.ts';
import { Syncs } from './syncs.ts';

export interface PublisherDeps {
  files: BlobFiles;
  blobs: Blobs;
  clock: Clock;
  /** A blob does not match its name, or, with an error, could not be written to the disk. */
  onLost(sha256: string, error?: unknown): void;
}

/**
 * Gives finished files their names and rows. A result need not wait for its disk: the row of a file that a loss of power could still
 * change marks it as unsynced, and it is hashed at the next start before it is served.
 */
export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #publishing = new InFlight<string, Blob>();
  readonly #syncs = new Syncs();
  /** Blobs that an earlier run has not synced, until they are hashed. */
  readonly #doubtful: Set<string>;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#doubtful = new Set(deps.blobs.unsynced());
  }

  isPublishing(sha256: string): boolean {
    return this.#publishing.get(sha256) !== undefined;
  }

  isDoubtful(sha256: string): boolean {
    return this.#doubtful.has(sha256);
  }

  /** Publishes a file; of equal files at the same time one is kept. */
  async publish(unfinished: UnfinishedBlob, sha256: string): Promise<Blob> {
    await this.#syncs.room();
    // If both were renamed, the row could describe the replaced file. When the first fails, the next takes its turn.
    while (this.#publishing.get(sha256)) {
      const blob = await this.#publishing.get(sha256)?.catch(() => null);
      if (blob) return blob;
    }
    return this.#publishing.run(sha256, async () => {
      const { blobs, clock } = this.#deps;
      const blob = { sha256, seal: await unfinished.publish(sha256) };
      this.#syncs.add(blob.seal.size, () => this.#sync(unfinished, blob));
      blobs.put(blob, clock.now());
      this.#doubtful.delete(sha256);
      return blob;
    });
  }

  /** Hashes doubtful blobs. @throws CacheError CANCELLED */
  async check(signal: AbortSignal): Promise<void> {
    if (this.#doubtful.size === 0) return;
    const { files, blobs, onLost } = this.#deps;
    using thread = new VerifyThread();
    signal.addEventListener('abort', () => thread[Symbol.dispose](), { once: true });
    for (const sha256 of this.#doubtful) {
      const found = await thread.sha256(files.pathOf(sha256));
      // It may have been published anew meanwhile.
      if (!this.#doubtful.delete(sha256)) continue;
      const blob = blobs.find(sha256);
      if (found !== sha256) onLost(sha256);
      // A read-only file that cannot be synced is hashed again at the next start.
      else if (blob)
        await files
          .sync(sha256)
          .then(() => blobs.synced(blob))
          .catch(() => {});
    }
  }

  /** A program begins to write a file that will be published. */
  expect(): void {
    this.#syncs.expect();
  }

  /** Resolves when all published blobs survive a loss of power. Never rejects. */
  settled(): Promise<void> {
    return this.#syncs.settled();
  }

  /** Never rejects. */
  async #sync(unfinished: UnfinishedBlob, blob: Blob): Promise<void> {
    try {
      await unfinished.sync();
      this.#deps.blobs.synced(blob);
    } catch (error) {
      this.#deps.onLost(blob.sha256, error);
    }
  }
}
