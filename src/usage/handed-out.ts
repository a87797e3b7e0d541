import { dirname } from 'node:path';
import type { ClientInfo } from '../api/api.ts';
import type { Clock } from '../runtime/clock.ts';
import { isSeenFromHere, processAt, recentProcessAt } from '../runtime/processes.ts';

/** A path that a program was given, the source behind it, and the program as `pid@process`. */
export interface HandedOutPath {
  path: string;
  source: string;
  program: string;
}

/** Silence after which an invisible program (in a container, not on Linux) counts as ended, ms. */
export const silentMs = 10 * 60_000;

/** Interval between two checks of whether a process runs, ms. */
const lookAgainMs = 1000;

interface Program {
  /** Monotonic ms, like `lookedAt`. */
  heardAt: number;
  lookedAt: number;
  runs: boolean;
}

/**
 * The paths of copies that running programs were given (law 7). A program may keep such a path and open it hours later, long after
 * its lease: a copy that leaves meanwhile is replaced by a link to the source. Held in memory; the catalog keeps it over a restart.
 */
export class HandedOut {
  readonly #clock: Clock;
  #byPath = new Map<string, { source: string; programs: Set<string> }>();
  #programs = new Map<string, Program>();
  readonly #directories = new Set<string>();
  #added: HandedOutPath[] = [];
  /** Called when there is something to save. */
  onAdded: () => void = () => {};
  #forgotten: string[] = [];

  constructor(clock: Clock, saved: readonly HandedOutPath[]) {
    this.#clock = clock;
    for (const one of saved) this.#enter(one);
    this.#added = [];
  }

  /** Notes that a client was given the path of a copy of this source. A client that does not name its process has only its lease. */
  note(path: string, source: string, client: ClientInfo | null): void {
    const program = programOf(client);
    if (program !== null) this.#enter({ path, source, program });
  }

  /** Notes a sign of life of a client. @returns whether its end is noticed without further signs */
  heard(client: ClientInfo): boolean {
    const program = programOf(client);
    if (program === null) return true;
    const known = this.#programs.get(program);
    if (known) known.heardAt = this.#clock.monotonic();
    return isSeenFromHere(processOf(program));
  }

  /** The source behind a path that a living program was given, or null. */
  sourceOf(path: string): string | null {
    const given = this.#byPath.get(path);
    return given && this.#isNeeded(given) ? given.source : null;
  }

  /** Every path that a program was given. */
  paths(): Iterable<string> {
    return this.#byPath.keys();
  }

  /** Every directory in which a path was given, also to programs that have ended. */
  directories(): ReadonlySet<string> {
    return this.#directories;
  }

  /** Paths that no living program was given, repeated until they are forgotten. */
  unneeded(): { path: string; source: string }[] {
    return [...this.#byPath].flatMap(([path, given]) => (this.#isNeeded(given) ? [] : [{ path, source: given.source }]));
  }

  forget(paths: readonly string[]): void {
    for (const path of paths) {
      this.#byPath.delete(path);
      this.#forgotten.push(path);
    }
    this.#added = this.#added.filter(({ path }) => this.#byPath.has(path));
    const needed = new Set([...this.#byPath.values()].flatMap(({ programs }) => [...programs]));
    for (const program of this.#programs.keys()) if (!needed.has(program)) this.#programs.delete(program);
  }

  /** Writes the changes since the last time; after a failure they are written again. */
  save(write: (changes: { added: readonly HandedOutPath[]; forgotten: readonly string[] }) => void): void {
    if (this.#added.length === 0 && this.#forgotten.length === 0) return;
    write({ added: this.#added, forgotten: this.#forgotten });
    this.#added = [];
    this.#forgotten = [];
  }

  #enter(one: HandedOutPath): void {
    const { path, source, program } = one;
    const heardAt = this.#clock.monotonic();
    const known = this.#programs.get(program);
    if (known) known.heardAt = heardAt;
    else this.#programs.set(program, { heardAt, lookedAt: Number.NEGATIVE_INFINITY, runs: true });
    const given = this.#byPath.get(path) ?? { source, programs: new Set() };
    if (given.source === source && given.programs.has(program)) return;
    this.#directories.add(dirname(path));
    this.#byPath.set(path, { source, programs: given.programs.add(program) });
    this.#added.push(one);
    if (this.#added.length === 1) this.onAdded();
  }

  #isNeeded({ programs }: { programs: ReadonlySet<string> }): boolean {
    return [...programs].some((program) => this.#runs(program));
  }

  #runs(program: string): boolean {
    const known = this.#programs.get(program);
    if (!known) return false;
    const now = this.#clock.monotonic();
    const process = processOf(program);
    if (!isSeenFromHere(process)) return now - known.heardAt < silentMs;
    if (now - known.lookedAt >= lookAgainMs) {
      known.runs = processAt(Number.parseInt(program, 10)) === process;
      known.lookedAt = now;
    }
    return known.runs;
  }
}

function programOf(client: ClientInfo | null): string | null {
  if (client?.pid === undefined) return null;
  const process = client.process ?? recentProcessAt(client.pid);
  return process === null ? null : `${client.pid}@${process}`;
}

function processOf(program: string): string {
  return program.slice(program.indexOf('@') + 1);
}
