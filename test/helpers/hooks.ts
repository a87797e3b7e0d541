import type { CopyHooks } from '../../src/transfer/each-block.ts';

/** Hooks of a copy without watchers or delays. */
export function quiet(): CopyHooks {
  return {
    progress: () => {},
    resuming: () => {},
    paced: () => false,
    ask: async () => {},
    urgent: () => false,
    signal: new AbortController().signal,
  };
}
