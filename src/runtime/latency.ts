import type { Percentiles } from '../api/stats.ts';

const kept = 4096;

/** Durations of answers: percentiles of the last ones, count and sum of all. Bounded memory. Times in ms. */
export class Latency {
  readonly #values = new Float64Array(kept);
  #count = 0;
  #sum = 0;

  push(ms: number): void {
    this.#values[this.#count % kept] = ms;
    this.#count += 1;
    this.#sum += ms;
  }

  total(): { count: number; ms: number } {
    return { count: this.#count, ms: this.#sum };
  }

  percentiles(): Percentiles {
    const sorted = this.#values.slice(0, Math.min(this.#count, kept)).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}
