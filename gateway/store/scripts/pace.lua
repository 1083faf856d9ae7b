-- May a provider be polled now? If so, that is counted. Joined to permit.lua.
--
-- KEYS  1 limits and standing of the providers  2 when polls of the last minute left
-- ARGV  1 now  2 provider
-- Returns 0: now, or the time from which on it may be.

local PROVIDERS, POLLS = KEYS[1], KEYS[2]

local now = now_ms()
local limit = redis.call('HGET', PROVIDERS, ARGV[2] .. ':polls')
if not limit then return 0 end
limit = whole(limit, 1, 1000000, 'the polls per minute of ', ARGV[2])
local free = next_in_minute(POLLS, limit, now)
if free > 0 then return free end
note_in_minute(POLLS, limit, now)
return 0
