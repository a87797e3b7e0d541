import { rmSync } from 'node:fs';
import { CacheError } from '../../src/core/errors.ts';
import type { Tier } from '../../src/tiers/tier.ts';
import { systemError } from './faulty-fs.ts';

type Call = 'capacity' | 'check' | 'takeOut' | 'free';

/** The failure: an error of the system, a delay in ms, or the file's removal just before the call. */
type Wrong = 'ENOSPC' | 'EIO' | 'EBUSY' | 'EPERM' | 'vanish' | { delayMs: number };

interface Fault {
  call: Call;
  /** The number of the call that fails, from 1; `every` = all of them. */
  nth: number | 'every';
  wrong: Wrong;
}

export interface FaultyTier {
  tier: Tier;
  /** A fault that never happened proves nothing: @throws naming those that did not fire. */
  assertAllFired(): void;
}

/** A tier whose calls fail as specified; everything else is the tier's own. */
export function faultyTier(tier: Tier, faults: readonly Fault[]): FaultyTier {
  const calls = new Map<Call, number>();
  const fired = new Set<Fault>();

  /** Counts this call and returns its failure. */
  const wrongWith = (call: Call): Wrong | null => {
    const count = (calls.get(call) ?? 0) + 1;
    calls.set(call, count);
    const fault = faults.find((candidate) => candidate.call === call && (candidate.nth === 'every' || candidate.nth === count));
    if (fault) fired.add(fault);
    return fault?.wrong ?? null;
  };
  const sync = <T>(call: Call, path: string | null, work: () => T): T => {
    const wrong = wrongWith(call);
    if (wrong === 'vanish') {
      if (path === null) throw new Error(`${call} is about no file that could vanish`);
      rmSync(path, { force: true });
    } else if (typeof wrong === 'string') throw translated(call, wrong);
    else if (wrong) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, wrong.delayMs);
    return work();
  };

  return {
    tier: {
      ...tier,
      capacity: () => sync('capacity', null, () => tier.capacity()),
      check: (path, seal) => sync('check', path, () => tier.check(path, seal)),
      takeOut: (path) => sync('takeOut', path, () => tier.takeOut(path)),
      async free(leaving) {
        const wrong = wrongWith('free');
        if (typeof wrong === 'object' && wrong) await new Promise((resolve) => setTimeout(resolve, wrong.delayMs));
        else if (wrong === 'vanish') rmSync(leaving, { force: true });
        else if (wrong !== null) throw systemError(wrong);
        return tier.free(leaving);
      },
    },
    assertAllFired() {
      const silent = faults.filter((fault) => !fired.has(fault));
      if (silent.length > 0) throw new Error(`never fired: ${JSON.stringify(silent)}`);
    },
  };
}

/** A tier reports a file that the system does not release as in use (see `Tier.takeOut`). */
function translated(call: Call, wrong: 'ENOSPC' | 'EIO' | 'EBUSY' | 'EPERM'): Error {
  return call === 'takeOut' ? new CacheError('IN_USE', wrong, { cause: systemError(wrong) }) : systemError(wrong);
}
