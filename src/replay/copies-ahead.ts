import type { ForeseenFiles } from '../policy/foreseen-files.ts';
import { Ahead, type Means } from './ahead.ts';
import type { File } from './contents.ts';
import { SourceLines } from './source-lines.ts';
import type { Read, Run } from './trace.ts';

/** Copies that were made ahead of need. */
export interface MadeAhead {
  copies: number;
  bytes: number;
  /** Number of copies that were loaded before they left. */
  used: number;
  usedBytes: number;
}

/** The cache that they are made in. */
export interface HostOfCopies {
  /** Told of the time, seconds. */
  onTime(at: number): void;
  file(read: Read): File;
  holds(file: File): boolean;
  /** Makes room for a copy, which is held from then on. @returns false when the policy does not admit it */
  begin(file: File): boolean;
  drop(file: File): void;
  /** To the SSD, bytes. */
  written(bytes: number): void;
}

interface CopiesAheadDeps {
  runs: readonly Run[];
  arrived: readonly Read[];
  by: ReadonlySet<Means>;
  made: MadeAhead;
  host: HostOfCopies;
}

/**
 * Copies files of a host before they are loaded, if the policy admits them. Each copy takes the time of reading its source, where
 * programs have priority. A load during an unfinished copy counts as a miss.
 */
export class CopiesAhead {
  readonly #ahead: Ahead;
  readonly #lines: SourceLines<File>;
  readonly #host: HostOfCopies;
  readonly #made: MadeAhead;
  /** Pending copies, and copies made but not loaded yet. */
  readonly #coming = new Set<File>();
  readonly #early = new Set<File>();

  constructor({ runs, arrived, by, made, host }: CopiesAheadDeps) {
    this.#host = host;
    this.#made = made;
    this.#lines = new SourceLines<File>({
      onTime: (at) => host.onTime(at),
      begin: ({ file }) => this.#begin(file),
      done: ({ file }) => this.#done(file),
    });
    const onTime = (at: number) => {
      this.#lines.until(at);
      host.onTime(at);
    };
    let now = 0;
    this.#ahead = new Ahead({
      runs,
      arrived,
      by,
      onTime: (at) => {
        now = at;
        onTime(at);
      },
      want: (read, of) => {
        const file = host.file(read);
        const wanted = { file, left: read.size, isCertain: of === 'queue', begun: false };
        if (!host.holds(file)) this.#lines.want(read.sourceSpeed, wanted, now);
      },
    });
  }

  get foreseen(): ForeseenFiles {
    return this.#ahead.foreseen;
  }

  /** Advances the time, seconds. */
  until(at: number): void {
    this.#ahead.until(at);
  }

  /** A program loads a file. */
  read({ at, size, sourceSpeed }: Read, file: File): void {
    this.foreseen.loaded(file.path, at * 1000);
    const left = this.#lines.drop(sourceSpeed, file) ?? size;
    if (this.#coming.delete(file)) this.#host.drop(file);
    if (!this.#host.holds(file)) {
      // The file is loaded, and then copied as usual.
      this.#lines.busy(sourceSpeed, size + left, at);
      this.#early.delete(file);
    } else if (this.#early.delete(file)) {
      this.#made.used += 1;
      this.#made.usedBytes += size;
    }
  }

  #begin(file: File): boolean {
    if (this.#host.holds(file) || !this.#host.begin(file)) return false;
    this.#coming.add(file);
    return true;
  }

  #done(file: File): void {
    this.#coming.delete(file);
    // The copy may have left before it was finished.
    if (!this.#host.holds(file)) return;
    const { size } = file.fingerprint;
    this.#early.add(file);
    this.#made.copies += 1;
    this.#made.bytes += size;
    this.#host.written(size);
  }
}
