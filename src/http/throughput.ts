import type { JobView } from '../api/api.ts';
import type { Throughput as ThroughputView } from '../api/dashboard.ts';
import type { Services } from './services.ts';

const everyMs = 5000;
const kept = 60;

/** Copied bytes in each of the last 60 spans of 5 s, from the progress events of copies. */
export class Throughput {
  readonly #clock: Services['clock'];
  readonly #copied = new Map<number, number>();
  /** Number of the last span that was begun. */
  #number = 0;
  #bytes: number[] = [];

  constructor({ events, clock }: Pick<Services, 'events' | 'clock'>) {
    this.#clock = clock;
    events.subscribe((name, data) => {
      if (name === 'job-progress') this.#add(data as JobView);
      if (name !== 'job-done' && name !== 'job-failed') return;
      const job = data as JobView;
      // Small files end before any progress event. Bytes that a link shares were not copied.
      if (name === 'job-done' && this.#copied.has(job.id)) this.#add(job);
      this.#copied.delete(job.id);
    });
  }

  /** Oldest first; the last span is not over yet. */
  read(): ThroughputView {
    this.#advance();
    return { everyMs, bytes: [...new Array<number>(kept - this.#bytes.length).fill(0), ...this.#bytes] };
  }

  #add({ id, bytesDone }: JobView): void {
    this.#advance();
    // A resumed copy has its first bytes already.
    const before = this.#copied.get(id) ?? bytesDone;
    this.#copied.set(id, bytesDone);
    this.#bytes.push((this.#bytes.pop() ?? 0) + Math.max(0, bytesDone - before));
  }

  #advance(): void {
    const number = Math.floor(this.#clock.monotonic() / everyMs);
    const gone = Math.min(kept, this.#bytes.length === 0 ? 1 : number - this.#number);
    for (let step = 0; step < gone; step += 1) this.#bytes.push(0);
    this.#bytes = this.#bytes.slice(-kept);
    this.#number = number;
  }
}
