-- Tell of something that is no change of a video, once whoever says it. Joined behind events.lua.
--
-- KEYS  1 events  2 that it was told
-- ARGV  1 now  2 ms that this is remembered  3 kind, then more fields of the event and their values
-- Returns 1, or 0 if it was told before.

local EVENTS, TOLD = KEYS[1], KEYS[2]

local now = now_ms()
whole(ARGV[2], 1, MICROS_MAX, 'the time that it is remembered')
redis.call('XLEN', EVENTS)
if redis.call('EXISTS', TOLD) == 1 then return 0 end

redis.call('SET', TOLD, '1', 'PX', ARGV[2])
tell(EVENTS, ARGV[3], text_of(now), unpack(ARGV, 4))
return 1
