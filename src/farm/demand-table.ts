import { halfLifeMs } from '../core/votes.ts';
import type { RedisLink } from '../redis/link.ts';

/** Timeout of Redis, ms; no caller waits for these counts. */
const deadlineMs = 2000;
/** Maximum number of files; the least wanted are forgotten. */
const mostFiles = 10_000;
/** Counts above two to this power are none of autocached's. */
const mostDoublings = 32;
/** Time after its last wish at which a file is forgotten, ms. */
const monthMs = 30 * 24 * 3_600_000;

/**
 * KEYS: counts of wishes, file -> log2 of the sum of 2^(time / half-life) over their times: compared as it is, and never counted down. The
 * time is the server's. ARGV: half-life, maximum number of files, lifetime, ms; then files, one for each wish.
 */
const wantedScript = `
local moment = redis.call('TIME')
local use = (moment[1] * 1000 + math.floor(moment[2] / 1000)) / tonumber(ARGV[1])
for i = 4, #ARGV do
  local before = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[i]) or '0')
  local more, less = math.max(before, use), math.min(before, use)
  redis.call('ZADD', KEYS[1], more + math.log(1 + 2 ^ (less - more)) / math.log(2), ARGV[i])
end
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[2]))
return redis.call('PEXPIRE', KEYS[1], ARGV[3])`;

/** KEYS: the same. ARGV: half-life, ms. Answers the present, in half-lives, and files with their counts in turn. */
const allScript = `
local moment = redis.call('TIME')
local now = (moment[1] * 1000 + math.floor(moment[2] / 1000)) / tonumber(ARGV[1])
return { string.format('%.17g', now), redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES') }`;

/** Demand of all hosts of a farm for files, in its Redis: counts that fade as those of each host do (core/votes.ts). */
export class DemandTable {
  readonly #link: Pick<RedisLink, 'ask'>;
  readonly #key: string;

  constructor(link: Pick<RedisLink, 'ask'>, farm: string) {
    this.#link = link;
    this.#key = `ac:1:${farm}:{demand}:hot`;
  }

  /** Counts a wish for each of these files. @throws RedisTrouble */
  async wanted(files: readonly string[]): Promise<void> {
    const args = [...[halfLifeMs, mostFiles, monthMs].map(String), ...files];
    await this.#link.ask((redis) => redis.eval(wantedScript, [this.#key], args), deadlineMs);
  }

  /** What the hosts have wanted, the most wanted files last. @throws RedisTrouble */
  async all(): Promise<Demanded> {
    const answer = await this.#link.ask((redis) => redis.eval(allScript, [this.#key], [String(halfLifeMs)]), deadlineMs);
    const [present, flat] = answer as [Buffer, Buffer[]];
    const [now, orders] = [Number(present), new Map<string, number>()];
    if (!Number.isFinite(now)) throw new Error('the Redis of the farm has no time');
    for (let at = Math.max(0, flat.length - 2 * mostFiles); at + 1 < flat.length; at += 2) {
      const order = Number(flat[at + 1]);
      if (order < now + mostDoublings) orders.set(String(flat[at]), order);
    }
    return { now, orders };
  }
}

/** Wishes of all hosts: lasting orders (core/votes.ts) by file, and the present, in half-lives of the server's clock. */
export interface Demanded {
  now: number;
  orders: ReadonlyMap<string, number>;
}
