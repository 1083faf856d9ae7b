-- Set the cap of a budget, or remove it. What is spent above the new cap, or above a part of it, is told at once: the next
-- posting may be long in coming, or be kept out by this very cap. Joined to caps.lua; cap_fields.lua lists the KEYS.
--
-- KEYS  none more
-- ARGV  1 now  2 budget  3 "micro-dollars|percent,percent", empty: no cap any more
--       4 the counter that it bounds  5 the day of that counter begins  6 and ends, in ms
-- Returns {'SET', 1, crossed} | {'SET', 0, {}} there was none to remove | {'OTHERDAY', time} nothing was written: it is
-- another day in the ledger, so another counter

local BUDGET, CAP, COUNTER = ARGV[2], ARGV[3], ARGV[4]

if CAP == '' then return {'SET', redis.call('HDEL', CAPS, BUDGET), {}} end
local time = math.max(now_ms(), whole(redis.call('GET', TIME) or '0', 0, MICROS_MAX, 'the last time'))
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
return {'SET', 1, crossed}
