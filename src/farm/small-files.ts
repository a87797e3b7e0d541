import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RedisLink } from '../redis/link.ts';
import { wordsKey } from './farm-key.ts';

/** A value of some MiB takes its time, ms. */
const deadlineMs = 5000;
/** Files and bytes that lie there together: so many, and so many times the largest. */
const mostFiles = 1000;
const mostTimes = 32;
/** Part of the memory that the Redis may take, where that is bounded. */
const mostShare = 4;
/** Who reads a file for all is waited for so long, ms. */
const claimMs = 3000;
/** Bytes of a proof. */
const proofBytes = 32;

const week = 7 * 24 * 3_600_000;

/** KEYS: 1 the files, content -> proof and bytes; 2 contents by the time of their last use. ARGV: content. */
const takeScript = `
local moment = redis.call('TIME')
local now = string.format('%d.%06d', moment[1], moment[2])
local found = redis.call('HGET', KEYS[1], ARGV[1])
if found then redis.call('ZADD', KEYS[2], now, ARGV[1]) end
return found`;

/**
 * KEYS: the same. ARGV: content, proof and bytes, files and bytes at most, a share of the server's bound, an end of what is unused, ms.
 * Its memory also holds who has what: these files leave before that does.
 */
const putScript = `
local moment = redis.call('TIME')
local now = string.format('%d.%06d', moment[1], moment[2])
local most = tonumber(ARGV[4])
local bound = tonumber(string.match(redis.call('INFO', 'memory'), 'maxmemory:(%d+)') or '0')
if bound > 0 then most = math.min(most, bound / tonumber(ARGV[5])) end
if #ARGV[2] > most then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
local sum, oldest = 0, tonumber(moment[1]) - tonumber(ARGV[6]) / 1000
for place, content in ipairs(redis.call('ZREVRANGE', KEYS[2], 0, -1)) do
  sum = sum + redis.call('HSTRLEN', KEYS[1], content)
  local isOld = tonumber(redis.call('ZSCORE', KEYS[2], content)) < oldest
  if content ~= ARGV[1] and (sum > most or place > tonumber(ARGV[3]) or isOld) then
    sum = sum - redis.call('HSTRLEN', KEYS[1], content)
    redis.call('HDEL', KEYS[1], content)
    redis.call('ZREM', KEYS[2], content)
  end
end
return 1`;

/**
 * Small files of a farm in its Redis, so that each is read from its origin once. A bounded number of bytes, the least recently used of
 * which leave first. All calls fail as Redis does; what is missing is read from the origin.
 */
export class SmallFiles {
  readonly #link: Pick<RedisLink, 'ask'>;
  readonly #secret: Buffer;
  readonly #prefix: string;

  constructor(link: Pick<RedisLink, 'ask'>, farm: string, key: Buffer) {
    this.#link = link;
    this.#secret = wordsKey(key);
    this.#prefix = `ac:1:${farm}:{small}`;
  }

  /** @returns null when it is not there, or was not put there by a host of the farm as it is */
  async take(content: string): Promise<Buffer | null> {
    const found = await this.#link.ask((redis) => redis.eval(takeScript, this.#keys, [content]), deadlineMs);
    if (!Buffer.isBuffer(found) || found.length < proofBytes) return null;
    const bytes = found.subarray(proofBytes);
    return timingSafeEqual(found.subarray(0, proofBytes), this.#proofOf(content, bytes)) ? bytes : null;
  }

  /** @param largest the size of the largest small file: all together may take 32 times as much */
  async put(content: string, bytes: Buffer, largest: number): Promise<void> {
    const value = Buffer.concat([this.#proofOf(content, bytes), bytes]);
    const bounds = [mostFiles, mostTimes * largest, mostShare, week].map(String);
    await this.#link.ask((redis) => redis.eval(putScript, this.#keys, [content, value, ...bounds]), deadlineMs);
  }

  /** Takes over the reading of a file from its origin. @returns false while another host reads it */
  async claim(content: string): Promise<boolean> {
    const options = { PX: claimMs, NX: true } as const;
    return (await this.#link.ask((redis) => redis.set(this.#claim(content), Buffer.from('1'), options), deadlineMs)) !== null;
  }

  /** The reading is over. */
  async release(content: string): Promise<void> {
    await this.#link.ask((redis) => redis.del(this.#claim(content)), deadlineMs);
  }

  get #keys(): string[] {
    return ['files', 'used'].map((what) => `${this.#prefix}:${what}`);
  }

  #claim(content: string): string {
    return `${this.#prefix}:claim:${content}`;
  }

  #proofOf(content: string, bytes: Buffer): Buffer {
    return createHmac('sha256', this.#secret).update(`small\n${content}\n`).update(bytes).digest();
  }
}
