/** A copy that is wanted ahead of need. */
export interface Wanted<File> {
  file: File;
  /** Bytes left to read. */
  left: number;
  /** Whether it is certain to be loaded; such copies go first. */
  isCertain: boolean;
  begun: boolean;
}

export interface SourceLinesDeps<File> {
  /** Told of the time, seconds. */
  onTime(at: number): void;
  /** Makes room for a copy. @returns whether it may begin */
  begin(wanted: Wanted<File>): boolean;
  done(wanted: Wanted<File>): void;
}

interface Line<File> {
  /** Bytes per second. */
  speed: number;
  /** Time up to which the line is simulated or busy with reads of programs, seconds. */
  at: number;
  wanted: Wanted<File>[];
}

/**
 * Schedules the reads ahead of need from a host's sources: one file at a time from each source, at its speed, and only while no program
 * reads from it. Certain copies go first, then the earliest wanted one.
 */
export class SourceLines<File> {
  readonly #deps: SourceLinesDeps<File>;
  readonly #lines = new Map<number, Line<File>>();

  constructor(deps: SourceLinesDeps<File>) {
    this.#deps = deps;
  }

  /** A program reads `bytes` at `at`, seconds: copies wait for it. */
  busy(speed: number, bytes: number, at: number): void {
    const line = this.#line(speed, at);
    line.at = Math.max(line.at, at) + bytes / speed;
  }

  want(speed: number, wanted: Wanted<File>, at: number): void {
    const line = this.#line(speed, at);
    const same = line.wanted.find(({ file }) => file === wanted.file);
    if (same) same.isCertain ||= wanted.isCertain;
    else line.wanted.push(wanted);
  }

  /** Drops a copy that is loaded or not wanted. @returns its unread bytes; null when it was not wanted */
  drop(speed: number, file: File): number | null {
    const line = this.#lines.get(speed);
    const index = line?.wanted.findIndex((wanted) => wanted.file === file) ?? -1;
    if (!line || index < 0) return null;
    return line.wanted.splice(index, 1)[0]?.left ?? null;
  }

  /** Simulates copies up to this time, seconds. */
  until(at: number): void {
    for (;;) {
      const next = this.#soonest(at);
      if (!next) break;
      const { line, wanted } = next;
      if (!wanted.begun) {
        this.#deps.onTime(line.at);
        wanted.begun = this.#deps.begin(wanted);
        if (!wanted.begun) remove(line, wanted);
        continue;
      }
      const end = line.at + wanted.left / line.speed;
      wanted.left = Math.max(0, wanted.left - (Math.min(end, at) - line.at) * line.speed);
      line.at = Math.min(end, at);
      if (end > at) continue;
      remove(line, wanted);
      this.#deps.onTime(end);
      this.#deps.done(wanted);
    }
    for (const line of this.#lines.values()) line.at = Math.max(line.at, at);
  }

  /** The line with the earliest event before `before`. */
  #soonest(before: number): { line: Line<File>; wanted: Wanted<File> } | null {
    let soonest: { line: Line<File>; wanted: Wanted<File>; at: number } | null = null;
    for (const line of this.#lines.values()) {
      const wanted = line.wanted.find(({ isCertain }) => isCertain) ?? line.wanted[0];
      if (!wanted || line.at >= before) continue;
      const at = line.at + (wanted.begun ? wanted.left / line.speed : 0);
      if (!soonest || at < soonest.at) soonest = { line, wanted, at };
    }
    return soonest;
  }

  #line(speed: number, at: number): Line<File> {
    const line = this.#lines.get(speed) ?? { speed, at, wanted: [] };
    this.#lines.set(speed, line);
    return line;
  }
}

function remove<File>(line: Line<File>, wanted: Wanted<File>): void {
  line.wanted.splice(line.wanted.indexOf(wanted), 1);
}
