import { CacheError } from '../core/errors.ts';
import type { Fingerprint } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Dep } from './entry.ts';

export interface SourceDepsDeps {
  clock: Clock;
  /** The file as it is now; null when it does not answer, which says nothing of it. */
  fingerprintOf(path: string): Promise<Fingerprint | 'missing' | null>;
}

/** A file that was looked at this recently is not looked at again, ms. */
const recentMs = 2000;
const mostKnown = 10_000;

/** The files that results came from: a result is served only while all of them are as they were. */
export class SourceDeps {
  readonly #deps: SourceDepsDeps;
  #known = new Map<string, { state: Promise<string | null>; until: number }>();

  constructor(deps: SourceDepsDeps) {
    this.#deps = deps;
  }

  /** As they are now, for a new result. */
  read(deps: readonly string[]): Promise<Dep[]> {
    return Promise.all([...new Set(deps)].map(async (dep) => ({ dep, state: await this.#state(dep) })));
  }

  /** False when one has changed. What does not answer is an outage, no change. */
  async areCurrent(deps: readonly Dep[]): Promise<boolean> {
    const states = await Promise.all(deps.map((dep) => this.compare(dep)));
    return !states.includes('changed');
  }

  /** In doubt a file has changed: nobody knows what it was when the result came. */
  async compare({ dep, state }: Dep): Promise<'same' | 'changed' | 'unknown'> {
    const now = await this.#state(dep);
    if (now === null) return 'unknown';
    return now === state ? 'same' : 'changed';
  }

  /** Somebody saw it change. */
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

export const fileScheme = 'file:';

function pathOf(dep: string): string {
  if (!dep.startsWith(fileScheme)) throw new CacheError('BAD_REQUEST', `${dep} is no file: it must begin with ${fileScheme}`);
  return dep.slice(fileScheme.length);
}
