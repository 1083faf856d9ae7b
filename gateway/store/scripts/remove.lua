-- Remove what is kept of a video that is over: its record, its place in the list, its refs. How many entries its attempts
-- have is noted where they are not two, a hold and its end: whoever trims the ledger then knows when it has all of them.
--
-- KEYS  1 video  2 due  3 leases  4 claims  5 list of the project  6 holds  7 disputes  8 refs  9 seq  10 retained
--       11 tombstones  12 amended
-- ARGV  1 now  2 video id  3 version of its record, empty: it had none  4 ms that a record is kept
--       then its refs, each with the attempt that it belongs to
-- Returns {1, seq} if nothing of it is left, {0, seq} if it stays: it has moved, its time has not come, or an entry of it
-- is open, and then it is looked at again in a day.

local VIDEO, DUE, LEASES, CLAIMS, LIST, HOLDS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local DISPUTES, REFS, SEQ, RETAINED, TOMBSTONES, AMENDED = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local ID = ARGV[2]
local AGAIN_MS = 86400000

-- The names of its entries, and their number by attempt.
local function entries_of_video()
  local names, counts = {}, {}
  for _, field in ipairs(redis.call('HKEYS', VIDEO)) do
    local name, attempt = string.match(field, '^e:((.+):[^:]+)$')
    if name then
      names[#names + 1] = name
      counts[attempt] = (counts[attempt] or 0) + 1
    end
  end
  return names, counts
end

local function any_open(names)
  for _, name in ipairs(names) do
    if redis.call('HEXISTS', HOLDS, name) == 1 or redis.call('HEXISTS', DISPUTES, name) == 1 then return true end
  end
  return false
end

local now = now_ms()
local keep = whole(ARGV[4], 1, MICROS_MAX, 'the time that a record is kept')
local seq = whole(redis.call('GET', SEQ) or '0', 0, MICROS_MAX, 'the sequence')
local version = redis.call('HGET', VIDEO, 'v')
local kept, tomb = tonumber(redis.call('ZSCORE', RETAINED, ID)), tonumber(redis.call('ZSCORE', TOMBSTONES, ID))
redis.call('ZSCORE', LIST, ID)
redis.call('HEXISTS', LEASES, ID)
redis.call('HEXISTS', CLAIMS, ID)
redis.call('HEXISTS', AMENDED, ID)

if (version or '') ~= ARGV[3] then return {0, seq} end
if version and redis.call('ZSCORE', DUE, ID) then return {0, seq} end
if version and not ((tomb and tomb <= now) or (kept and kept + keep <= now)) then return {0, seq} end
local names, counts = entries_of_video()
if any_open(names) then
  if kept then redis.call('ZADD', RETAINED, text_of(now - keep + AGAIN_MS), ID) end
  if tomb then redis.call('ZADD', TOMBSTONES, text_of(now + AGAIN_MS), ID) end
  return {0, seq}
end
local bound = {}
for i = 5, #ARGV, 2 do
  if redis.call('HGET', REFS, ARGV[i]) == ARGV[i + 1] then bound[#bound + 1] = ARGV[i] end
end

for attempt, count in pairs(counts) do
  if count ~= 2 then redis.call('HSET', AMENDED, attempt, text_of(count)) end
end
if #bound > 0 then redis.call('HDEL', REFS, unpack(bound)) end
redis.call('DEL', VIDEO)
redis.call('ZREM', LIST, ID)
redis.call('HDEL', LEASES, ID)
redis.call('HDEL', CLAIMS, ID)
redis.call('ZREM', RETAINED, ID)
redis.call('ZREM', TOMBSTONES, ID)
return {1, redis.call('INCR', SEQ)}
