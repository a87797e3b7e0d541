import { hash, randomBytes } from 'node:crypto';
import type { RedisCommands } from '../../redis/connection.ts';
import type { RedisLink } from '../../redis/link.ts';
import { type Framed, frame, lengthOf, mostFramed, unframe } from './frame.ts';

/** The number is that of the format. */
const prefix = 'autocached:memo:1';
/** Size of the first read, bytes; most values are not longer. */
const firstBytes = 64 * 1024;
/** Minimum assumed speed of the network, bytes per ms: longer values get that much more time. */
const bytesPerMs = 100 * 1024;
/** Timeout of a write, which happens after all answers, ms. */
const writeMs = 5000;
const day = 24 * 3600_000;
/** Maximum time to live in Redis, also of values without end, ms. */
export const longestKeptMs = 30 * day;
/** Time to live of a mark, longer than that of any value with it, ms. */
const markKeptMs = longestKeptMs + day;

/** A valid value, or why there is none. `elapsedMs`: time since it was written. */
export type Read =
  | { state: 'found'; framed: Framed; elapsedMs: number; bytes: number }
  | { state: 'missing' | 'invalidated' | 'foreign' | 'damaged' };

/**
 * Results in Redis. A value counts only while all of its marks are as they were when it was written: a mark that was removed, replaced,
 * evicted or lost takes the values with it, whichever machine has written them, and their number does not matter.
 */
export class RemoteValues {
  readonly #link: RedisLink;
  readonly #deadlineMs: number;

  /** @param deadlineMs deadline of a read, ms */
  constructor(link: RedisLink, deadlineMs: number) {
    this.#link = link;
    this.#deadlineMs = deadlineMs;
  }

  /** @throws RedisTrouble */
  async read(ns: string, key: string): Promise<Read> {
    const name = valueName(ns, key);
    const until = performance.now() + this.#deadlineMs;
    const ask = <T>(question: (redis: RedisCommands) => Promise<T>, moreMs = 0) =>
      this.#link.ask(question, Math.max(0, until - performance.now()) + moreMs);
    const [first, leftMs] = await ask((redis) => Promise.all([redis.getRange(name, 0, firstBytes - 1), redis.pTTL(name)]));
    if (first.length === 0) return { state: 'missing' };
    const length = lengthOf(first) ?? first.length;
    const isLong = length > first.length && first.length === firstBytes && length <= mostFramed;
    const rest = isLong ? await ask((redis) => redis.getRange(name, firstBytes, mostFramed), length / bytesPerMs) : null;
    const whole = rest === null ? first : Buffer.concat([first, rest]);
    const framed = unframe(whole);
    if (framed === 'foreign') return { state: framed };
    const { head } = framed === 'damaged' ? { head: null } : framed;
    if (framed === 'damaged' || head?.ns !== ns || head.key !== key) return { state: 'damaged' };
    const current = await ask((redis) => Promise.all(Object.keys(framed.head.marks).map((mark) => redis.get(markName(mark)))));
    const marks = Object.values(framed.head.marks);
    if (!marks.every((mark, index) => current[index]?.toString() === mark)) return { state: 'invalidated' };
    // A value without a time to live in Redis counts as the oldest possible.
    const elapsedMs = Math.max(0, framed.head.keptMs - Math.max(0, leftMs));
    return { state: 'found', framed, elapsedMs, bytes: whole.length };
  }

  /** @param marks names of the marks that invalidate it @returns its size, bytes @throws RedisTrouble */
  write(framed: Framed, marks: readonly string[]): Promise<number> {
    const { head, text, blobs } = framed;
    return this.#link.ask(async (redis) => {
      const current = await Promise.all(marks.map(async (mark) => [mark, await this.#mark(redis, markName(mark))]));
      const whole = frame({ head: { ...head, marks: Object.fromEntries(current) }, text, blobs });
      await redis.set(valueName(head.ns, head.key), whole, { PX: head.keptMs });
      return whole.length;
    }, writeMs);
  }

  /** @throws RedisTrouble */
  async remove(ns: string, key: string): Promise<void> {
    await this.#link.ask((redis) => redis.del(valueName(ns, key)), writeMs);
  }

  /** Makes all values with this mark invalid. @throws RedisTrouble */
  async invalidate(mark: string): Promise<void> {
    await this.#link.ask((redis) => redis.del(markName(mark)), writeMs);
  }

  /** The value of a mark, or a new one. It outlives the value that gets it. */
  async #mark(redis: RedisCommands, name: string): Promise<string> {
    const made = Buffer.from(randomBytes(12).toString('hex'));
    const isMade = (await redis.set(name, made, { PX: markKeptMs, NX: true })) !== null;
    if (isMade) return made.toString();
    await redis.pExpire(name, markKeptMs);
    // A mark that has just gone makes the value invalid, which costs one computation.
    return (await redis.get(name))?.toString() ?? '';
  }
}

function valueName(ns: string, key: string): string {
  return `${prefix}:value:${hash('sha256', `${ns}\0${key}`)}`;
}

/** The name of a mark, hashed because a tag may be long and a path is private. */
function markName(mark: string): string {
  return `${prefix}:mark:${hash('sha256', mark)}`;
}
