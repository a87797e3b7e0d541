import type { Clock } from '../runtime/clock.ts';
import { InFlight } from '../runtime/in-flight.ts';
import { VerifyThread } from '../transfer/verify-thread.ts';
import type { BlobFiles, UnfinishedBlob } from './blob-files.ts';
import type { Blob, Blobs } from './blobs.ts';

/** Who comes while so many files are being synced waits for one of them: programs do not run ahead of the disk. */
const manySyncing = 2;

export interface PublisherDeps {
  files: BlobFiles;
  blobs: Blobs;
  clock: Clock;
  /** A blob is not what its name says, or, with an error, the disk has not taken it. */
  onLost(sha256: string, error?: unknown): void;
}

/**
 * Puts finished files under their names, with their rows. A result need not wait for its disk: what a loss of power could still change
 * says so in its row, and is hashed at the next start before it is served.
 */
export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #publishing = new InFlight<string, Blob>();
  readonly #syncing = new Set<Promise<void>>();
  /** What an earlier run has not synced, until it is hashed. */
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

  /** Of equal files that come at the same moment one is kept. */
  async publish(unfinished: UnfinishedBlob, sha256: string): Promise<Blob> {
    while (this.#syncing.size >= manySyncing) await Promise.race(this.#syncing);
    // With both renamed, the row could be that of the file that is gone. When the first fails, the next has its turn.
    while (this.#publishing.get(sha256)) {
      const blob = await this.#publishing.get(sha256)?.catch(() => null);
      if (blob) return blob;
    }
    return this.#publishing.run(sha256, async () => {
      const { blobs, clock } = this.#deps;
      const blob = { sha256, seal: await unfinished.publish(sha256) };
      const syncing = this.#sync(unfinished, blob).finally(() => this.#syncing.delete(syncing));
      this.#syncing.add(syncing);
      blobs.put(blob, clock.now());
      this.#doubtful.delete(sha256);
      return blob;
    });
  }

  /** Hashes what is doubtful. @throws CacheError CANCELLED */
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
      // Where a file that is read-only cannot be synced, it is hashed again at the next start.
      else if (blob)
        await files
          .sync(sha256)
          .then(() => blobs.synced(blob))
          .catch(() => {});
    }
  }

  /** Resolves when all that was published survives a loss of power. Never rejects. */
  async settled(): Promise<void> {
    await Promise.all(this.#syncing);
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
