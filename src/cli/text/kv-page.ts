import { counted, formatBytes, formatCount, formatDuration } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import type { Restored, Saved } from '../kv/kv.ts';

/** The page of `kv save`. */
export function savedPage({ name, tokens, bytes, computeMs, removed, model, build }: Saved): string {
  const saved = `saved ${name}: ${counted(tokens, 'token')} in ${formatBytes(bytes)}, computed in ${formatDuration(computeMs)}`;
  const left = removed.length === 0 ? [] : [`${counted(removed.length, 'older file')} left to make room`];
  return [saved, `for ${model}, llama.cpp ${build}`, ...left].map(plain).join('\n');
}

/** The page of `kv restore`. */
export function restoredPage({ name, restored, reused, tokens, isReused, onlyContinued }: Restored): string {
  const said = plain(`restored ${name}: the server has read ${counted(restored, 'token')}`);
  if (reused === null) return `${said}\nit does not say how many the next request reused: nothing is proven`;
  const share = `${formatCount(reused)} of ${counted(tokens, 'token')}`;
  if (onlyContinued) {
    return [
      said,
      `proven: a request that goes on where the saved prompt ends reused ${share}`,
      'any other one computes all of it anew: this model cannot go back in what was restored',
    ].join('\n');
  }
  if (isReused) return `${said}\nproven: the next request reused ${share}`;
  return `${said}\nthis server does not reuse what it restores: the next request reused ${share}`;
}
