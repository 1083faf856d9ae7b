-- Set the cap of a budget, or remove it. What is spent above the new cap, or above a part of it, is told at once: the next
-- posting may be long in coming, or be kept out by this very cap. Joined to caps.lua and audit.lua; cap_fields.lua lists the
-- KEYS.
--
-- KEYS  6 audit log
-- ARGV  1 now  2 budget  3 "micro-dollars|percent,percent", empty: no cap any more
--       4 the counter that it bounds  5 the day of that counter begins  6 and ends, in ms
--       7 the cap as it was read, 8 to 13 the deed; without them nobody's hand did it
-- Returns {'SET', 1, crossed} | {'SET', 0, {}} there was none to remove | {'OTHERDAY', time} nothing was written: it is
-- another day in the ledger, so another counter | {'OTHERCAP'} nothing was written: it is not as it was read

local AUDIT = KEYS[6]
local BUDGET, CAP, COUNTER = ARGV[2], ARGV[3], ARGV[4]

local now = now_ms()
local before = redis.call('HGET', CAPS, BUDGET) or ''
if ARGV[8] then
  if was_done(AUDIT, ARGV[8]) then return {'SET', 1, {}} end
  if before ~= ARGV[7] then return {'OTHERCAP'} end
end
if CAP == '' then
  if before == '' then return {'SET', 0, {}} end
  redis.call('HDEL', CAPS, BUDGET)
  if ARGV[8] then write_deed(AUDIT, 8, text_of(now)) end
  return {'SET', 1, {}}
end
local time = math.max(now, whole(redis.call('GET', TIME) or '0', 0, MICROS_MAX, 'the last time'))
if time < whole(ARGV[5], 0, MICROS_MAX, 'the beginning of the day')
  or time >= whole(ARGV[6], 0, MICROS_MAX, 'the end of the day') then
  return {'OTHERDAY', time}
end
local cap = cap_of(CAP, BUDGET)
local sides = redis.call('HMGET', COUNTERS, COUNTER .. ':held', COUNTER .. ':settled')
cap.held = whole(sides[1] or '0', 0, MICROS_MAX, COUNTER, ':held')
cap.settled = whole(sides[2] or '0', -MICROS_MAX, MICROS_MAX, COUNTER, ':settled')
local crossed = {}
note_crossed(crossed, COUNTER, cap)
redis.call('HLEN', CAPS)
redis.call('XLEN', EVENTS)

redis.call('HSET', CAPS, BUDGET, CAP)
write_events(crossed, text_of(time))
if ARGV[8] then write_deed(AUDIT, 8, text_of(now)) end
return {'SET', 1, crossed}
