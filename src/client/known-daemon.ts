import { stat } from 'node:fs/promises';
import { remoteFromEnvironment } from '../config/env.ts';
import type { Remote } from '../config/remote.ts';
import { daemonFilePath, type FoundDaemon, findDaemon } from './daemon-file.ts';

/** The daemon of a state directory. Reads `daemon.json` again only when it has changed; a new one means a new daemon. */
export class KnownDaemon {
  readonly #stateDir: string;
  readonly #changed: () => void;
  #remote: Remote | null = null;
  #seen = '';
  #daemon: FoundDaemon | null = null;

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
    const { mtimeNs, size, ino } = await stat(daemonFilePath(this.#stateDir), { bigint: true });
    const now = `${mtimeNs} ${size} ${ino}`;
    if (now !== this.#seen) {
      this.#daemon = findDaemon(this.#stateDir);
      this.#seen = now;
      this.#changed();
    }
    this.#daemon ??= findDaemon(this.#stateDir);
    return this.#daemon;
  }

  /** After trouble: its files are read again. */
  forget(): void {
    this.#daemon = null;
  }
}
