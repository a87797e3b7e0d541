import { CacheError } from '../core/errors.ts';
import type { Fingerprint } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Dep } from './entry.ts';

export interface SourceDepsDeps {
  clock: Clock;
  /** The present fingerprint of the file; null when it does not answer, which proves no change. */
  fingerprintOf(path: string): Promise<Fingerprint | 'missing' | null>;
}

/** Maximum age of a check of a file before it is checked again, ms. */
const recentMs = 2000;
const mostKnown = 10_000;

/** The files that results came from: a result is served only while all of them are unchanged. */
export class SourceDeps {
  readonly #deps: SourceDepsDeps;
  #known = new Map<string, { state: Promise<string | null>; until: number }>();

  constructor(deps: SourceDepsDeps) {
    this.#deps = deps;
  }

  /** The present states of the files, for a new result. */
  read(deps: readonly string[]): Promise<Dep[]> {
    return Promise.all([...new Set(deps)].map(async (dep) => ({ dep, state: await this.#state(dep) })));
  }

  /** False when one has changed. A file that does not answer is an outage, no change. */
  async areCurrent(deps: readonly Dep[]): Promise<boolean> {
    const states = await Promise.all(deps.map((dep) => this.compare(dep)));
    return !states.includes('changed');
  }

  /** Compares a file with its stored state; a file with an unknown state counts as changed. */
  async compare({ dep, state }: Dep): Promise<'same' | 'changed' | 'unknown'> {
    const now = await this.#state(dep);
    if (now === null) return 'unknown';
    return now === state ? 'same' : 'changed';
  }

  /** To be called when a file was seen to change. */
  forget(dep: string): void {
    this.#known.delete(dep);
  }

  #state(dep: string): Promise<string | null> {
    const now = this.#deps.clock.monotonic();
    const known = this.#known.get(dep);
    if (known && now < known.until) return known.state;
    if (this.#known.size >= mostKnown) this.#known.clear();
    const state = this.#read(dep);
    this.#known.set(dep, { state, until: now + recentMs });
    return state;
  }

  async #read(dep: string): Promise<string | null> {
    const found = await this.#deps.fingerprintOf(pathOf(dep)).catch(() => null);
    if (found === null || found === 'missing') return found;
    const { size, mtimeNs, ctimeNs = '', ino } = found;
    return `${size} ${mtimeNs} ${ctimeNs} ${ino ?? ''}`;
  }
}

/**
 * Whether one of the files was written or replaced within a time: what was computed meanwhile may come from its former content. A later
 * time is that of another clock, and says nothing. Times in wall-clock ms.
 */
export function changedWithin(deps: readonly Dep[], { from, to }: { from: number; to: number }): boolean {
  return deps.some(({ state }) => {
    const [, mtimeNs = '', ctimeNs = ''] = state?.split(' ') ?? [];
    return [mtimeNs, ctimeNs].some((ns) => Number(ns) / 1e6 > from && Number(ns) / 1e6 <= to);
  });
}

export const fileScheme = 'file:';

function pathOf(dep: string): string {
  if (!dep.startsWith(fileScheme)) throw new CacheError('BAD_REQUEST', `${dep} is no file: it must begin with ${fileScheme}`);
  return dep.slice(fileScheme.length);
}
