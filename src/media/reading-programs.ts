import { readdirSync, readFileSync } from 'node:fs';

/** Another program that has read from disks. */
export interface ReadingProgram {
  pid: number;
  name: string;
  /** Bytes since the last sample, or since its start. */
  bytes: number;
  /** Whether it waits for a disk at this moment. */
  waits: boolean;
}

/** Children of these do not count: processes of this program, and the kernel's own threads, which read for others. */
const parents = new Set([process.pid, 2]);
/** Number of steps in which all programs are sampled, so that the event loop never stops for hundreds of them. */
const looksForAll = 5;

/**
 * The programs that read from disks, as Linux reports them: those of the same user, or all for root; none on other systems.
 */
export class ReadingPrograms {
  readonly #proc: string;
  #read = new Map<number, number>();
  #pending: number[] = [];
  #eachLook = 0;

  constructor(proc = '/proc') {
    this.#proc = proc;
  }

  /** Samples the next few of all programs. @returns those that have read since their last sample */
  next(): ReadingProgram[] {
    if (this.#pending.length === 0) {
      this.#pending = this.#pids();
      this.#eachLook = Math.ceil(this.#pending.length / looksForAll);
      for (const pid of this.#read.keys()) if (!this.#pending.includes(pid)) this.#read.delete(pid);
    }
    return this.these(this.#pending.splice(0, this.#eachLook)).filter(({ bytes }) => bytes > 0);
  }

  /** Samples these, and returns them whether or not they have read. */
  these(pids: Iterable<number>): ReadingProgram[] {
    return [...pids].flatMap((pid) => this.#look(pid) ?? []);
  }

  #look(pid: number): ReadingProgram | null {
    const total = Number(/^read_bytes: (\d+)$/m.exec(this.#file(pid, 'io'))?.[1] ?? Number.NaN);
    if (Number.isNaN(total)) return null;
    const bytes = total - (this.#read.get(pid) ?? 0);
    this.#read.set(pid, total);
    // The name may have blanks and brackets in it.
    const [, name = '', state, parent] = /^\d+ \((.*)\) (\S) (\d+)/s.exec(this.#file(pid, 'stat')) ?? [];
    return parents.has(Number(parent)) ? null : { pid, name, bytes, waits: state === 'D' };
  }

  #pids(): number[] {
    try {
      return readdirSync(this.#proc)
        .map(Number)
        .filter((pid) => pid > 0 && pid !== process.pid);
    } catch {
      return [];
    }
  }

  #file(pid: number, name: string): string {
    try {
      return readFileSync(`${this.#proc}/${pid}/${name}`, 'utf8');
    } catch {
      return '';
    }
  }
}
