import { rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CacheError } from '../../core/errors.ts';
import { type Identity, LlamaServer } from './llama-server.ts';
import { type SavedSlot, SavedSlots } from './saved-slots.ts';

// Loaded together, on demand.
export { LlamaServer, SavedSlots };

/** Minimum share of the restored tokens that counts as reused; a server computes the last ones again. */
const leastShare = 0.9;

/** Text after a restored prompt, as a question after a manual. */
const continuation = '\n\n1';

export interface Saved {
  name: string;
  file: string;
  model: string;
  build: string;
  tokens: number;
  bytes: number;
  /** Time in which the prompt was computed, ms. */
  computeMs: number;
  /** Earlier files that were removed to make room. */
  removed: string[];
}

export interface Restored {
  name: string;
  file: string;
  /** Tokens that the server reports as read. */
  restored: number;
  /** Tokens that the next request did not compute; null when the server does not report them. */
  reused: number | null;
  tokens: number;
  isReused: boolean;
  /** Only by a request that goes on where the saved prompt ends: this model cannot go back in what was restored. */
  onlyContinued: boolean;
}

interface SaveOptions {
  name: string;
  prompt: string;
  slot: number;
  /** The server's directory of slots as this machine sees it, and the maximum bytes of our files in it. */
  bound: { dir: string; limit: number } | null;
  /** Wall-clock ms. */
  now: number;
}

/** Computes a prompt and has the server save it. @throws CacheError */
export async function save(
  server: LlamaServer,
  slots: SavedSlots,
  { name, prompt, slot, bound, now }: SaveOptions,
): Promise<Saved> {
  const identity = await server.identity(slot);
  const file = slots.fileOf(name, identity, prompt);
  const { ms: computeMs } = await server.compute(prompt, slot);
  const { tokens, bytes } = await server.save(slot, file);
  const there = bound === null ? bytes : sizeOf(join(bound.dir, file));
  if (tokens === 0 || bytes === 0 || there !== bytes) {
    throw new CacheError(
      'CONFLICT',
      `the server says that it has saved ${tokens} tokens in ${bytes} bytes, ${there ?? 0} are there`,
      {
        hint: 'Is --dir its --slot-save-path?',
      },
    );
  }
  slots.keep({ name, file, ...identity, prompt, tokens, bytes, savedAt: now });
  const removed = bound === null ? [] : makeRoom(slots, file, bound);
  const { model, build } = identity;
  return { name, file, model, build, tokens, bytes, computeMs, removed };
}

/**
 * Restores a saved prompt, and requests one token after it: the tokens that the server then computes are the proof. The first request
 * goes on where the prompt ends, the second one has the prompt alone, for which the server goes back by a token: hybrid models and those
 * with a sliding window cannot (llama.cpp #28194). @throws CacheError
 */
export async function restore(
  server: LlamaServer,
  slots: SavedSlots,
  { name, slot }: { name: string; slot: number },
): Promise<Restored> {
  const identity: Identity = await server.identity(slot);
  const { file, prompt } = slots.find(name, identity);
  const proofOf = async (question: string | (number | string)[]) => {
    // The slot's own contents must not count as restored.
    await server.erase(slot);
    const restored = await server.restore(slot, file);
    const { tokens, reused } = await server.compute(question, slot);
    const isReused = restored > 0 && reused !== null && reused >= leastShare * Math.min(restored, tokens);
    return { name, file, restored, reused, tokens, isReused };
  };
  const continued = await proofOf([...(await server.tokensOf(prompt)), continuation]);
  if (!continued.isReused) return { ...continued, onlyContinued: false };
  const again = await proofOf(prompt);
  return again.isReused ? { ...again, onlyContinued: false } : { ...continued, onlyContinued: true };
}

/** Removes our oldest files until the others are within the limit. The newest stays. */
function makeRoom(slots: SavedSlots, newest: string, { dir, limit }: { dir: string; limit: number }): string[] {
  const there = slots.all().flatMap((slot) => {
    const bytes = sizeOf(join(dir, slot.file));
    return bytes === null ? [] : [{ slot, bytes }];
  });
  let held = there.reduce((sum, { bytes }) => sum + bytes, 0);
  const leaving: SavedSlot[] = [];
  for (const { slot, bytes } of there.toReversed()) {
    if (held <= limit) break;
    if (slot.file === newest) continue;
    leaving.push(slot);
    held -= bytes;
  }
  for (const slot of leaving) {
    rmSync(join(dir, slot.file), { force: true });
    slots.forget(slot);
  }
  return leaving.map(({ file }) => file);
}

/** Null when there is no such file. */
function sizeOf(path: string): number | null {
  const found = statSync(path, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : null;
}
