import { within } from '../runtime/deadline.ts';
import { InFlight } from '../runtime/in-flight.ts';
import { Periodic } from '../runtime/periodic.ts';
import type { Directory } from './directory.ts';
import type { SharedFiles } from './shared-files.ts';

/** Lifetime of the announcement of a whole content, ms; it is repeated three times as often, since a host has thousands of them. */
const wordMs = 30 * 60_000;
const repeatMs = wordMs / 3;
const beatMs = 5000;
/** Time in which the directory must answer for another host to leave its reads to this one, ms. */
const claimsMs = 250;

export interface AnnouncementsParts {
  directory: Pick<Directory, 'join'>;
  host: string;
  files: SharedFiles;
  /** Called with the other hosts that have something of a content. */
  onOthers?(id: string, others: string[]): void;
  /** Interval between two rounds, ms; for tests. */
  everyMs?: number;
}

/**
 * Announces to the directory which contents this host has whole. Each round repeats the announcements that are due, and at least one: if
 * the directory has forgotten that one, it has lost its memory, and everything is announced again at once.
 */
export class Announcements implements AsyncDisposable {
  readonly #parts: AnnouncementsParts;
  readonly #rounds: Periodic;
  /** Content -> time of its last announcement, ms of a monotonic clock; the oldest first. */
  readonly #said = new Map<string, number>();
  readonly #left = new Set<string>();
  readonly #asked = new InFlight<string, unknown>();

  constructor(parts: AnnouncementsParts) {
    this.#parts = parts;
    // After an outage of the directory, everything is announced again.
    const onError = () => this.#said.clear();
    this.#rounds = new Periodic(() => this.#round(), { everyMs: parts.everyMs ?? beatMs, onError });
  }

  begin(): void {
    void this.#rounds.now();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#rounds[Symbol.asyncDispose]();
  }

  /** Announces a content that has just become whole. */
  say(id: string): void {
    this.#left.delete(id);
    this.#said.delete(id);
    void this.#rounds.now();
  }

  withdraw(id: string): void {
    this.#said.delete(id);
    this.#left.add(id);
    void this.#rounds.now();
  }

  /**
   * Whether this host fetches a content and claims what no host has of it: the directory takes an announcement at this moment. Hosts ask
   * that do not reach it themselves.
   */
  async claims(id: string): Promise<boolean> {
    const file = this.#parts.files.of(id);
    if (!file?.unfinished || file.has.isFull) return false;
    const asked = this.#asked.run(id, () => this.#entry(id, file.has.chunks).announce(file.has, new Map()));
    const isTaken = asked.then(
      () => true,
      () => false,
    );
    return within(isTaken, claimsMs, false);
  }

  async #round(): Promise<void> {
    for (const id of this.#left) {
      await this.#entry(id, 1).leave();
      this.#left.delete(id);
    }
    const now = performance.now();
    const whole = this.#parts.files.whole();
    const [oldest] = this.#said.keys();
    const due = whole.filter((id) => id === oldest || now - (this.#said.get(id) ?? Number.NEGATIVE_INFINITY) >= repeatMs);
    for (const id of due) {
      const wasSaid = this.#said.delete(id);
      const file = this.#parts.files.of(id);
      if (file === undefined) continue;
      const { isKnown, others } = await this.#entry(id, file.has.chunks).announce(file.has, file.hashes, wordMs);
      this.#parts.onOthers?.(id, others);
      this.#said.set(id, now);
      if (!wasSaid || isKnown) continue;
      this.#said.clear();
      void this.#rounds.now();
      return;
    }
  }

  /** Without an origin: this host reads nothing of it. */
  #entry(id: string, chunks: number) {
    return this.#parts.directory.join({ id, chunks, origin: '', slots: 0 }, this.#parts.host);
  }
}
