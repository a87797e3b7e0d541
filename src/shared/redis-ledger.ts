import { createHash } from 'node:crypto';
import type { S3Remote } from '../core/remote.ts';
import type { RedisLink } from '../redis/link.ts';
import { reservationMs, type SharedLedger } from './ledger.ts';

/** Deadline of a request to Redis, ms; without an answer this part of the work is skipped. */
const deadlineMs = 2000;

/**
 * KEYS: 1 contents, SHA-256 -> bytes; 2 their scores; 3 reservations, SHA-256 -> "host bytes ends"; 4 contents that the last listing did
 * not have. They share a slot of a cluster. The time is the server's.
 */
const common = `
local moment = redis.call('TIME')
local now = moment[1] * 1000 + math.floor(moment[2] / 1000)
local month = 2592000000
local function keep() for i = 1, 4 do redis.call('PEXPIRE', KEYS[i], month) end end
local function reservations()
  local live = {}
  local all = redis.call('HGETALL', KEYS[3])
  for i = 1, #all, 2 do
    local host, bytes, ends = string.match(all[i + 1], '^(%S+) (%d+) (%d+)$')
    if not ends or tonumber(ends) <= now then redis.call('HDEL', KEYS[3], all[i])
    else live[all[i]] = { host = host, bytes = tonumber(bytes) } end
  end
  return live
end
local function sum(values)
  local total = 0
  for _, value in ipairs(values) do total = total + tonumber(value) end
  return total
end
local function want(sha)
  local half = 604800000
  local use = now / half
  local before = tonumber(redis.call('ZSCORE', KEYS[2], sha) or '0')
  local more, less = math.max(before, use), math.min(before, use)
  redis.call('ZADD', KEYS[2], more + math.log(1 + 2 ^ (less - more)) / math.log(2), sha)
end
`;

/** ARGV: SHA-256, bytes, limit, host, lease. */
const reserveScript = `${common}
local sha, bytes = ARGV[1], tonumber(ARGV[2])
if redis.call('HEXISTS', KEYS[1], sha) == 1 then return 'there' end
local live = reservations()
if live[sha] and live[sha].host ~= ARGV[4] then return 'busy' end
local used = sum(redis.call('HVALS', KEYS[1]))
for other, one in pairs(live) do if other ~= sha then used = used + one.bytes end end
if used + bytes > tonumber(ARGV[3]) then return 'full' end
redis.call('HSET', KEYS[3], sha, ARGV[4] .. ' ' .. ARGV[2] .. ' ' .. string.format('%d', now + tonumber(ARGV[5])))
keep()
return 'reserved'`;

/** ARGV: SHA-256, host, lease. */
const renewScript = `${common}
local one = reservations()[ARGV[1]]
if one and one.host == ARGV[2] then
  redis.call('HSET', KEYS[3], ARGV[1], one.host .. ' ' .. string.format('%d', one.bytes) .. ' ' .. string.format('%d', now + tonumber(ARGV[3])))
end
return 1`;

/** ARGV: SHA-256, bytes. */
const writtenScript = `${common}
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('SREM', KEYS[4], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
if not redis.call('ZSCORE', KEYS[2], ARGV[1]) then want(ARGV[1]) end
keep()
return 1`;

/** ARGV: SHA-256, host. */
const releaseScript = `${common}
local one = reservations()[ARGV[1]]
if one and one.host == ARGV[2] then redis.call('HDEL', KEYS[3], ARGV[1]) end
return 1`;

/** ARGV: SHA-256. */
const wantedScript = `${common}
want(ARGV[1])
keep()
return 1`;

/** Answers the content with the lowest score, its bytes, and that score. Scores of absent contents are remembered. */
const leastScript = `${common}
for _, sha in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  local bytes = redis.call('HGET', KEYS[1], sha)
  if bytes then return { sha, bytes, redis.call('ZSCORE', KEYS[2], sha) } end
end
return false`;

/** Answers number, bytes and reserved bytes. */
const totalsScript = `${common}
local reserved = 0
for _, one in pairs(reservations()) do reserved = reserved + one.bytes end
return { redis.call('HLEN', KEYS[1]), string.format('%d', sum(redis.call('HVALS', KEYS[1]))), string.format('%d', reserved) }`;

/** ARGV: SHA-256 and bytes in turn, of all contents in the bucket. */
const agreeScript = `${common}
local found = {}
for i = 1, #ARGV, 2 do found[ARGV[i]] = true end
for _, sha in ipairs(redis.call('HKEYS', KEYS[1])) do
  if found[sha] then redis.call('SREM', KEYS[4], sha)
  elseif redis.call('SADD', KEYS[4], sha) == 0 then
    redis.call('HDEL', KEYS[1], sha)
    redis.call('SREM', KEYS[4], sha)
  end
end
for i = 1, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  if not redis.call('ZSCORE', KEYS[2], ARGV[i]) then want(ARGV[i]) end
end
keep()
return 1`;

/** The ledger of a farm, in its Redis. It fails with Redis; nothing is written into the store then. */
export class RedisLedger implements SharedLedger {
  readonly isCommon = true;
  readonly #link: Pick<RedisLink, 'ask'>;
  readonly #host: string;
  readonly #keys: string[];

  /** @param store names the bucket */
  constructor(link: Pick<RedisLink, 'ask'>, { farm, host, store }: { farm: string; host: string; store: string }) {
    this.#link = link;
    this.#host = host;
    this.#keys = ['contents', 'scores', 'reserved', 'missing'].map((what) => `ac:1:${farm}:{shared-${store}}:${what}`);
  }

  async reserve(sha256: string, bytes: number, limit: number): ReturnType<SharedLedger['reserve']> {
    const answer = await this.#run(reserveScript, [sha256, bytes, limit, this.#host, reservationMs]);
    return String(answer) as Awaited<ReturnType<SharedLedger['reserve']>>;
  }

  async renew(sha256: string): Promise<void> {
    await this.#run(renewScript, [sha256, this.#host, reservationMs]);
  }

  async written(sha256: string, bytes: number): Promise<void> {
    await this.#run(writtenScript, [sha256, bytes]);
  }

  async release(sha256: string): Promise<void> {
    await this.#run(releaseScript, [sha256, this.#host]);
  }

  async wanted(sha256: string): Promise<void> {
    await this.#run(wantedScript, [sha256]);
  }

  async least(): ReturnType<SharedLedger['least']> {
    const answer = await this.#run(leastScript, []);
    if (!Array.isArray(answer)) return null;
    const [sha256 = '', bytes = 0, score = 0] = answer.map(String);
    return { sha256, bytes: Number(bytes), score: Number(score) };
  }

  async scoreOf(sha256: string): Promise<number> {
    return Number((await this.#run("return redis.call('ZSCORE', KEYS[2], ARGV[1])", [sha256])) ?? 0);
  }

  async removed(sha256: string): Promise<void> {
    await this.#run("return redis.call('HDEL', KEYS[1], ARGV[1])", [sha256]);
  }

  async has(sha256: string): Promise<boolean> {
    return (await this.#run("return redis.call('HEXISTS', KEYS[1], ARGV[1])", [sha256])) === 1;
  }

  async totals(): ReturnType<SharedLedger['totals']> {
    const [files = 0, bytes = 0, reserved = 0] = ((await this.#run(totalsScript, [])) as unknown[]).map(Number);
    return { files, bytes, reserved };
  }

  async agreeWith(found: ReadonlyMap<string, number>): Promise<void> {
    await this.#run(agreeScript, [...found].flat());
  }

  #run(script: string, args: readonly (string | number)[]): Promise<unknown> {
    return this.#link.ask((redis) => redis.eval(script, this.#keys, args.map(String)), deadlineMs);
  }
}

/** The name of a store in keys: the same on all hosts. */
export function storeNameOf({ endpoint, bucket, prefix }: S3Remote): string {
  const named = JSON.stringify([endpoint, bucket, prefix]);
  return createHash('sha256').update(named).digest('hex').slice(0, 16);
}
