import { createHmac, timingSafeEqual } from 'node:crypto';
import type { RedisLink } from '../redis/link.ts';
import { wordsKey } from './farm-key.ts';

/** Timeout of Redis, ms: a value of some MiB takes a while. */
const deadlineMs = 5000;
/** Maximum number of files, and maximum bytes of all in multiples of the largest. */
const mostFiles = 1000;
const mostTimes = 32;
/** Share of the Redis' memory limit that they may take, as 1/n, if it has one. */
const mostShare = 4;
/** Maximum wait for the host that reads a file for all, ms. */
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
 * KEYS: the same. ARGV: content, proof and bytes, maximum files and bytes, a share of the server's limit, lifetime of an unused file, ms.
 * The Redis also holds the directory: these files leave before that does.
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
 * Small files of a farm in its Redis, so that each is read from its origin once. Their bytes are bounded; the least recently used leave
 * first. All calls fail as Redis does; a missing file is read from the origin.
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

  /** @returns null when it is not there, or is not as a host of the farm put it there */
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

  /** Ends the reading. */
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
