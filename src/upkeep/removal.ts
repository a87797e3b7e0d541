import { rmSync } from 'node:fs';
import { CacheError } from '../core/errors.ts';
import type { Tier } from '../tiers/tier.ts';

/** The names of unfinished and leaving files, proofs included. */
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

/** Removes a file if possible; one that is held open (on Windows, say) must not stop the daemon. */
export function removed(path: string): boolean {
  try {
    rmSync(path, { force: true });
    return true;
  } catch {
    return false;
  }
}
