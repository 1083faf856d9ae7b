-- Let a new video in: a valid key, no repeat of an earlier create, and all of it written at once. Joined to change.lua,
-- which lists KEYS 1 to 11 and ARGV 1 to 13.
--
-- KEYS  12 key  13 project  14 what remembers this create, for its repeats
-- ARGV  14 key id  15 project id
--       16 how repeats are known: "idem" by an Idempotency-Key, "resend" by the fields alone, empty: not at all
--       17 fingerprint  18 "1": the client says that it sends again
--       19 ms that the memory lives, from ARGV[20] on if that is later than now
--       21 number of postings, then the postings
-- Returns {'ADMITTED', now, seq}, also when this video was admitted before | {'KEYGONE'} | {'REPEATED', video id}
--   | {'REUSED'} the Idempotency-Key stands for another request | {'WINDOWPASSED', time}

local KEY, PROJECT, MEMORY = KEYS[12], KEYS[13], KEYS[14]
local HOW, FINGERPRINT, AGAIN = ARGV[16], ARGV[17], ARGV[18] == '1'

local function key_is_good(now)
  local key = redis.call('HMGET', KEY, 'id', 'project', 'status', 'expires_ms')
  local expires = tonumber(key[4] or '0')
  return key[1] == ARGV[14] and key[2] == ARGV[15] and key[3] == 'active' and (expires == 0 or now < expires)
    and redis.call('HGET', PROJECT, 'status') == 'active'
end

-- The answer to a repeat, nil for a new create. A resend gets the video of the original. Where the resend came first, its
-- delayed original gets the resend's video, once; any other original is a create of its own, however alike.
local function repeat_of(now)
  local memory = HOW ~= '' and redis.call('GET', MEMORY)
  if not memory then return nil end
  local till, known, video = string.match(memory, '^(%d+) (%S+) (%S+)$')
  if not till then broken('the memory of a create is ' .. memory) end
  if tonumber(till) <= now then return nil end
  if HOW == 'idem' then
    if known ~= FINGERPRINT then return {'REUSED'} end
    return {'REPEATED', video}
  end
  if AGAIN then return {'REPEATED', video} end
  if known == 'seen' then return nil end
  redis.call('SET', MEMORY, till .. ' seen ' .. video, 'KEEPTTL')
  return {'REPEATED', video}
end

local function remember(now)
  if HOW == '' then return end
  local life = tonumber(ARGV[19]) + math.max(tonumber(ARGV[20]) - now, 0)
  local known = HOW == 'idem' and FINGERPRINT or (AGAIN and 'unseen' or 'seen')
  redis.call('SET', MEMORY, text_of(now + life) .. ' ' .. known .. ' ' .. ID, 'PX', text_of(life))
end

local now, time = clocks()
if redis.call('EXISTS', VIDEO) == 1 then
  return {'ADMITTED', now, tonumber(redis.call('GET', SEQ))}
end
if not key_is_good(now) then return {'KEYGONE'} end
local repeated = repeat_of(now)
if repeated then return repeated end

whole(ARGV[19], HOW == '' and 0 or 1, MICROS_MAX, 'the life of the memory')
whole(ARGV[20], 0, MICROS_MAX, 'the time from which the memory lives')
local due_before = look_at_types()
local lease = lease_on(now)
local owner = taken_by()
if owner then broken('a new video binds a ref of ' .. owner) end
if window_passed(time) then return {'WINDOWPASSED', time} end
local postings = look_at_postings(22)

redis.call('ZADD', LIST, 0, ID)
remember(now)
return {'ADMITTED', now, write(now, time, lease, due_before, postings, {'p', ARGV[15], 'k', ARGV[14]})}
