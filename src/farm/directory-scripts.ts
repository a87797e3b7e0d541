/**
 * The steps of the directory that Redis performs as one. All keys of a content share a hash tag, and so a slot of a cluster. The
 * time is the server's: hosts' clocks are never compared. Each key of a content lives for seven days after its last change, its events for
 * ten minutes: a host that knows older ones asks for the holders again.
 *
 * KEYS: 1 the hashes, 32 bytes for each chunk, zeros = unknown; 2 claims, fence -> "from to ends"; 3 what hosts have, host -> bits;
 * 4 hosts by the end of their announcement; 5 the stream of events; 6 chunk -> the host that has read it from the origin, or "+" for two of
 * them, as far as reported by hosts that believe no single one.
 */
const common = `
local week = 604800000
local moment = redis.call('TIME')
local now = moment[1] * 1000 + math.floor(moment[2] / 1000)
local zeros = string.rep('\\0', 32)
local known
local function hashes()
  known = known or redis.call('GET', KEYS[1]) or ''
  return known
end
local function hash(chunk)
  local found = string.sub(hashes(), chunk * 32 + 1, chunk * 32 + 32)
  if #found == 32 and found ~= zeros then return found end
end
local function setHash(chunk, value)
  redis.call('SETRANGE', KEYS[1], chunk * 32, value)
  redis.call('PEXPIRE', KEYS[1], week)
end
local function author(chunk) return redis.call('HGET', KEYS[6], chunk) end
local function has(bits, chunk)
  local byte = string.byte(bits, math.floor(chunk / 8) + 1) or 0
  return bit.band(bit.rshift(byte, chunk % 8), 1) == 1
end
local function claims()
  local live = {}
  local all = redis.call('HGETALL', KEYS[2])
  for i = 1, #all, 2 do
    local from, to, ends = string.match(all[i + 1], '^(%d+) (%d+) (%d+)$')
    if tonumber(ends) <= now then redis.call('HDEL', KEYS[2], all[i])
    else live[all[i]] = { from = tonumber(from), to = tonumber(to) } end
  end
  return live
end
local function setClaim(fence, from, to, lease)
  redis.call('HSET', KEYS[2], fence, from .. ' ' .. to .. ' ' .. string.format('%d', now + lease))
  redis.call('PEXPIRE', KEYS[2], week)
end
local function prune()
  for _, host in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now)) do
    redis.call('ZREM', KEYS[4], host)
    redis.call('HDEL', KEYS[3], host)
  end
end
local function keepWord(host, bits, lease)
  redis.call('HSET', KEYS[3], host, bits)
  redis.call('ZADD', KEYS[4], now + lease, host)
  redis.call('PEXPIRE', KEYS[3], week)
  redis.call('PEXPIRE', KEYS[4], week)
end
local function tell(host, chunk)
  redis.call('XADD', KEYS[5], 'MAXLEN', '~', 10000, '*', 'host', host, 'chunk', chunk)
  redis.call('PEXPIRE', KEYS[5], 600000)
end
local function gain(host, chunk, lease)
  local bits = redis.call('HGET', KEYS[3], host) or ''
  local at = math.floor(chunk / 8) + 1
  if #bits < at then bits = bits .. string.rep('\\0', at - #bits) end
  local byte = bit.bor(string.byte(bits, at), bit.lshift(1, chunk % 8))
  keepWord(host, string.sub(bits, 1, at - 1) .. string.char(byte) .. string.sub(bits, at + 1), lease)
  tell(host, chunk)
end
`;

/** ARGV: chunks, length, lease, fence, bits of what the host lacks, 1 where two have to read it. Answers from and to, or nothing. */
export const claimScript = `${common}
local chunks, length, lease, lacks = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[5]
local taken = {}
for _, claim in pairs(claims()) do for chunk = claim.from, claim.to - 1 do taken[chunk] = true end end
local function isRead(chunk)
  if ARGV[6] == '1' then return author(chunk) == '+' end
  return hash(chunk)
end
local function free(chunk) return chunk < chunks and has(lacks, chunk) and not taken[chunk] and not isRead(chunk) end
local from = 0
while from < chunks and not free(from) do from = from + 1 end
if from == chunks then return false end
local to = from + 1
while to - from < length and free(to) do to = to + 1 end
setClaim(ARGV[4], from, to, lease)
return { from, to }`;

/** ARGV: fence, lease. Answers 1, or 0 when the claim has ended. */
export const renewScript = `${common}
local claim = claims()[ARGV[1]]
if not claim then return 0 end
setClaim(ARGV[1], claim.from, claim.to, tonumber(ARGV[2]))
return 1`;

/** ARGV: fence. */
export const releaseScript = `return redis.call('HDEL', KEYS[2], ARGV[1])`;

/** ARGV: host, chunk, lease of its announcement, fence, SHA-256, 1 where two have to read it. Answers a `ReadAnswer`. */
export const readScript = `${common}
local chunk = tonumber(ARGV[2])
local first = hash(chunk)
if first and first ~= ARGV[5] then return 'differs' end
if not first then
  local claim = claims()[ARGV[4]]
  if not claim or chunk < claim.from or chunk >= claim.to then return 'fenced' end
  setHash(chunk, ARGV[5])
end
if ARGV[6] == '1' then
  local by = author(chunk)
  if by ~= '+' and by ~= ARGV[1] then redis.call('HSET', KEYS[6], chunk, by and '+' or ARGV[1]) end
  redis.call('PEXPIRE', KEYS[6], week)
end
gain(ARGV[1], chunk, tonumber(ARGV[3]))
return 'known'`;

/** ARGV: host, chunk, lease of its announcement. */
export const gotScript = `${common}
gain(ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]))
return 1`;

/** ARGV: number of chunks, the chunks, hosts that are not believed. */
export const lostScript = `${common}
prune()
local without = {}
local count = tonumber(ARGV[1])
for i = count + 2, #ARGV do without[ARGV[i]] = true end
local all = redis.call('HGETALL', KEYS[3])
for i = 2, count + 1 do
  local chunk = tonumber(ARGV[i])
  local held = false
  for k = 1, #all, 2 do if not without[all[k]] and has(all[k + 1], chunk) then held = true end end
  if not held then
    if hash(chunk) then setHash(chunk, zeros) end
    redis.call('HDEL', KEYS[6], chunk)
  end
end
return 1`;

/**
 * ARGV: maximum number of hosts. Answers the hashes, hosts with their bits in turn, the last event, which host has read which chunk, and
 * the number of all hosts.
 */
export const holdersScript = `${common}
prune()
local all = redis.call('HLEN', KEYS[3])
local have
if all > tonumber(ARGV[1]) then have = redis.call('HRANDFIELD', KEYS[3], ARGV[1], 'WITHVALUES')
else have = redis.call('HGETALL', KEYS[3]) end
local last = redis.call('XREVRANGE', KEYS[5], '+', '-', 'COUNT', 1)
return { hashes(), have, last[1] and last[1][1] or '0-0', redis.call('HGETALL', KEYS[6]), all }`;

/**
 * ARGV: the last event that the host knows, and maximum number of hosts. Answers the later ones; nothing when the stream was lost, has
 * forgotten some of them, or has more hosts.
 */
export const newsScript = `
if redis.call('HLEN', KEYS[3]) > tonumber(ARGV[2]) then return false end
if ARGV[1] ~= '0-0' then
  local known = redis.call('XRANGE', KEYS[5], ARGV[1], ARGV[1])
  if #known == 0 then return false end
end
return redis.call('XRANGE', KEYS[5], '(' .. ARGV[1], '+')`;

/** ARGV: host, bits, lease. Answers the hashes, to which the host can add unknown ones, whether it was known itself, and all hosts. */
export const announceScript = `${common}
prune()
local isKnown = redis.call('HEXISTS', KEYS[3], ARGV[1])
keepWord(ARGV[1], ARGV[2], tonumber(ARGV[3]))
return { hashes(), isKnown, redis.call('HKEYS', KEYS[3]) }`;

/** ARGV: chunk and SHA-256 in turn. */
export const teachScript = `${common}
for i = 1, #ARGV, 2 do
  local chunk = tonumber(ARGV[i])
  if not hash(chunk) then setHash(chunk, ARGV[i + 1]) end
end
return 1`;

/** ARGV: host. */
export const leaveScript = `${common}
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[1])
tell(ARGV[1], 'gone')
return 1`;

/** KEYS: the slots of an origin, fence -> end of its lease. ARGV: fence, number of slots, lease. Answers 1, or 0 when all are taken. */
export const slotScript = `
local moment = redis.call('TIME')
local now = moment[1] * 1000 + math.floor(moment[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[1])
redis.call('PEXPIRE', KEYS[1], 600000)
return 1`;

/** KEYS: the slots of an origin. ARGV: fence. */
export const freeSlotScript = `return redis.call('ZREM', KEYS[1], ARGV[1])`;

/** KEYS: 1 hosts by the end of their announcement; 2 host -> its facts. */
const hostsCommon = `
local moment = redis.call('TIME')
local now = moment[1] * 1000 + math.floor(moment[2] / 1000)
for _, host in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
  redis.call('ZREM', KEYS[1], host)
  redis.call('HDEL', KEYS[2], host)
end
`;

/** KEYS: 3 the letters for the host. ARGV: host, its facts, lease. Answers the letters. */
export const beatScript = `${hostsCommon}
local lease = tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], now + lease, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], lease)
redis.call('PEXPIRE', KEYS[2], lease)
local letters = redis.call('LRANGE', KEYS[3], 0, -1)
redis.call('DEL', KEYS[3])
return letters`;

/** KEYS: the letters for a host. ARGV: a letter, maximum number of letters, their lifetime, ms. */
export const sendScript = `
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[2]), -1)
return redis.call('PEXPIRE', KEYS[1], ARGV[3])`;

/** Answers the facts of the live hosts. */
export const hostsScript = `${hostsCommon}
return redis.call('HVALS', KEYS[2])`;

/** ARGV: host. */
export const departScript = `
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])`;
