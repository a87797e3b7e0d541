import { stat } from 'node:fs/promises';
import { remoteFromEnvironment } from '../config/env.ts';
import type { Remote } from '../config/remote.ts';
import { daemonFilePath, type FoundDaemon, findDaemon } from './daemon-file.ts';

/** Interval between two looks at `daemon.json`, ms: a look takes a good part of a hit, and no daemon restarts within the interval. */
const lookMs = 50;

/** The daemon of a state directory. Reads `daemon.json` again only when it has changed; a new one means a new daemon. */
export class KnownDaemon {
  readonly #stateDir: string;
  readonly #changed: () => void;
  #remote: Remote | null = null;
  #seen = '';
  #daemon: FoundDaemon | null = null;
  #lookedAt = Number.NEGATIVE_INFINITY;

  /** @param changed called when another daemon has taken its place */
  constructor(stateDir: string, changed: () => void) {
    this.#stateDir = stateDir;
    this.#changed = changed;
  }

  /** @throws CacheError as `findDaemon` does, and Error of node:fs */
  async find(): Promise<FoundDaemon> {
    this.#remote ??= remoteFromEnvironment();
    // In a container there is no such file, and the environment does not change.
    if (this.#remote.url !== null) {
      this.#daemon ??= findDaemon(this.#stateDir, this.#remote);
      return this.#daemon;
    }
    const now = performance.now();
    if (this.#daemon && now - this.#lookedAt < lookMs) return this.#daemon;
    const { mtimeNs, size, ino } = await stat(daemonFilePath(this.#stateDir), { bigint: true });
    const stamp = `${mtimeNs} ${size} ${ino}`;
    this.#lookedAt = now;
    if (stamp !== this.#seen) {
      this.#daemon = findDaemon(this.#stateDir);
      this.#seen = stamp;
      this.#changed();
    }
    this.#daemon ??= findDaemon(this.#stateDir);
    return this.#daemon;
  }

  /** Forgets the daemon after trouble, so that its files are read again. */
  forget(): void {
    this.#daemon = null;
  }
}
