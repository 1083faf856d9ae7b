-- Let a new video in: a valid key, no repeat of an earlier create, within every limit and cap, and all of it written at
-- once. Joined to limits.lua; fields.lua lists KEYS 1 to 19 and ARGV 1 to 14.
--
-- KEYS  20 key  21 project  22 what remembers this create, for its repeats
--       23 rates: when each key and project had its requests  24 seconds of video that each has asked for on this day,
--       then those of messages.lua
-- ARGV  15 key id  16 project id
--       17 how repeats are known: "idem" by an Idempotency-Key, "resend" by the fields alone, empty: not at all
--       18 fingerprint  19 "1": the client says that it sends again
--       20 ms that the memory lives, from ARGV[21] on if that is later than now
--       22 seconds of video  23 ms that their count is kept
--       24 number of postings, then the postings, then what messages.lua takes
-- Returns {'ADMITTED', now, seq, crossed, requests a minute, left, ms until all are there again}, the last three only under
--   such a limit; also when this video was admitted before, then without any of them
--   | {'KEYGONE'} | {'REPEATED', video id} | {'REUSED'} the Idempotency-Key stands for another request
--   | {'LIMITED', what, of whom, limit, used, ms to wait, ms until all are there again} | {'CAPPED', counter, cap, held, settled} | {'WINDOWPASSED', time}

local KEY, PROJECT, MEMORY = KEYS[20], KEYS[21], KEYS[22]
local HOW, FINGERPRINT, AGAIN = ARGV[17], ARGV[18], ARGV[19] == '1'

-- The limits of key and project, as look_at_limits takes them; nil if the key may not ask.
local function scopes_of(now)
  local key = redis.call('HMGET', KEY, 'id', 'project', 'status', 'expires_ms', 'rpm', 'in_flight', 'seconds_per_day')
  local project = redis.call('HMGET', PROJECT, 'status', 'rpm', 'in_flight', 'seconds_per_day')
  local expires = tonumber(key[4] or '0')
  local good = key[1] == ARGV[15] and key[2] == ARGV[16] and key[3] == 'active' and (expires == 0 or now < expires)
  if not good or project[1] ~= 'active' then return nil end
  return {
    {'key/' .. key[1], key[5], key[6], key[7]},
    {'project/' .. key[2], project[2], project[3], project[4]},
  }
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
  local life = tonumber(ARGV[20]) + math.max(tonumber(ARGV[21]) - now, 0)
  local known = HOW == 'idem' and FINGERPRINT or (AGAIN and 'unseen' or 'seen')
  redis.call('SET', MEMORY, text_of(now + life) .. ' ' .. known .. ' ' .. ID, 'PX', text_of(life))
end

local now, time = clocks()
if redis.call('EXISTS', VIDEO) == 1 then
  return {'ADMITTED', now, tonumber(redis.call('GET', SEQ)), {}}
end
local scopes = scopes_of(now)
if not scopes then return {'KEYGONE'} end
local repeated = repeat_of(now)
if repeated then return repeated end

whole(ARGV[20], HOW == '' and 0 or 1, MICROS_MAX, 'the life of the memory')
whole(ARGV[21], 0, MICROS_MAX, 'the time from which the memory lives')
local seconds = whole(ARGV[22], 0, MICROS_MAX, 'the seconds of video')
whole(ARGV[23], 1, MICROS_MAX, 'the life of their count')
local due_before = look_at_types()
local lease = lease_on(now)
local owner = taken_by()
if owner then broken('a new video binds a ref of ' .. owner) end
if window_passed(time) then return {'WINDOWPASSED', time} end
local limits, limited = look_at_limits(scopes, seconds, now)
if limited then return {'LIMITED', unpack(limited)} end
local postings = look_at_postings(25)
if postings.capped then return {'CAPPED', unpack(postings.capped)} end
local messages = look_at_messages(postings.behind)

redis.call('ZADD', LIST, 0, ID)
remember(now)
write_limits(limits, scopes, ARGV[22], ARGV[23])
local seq = write(now, time, lease, due_before, postings, {'p', ARGV[16], 'k', ARGV[15]})
write_messages(messages, now)
return {'ADMITTED', now, seq, postings.crossed, unpack(limits.tightest or {})}
