import type { CopyHooks } from '../../src/transfer/each-block.ts';

/** Hooks of a copy that nobody watches and nothing slows down. */
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
