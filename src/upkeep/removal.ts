import { rmSync } from 'node:fs';
import { CacheError } from '../core/errors.ts';
import type { Tier } from '../tiers/tier.ts';

/** The names that a copy, its proof and an eviction give to what is not in its place. */
export const tempName = /^(?:[\d-]+|[\da-f]{32})\.part(\.\w+)*$|^[\da-f-]{36}\.leaving$/;

/** Takes a copy out of its place and frees its space. False when a program holds the file: the next start tries again. */
export function takenOut(tier: Tier, path: string): boolean {
  try {
    removed(tier.takeOut(path));
    return true;
  } catch (error) {
    if (error instanceof CacheError && error.code === 'IN_USE') return false;
    throw error;
  }
}

/** What cannot be removed now (held open on Windows, say) must not keep the daemon from its work. */
export function removed(path: string): boolean {
  try {
    rmSync(path, { force: true });
    return true;
  } catch {
    return false;
  }
}
