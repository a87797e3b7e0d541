/** Times after which nothing is expected of a running prompt, and of a waiting one, ms. */
const [runMs, waitMs] = [3600 * 1000, 24 * 3600 * 1000];
/** Maximum age of a reported queue, ms: a prompt that joined since stays. */
const lookMs = 10_000;
/** Maximum number of remembered prompts. */
const most = 1000;

interface Prompt {
  files: ReadonlySet<string>;
  /** Files that no program has loaded since; used only while the queue is unknown. */
  left: Set<string>;
  /** Wall-clock ms: when it was queued, or began. */
  since: number;
}

/**
 * The pending files of a queue of prompts, by their paths. A file counts once for each waiting prompt that uses it while the prompt
 * before does not: of prompts in a row with one model only the first loads it. Pending files of the running prompt count too.
 */
export class QueuedFiles {
  /** In the order of execution; the running one is not among them. */
  #waiting = new Map<string, Prompt>();
  #running: (Prompt & { id: string; loaded: Set<string> }) | null = null;
  /** Whether the order of the queue was ever reported; if not, only loads show that a prompt has ended. */
  #isTold = false;
  /** The counts, of all prompts and of those that wait for another one, until something changes or `until`, wall-clock ms. */
  #counts: { all: Map<string, number>; later: Map<string, number> } | null = null;
  #until = 0;

  /** A prompt joins the queue, as the last one. One that is known already gets these files. */
  add(id: string, files: Iterable<string>, now: number): void {
    const all = new Set(files);
    const prompt = { files: all, left: new Set(this.#isTold ? [] : all), since: this.#waiting.get(id)?.since ?? now };
    if (this.#running?.id === id) this.#running.files = prompt.files;
    else this.#waiting.set(id, prompt);
    for (const oldest of [...this.#waiting.keys()].slice(0, -most)) this.#waiting.delete(oldest);
    this.#counts = null;
  }

  /** A prompt begins; the one that ran has ended. */
  begin(id: string, now: number): void {
    if (this.#running?.id === id) return;
    const files = this.#waiting.get(id)?.files ?? new Set<string>();
    this.#running = { id, files, left: new Set(), loaded: new Set(), since: now };
    this.#waiting.delete(id);
    this.#counts = null;
  }

  /** The same while the queue is unknown: prompts that joined it earlier have ended too. */
  beginNext(id: string, now: number): void {
    if (this.#waiting.has(id)) {
      for (const earlier of [...this.#waiting.keys()]) {
        if (earlier === id) break;
        this.#waiting.delete(earlier);
      }
    }
    this.begin(id, now);
  }

  /** The running prompt has asked for this file. While the queue is unknown, a prompt whose files were all loaded since has ended. */
  loaded(file: string): void {
    if (!this.#isTold) this.#endLoaded(file);
    if (!this.#running || this.#running.loaded.has(file)) return;
    this.#running.loaded.add(file);
    if (this.#running.files.has(file)) this.#counts = null;
  }

  /** A prompt has ended or was taken out of the queue. */
  end(id: string): void {
    if (this.#running?.id === id) this.#running = null;
    else if (!this.#waiting.delete(id)) return;
    this.#counts = null;
  }

  /**
   * Sets the queue, in the order of execution; prompts that are not in it have ended or were taken out.
   * @param running the running one; left out when it is reported separately
   */
  is(ids: readonly string[], running: string | null | undefined, now: number): void {
    this.#isTold = true;
    if (running !== undefined && running !== null) this.begin(running, now);
    const waiting = ids.flatMap((id) => {
      const prompt = this.#waiting.get(id);
      return prompt ? [[id, prompt] as const] : [];
    });
    const joined = [...this.#waiting].filter(([id, { since }]) => since > now - lookMs && !ids.includes(id));
    this.#waiting = new Map([...waiting, ...joined]);
    if (this.#running && !ids.includes(this.#running.id)) this.#running = null;
    this.#counts = null;
  }

  /** Number of prompts that will load this file. @param now wall-clock ms */
  expected(file: string, now: number): number {
    const { all } = this.#counted(now);
    return all.size > 0 ? (all.get(file) ?? 0) : 0;
  }

  /** Number of prompts behind another one that will load this file; a copy begun at once is in time for them. @param now wall-clock ms */
  expectedLater(file: string, now: number): number {
    const { later } = this.#counted(now);
    return later.size > 0 ? (later.get(file) ?? 0) : 0;
  }

  #endLoaded(file: string): void {
    for (const [id, { left }] of this.#waiting) {
      if (left.delete(file) && left.size === 0) this.end(id);
    }
  }

  #counted(now: number): { all: ReadonlyMap<string, number>; later: ReadonlyMap<string, number> } {
    if (this.#counts && now < this.#until) return this.#counts;
    const counts = { all: new Map<string, number>(), later: new Map<string, number>() };
    const add = (file: string, to = counts.all) => to.set(file, (to.get(file) ?? 0) + 1);
    this.#until = Number.POSITIVE_INFINITY;
    const isExpected = ({ since }: Prompt, ms: number) => {
      if (now >= since + ms) return false;
      this.#until = Math.min(this.#until, since + ms);
      return true;
    };
    const running = this.#running;
    if (running && isExpected(running, runMs)) for (const file of running.files) if (!running.loaded.has(file)) add(file);
    let before = running?.files ?? new Set<string>();
    let waits = running !== null;
    for (const prompt of this.#waiting.values()) {
      if (!isExpected(prompt, waitMs)) continue;
      for (const file of prompt.files) {
        if (before.has(file)) continue;
        add(file);
        if (waits) add(file, counts.later);
      }
      [before, waits] = [prompt.files, true];
    }
    this.#counts = counts;
    return counts;
  }
}
