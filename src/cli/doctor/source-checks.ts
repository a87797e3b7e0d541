import type { Medium } from '../../core/types.ts';
import type { ReadSpeeds } from '../../sources/driver.ts';
import { type Finding, ok, warn } from './finding.ts';
import { speedText } from './speed-text.ts';

/** The roots on one disk or share. */
export interface SourceFacts {
  /** Null = not known: a root by itself. */
  device: string | null;
  fileSystem: string | null;
  kind: Medium;
  kindFrom: 'configured' | 'detected' | 'assumed';
  roots: string[];
  state: { is: 'measured'; speeds: ReadSpeeds } | { is: 'nothing' } | { is: 'away'; why: string };
}

export interface CacheSide {
  device: string | null;
  speeds: ReadSpeeds | null;
}

/** Minimum speed-up by a copy that is worth its space. */
const leastGain = 1.3;

/** Media of the models, and whether copies of them gain anything. */
export function sourceFindings(sources: readonly SourceFacts[], cache: CacheSide): Finding[] {
  if (sources.length === 0) {
    const todo = 'set AUTOCACHE_ROOTS=/path/to/models, or run: autocached comfyui install DIR, and start ComfyUI';
    return [warn('source', 'no folders with models are known', todo)];
  }
  return sources.map((source) => sourceFinding(source, cache));
}

function sourceFinding(source: SourceFacts, cache: CacheSide): Finding {
  const { kind, kindFrom, device, state } = source;
  const what = describe(source);
  if (state.is === 'away') {
    return warn('source', `${what} is away: ${state.why}`, 'mount it; cached models keep working meanwhile');
  }
  const speeds = state.is === 'measured' ? `: ${speedText(state.speeds)}` : ': no file of 8 MiB or more to measure with';
  if (kind === 'ssd') return ok('source', `${what} is fast; its files are not cached${speeds}`);
  if (device !== null && device === cache.device) {
    const todo = 'copies gain nothing there: set AUTOCACHE_DIR to another, faster disk';
    return warn('source', `${what} is on the disk of the cache${speeds}`, todo);
  }
  if (state.is === 'measured' && cache.speeds && !isWorthIt(state.speeds, cache.speeds)) {
    const sure = kindFrom === 'configured' ? '' : ` as AUTOCACHE_ROOTS=${source.roots[0]}=ssd`;
    const todo = `leave it alone: name it${sure} or in AUTOCACHE_EXCLUDE`;
    return warn('source', `${what} is about as fast as the cache${speeds}`, todo);
  }
  return ok('source', `${what}${speeds}`);
}

function isWorthIt(source: ReadSpeeds, cache: ReadSpeeds): boolean {
  // Reads that may come from memory say nothing about the disk.
  if (!source.direct) return true;
  return cache.bytesPerSecond > source.bytesPerSecond * leastGain || source.smallReadMs > cache.smallReadMs * leastGain;
}

function describe({ roots, kind, kindFrom, device, fileSystem }: SourceFacts): string {
  const [first = '', ...others] = roots;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const on = [fileSystem, device].filter((word) => word !== null && word !== '').join(' on ');
  return `${first}${more} (${kind}${kindFrom === 'assumed' ? '?' : ''}${on ? `, ${on}` : ''})`;
}
