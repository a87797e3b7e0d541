/** A copy that is wanted ahead of need. */
export interface Wanted<File> {
  file: File;
  /** Bytes that are still to be read. */
  left: number;
  /** Certain ones go first. */
  isCertain: boolean;
  begun: boolean;
}

export interface SourceLinesDeps<File> {
  /** Time goes on, to so many seconds. */
  onTime(at: number): void;
  /** Makes room for a copy. @returns whether it may begin */
  begin(wanted: Wanted<File>): boolean;
  done(wanted: Wanted<File>): void;
}

interface Line<File> {
  /** Bytes per second. */
  speed: number;
  /** Until then, seconds: all before is over, and programs and copies that they wait for read. */
  at: number;
  wanted: Wanted<File>[];
}

/**
 * What is read from the sources of a host ahead of need, and when: from each source one file at a time, at its speed, and only while no
 * program reads from it. Certain copies go first, then the one that was wanted first.
 */
export class SourceLines<File> {
  readonly #deps: SourceLinesDeps<File>;
  readonly #lines = new Map<number, Line<File>>();

  constructor(deps: SourceLinesDeps<File>) {
    this.#deps = deps;
  }

  /** A program reads so many bytes, seconds `at`: copies wait for it. */
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

  /** A program has loaded it meanwhile, or nobody wants it any more. @returns what was left of it, bytes; null when it was not wanted */
  drop(speed: number, file: File): number | null {
    const line = this.#lines.get(speed);
    const index = line?.wanted.findIndex((wanted) => wanted.file === file) ?? -1;
    if (!line || index < 0) return null;
    return line.wanted.splice(index, 1)[0]?.left ?? null;
  }

  /** Copies until then, seconds. */
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

  /** The line on which something happens first, of those that have not come as far as `before`. */
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
