import { standardCategories } from '../comfyui/categories.ts';
import { dayMs, type PastLoad } from '../core/loads.ts';
import { type Trace, TraceBuilder } from './trace.ts';

const title = 'ts,submit_ts,node,run,file,kind,size,tier,speed,hit,ram_hit,ratio';

/** Known compression ratios, file size over size of the compressed copy, by path. */
export type Ratios = ReadonlyMap<string, number>;

/** A trace of a daemon's recorded loads, with its start, wall-clock ms: midnight UTC, so that it has the hour of the day. */
export class RecordedTrace {
  readonly #traced = new TraceBuilder();
  readonly #ratios: Ratios;
  #start: number | null = null;

  constructor(ratios: Ratios = new Map()) {
    this.#ratios = ratios;
  }

  /** Adds a load, unless its medium is so fast that a copy gains nothing. */
  add(load: PastLoad): void {
    if (load.medium === 'ssd' || load.sourceSpeed <= 0) return;
    this.#start ??= startOf(load);
    const seconds = (ms: number) => (ms - (this.#start ?? 0)) / 1000;
    const { at, path: file, size, sourceSpeed, category, run, queuedAt } = load;
    const ratio = this.#ratios.get(file);
    const known = { ...(run !== null && { run: String(run) }), ...(ratio !== undefined && { ratio }) };
    const read = { at: seconds(at), file, size, sourceSpeed, dtype: null, category, ...known };
    this.#traced.add({ read, node: '', submitted: run === null ? null : seconds(queuedAt ?? at) });
  }

  /** Wall-clock ms; null without any load. */
  get start(): number | null {
    return this.#start;
  }

  trace(name: string): Trace {
    return this.#traced.trace(name);
  }
}

/** The lines of an anonymous trace: files have numbers, and times begin with the first day. */
export class TraceLines {
  readonly title = title;
  readonly #files = new Map<string, number>();
  readonly #ratios: Ratios;
  #start: number | null = null;

  constructor(ratios: Ratios = new Map()) {
    this.#ratios = ratios;
  }

  line({ at, path, category, size, medium, sourceSpeed, hit, run, queuedAt }: PastLoad): string {
    this.#start ??= startOf({ at });
    const file = this.#files.get(path) ?? this.#files.size + 1;
    this.#files.set(path, file);
    const seconds = (ms: number) => ((ms - (this.#start ?? 0)) / 1000).toFixed(2);
    // A category of the user's own may have any name.
    const kind = category !== null && Object.hasOwn(standardCategories, category) ? category : 'other';
    const submitted = run === null ? '' : seconds(queuedAt ?? at);
    return [
      seconds(at),
      submitted,
      0,
      run ?? '',
      `f${file}`,
      kind,
      size,
      medium,
      Math.round(sourceSpeed),
      hit ? 1 : 0,
      0,
      this.#ratios.get(path)?.toFixed(3) ?? '',
    ].join();
  }
}

function startOf({ at }: Pick<PastLoad, 'at'>): number {
  return Math.floor(at / dayMs) * dayMs;
}
