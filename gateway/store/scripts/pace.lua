-- May a provider be polled now? If so, that is counted. Joined to permit.lua.
--
-- KEYS  1 limits and standing of the providers  2 when a poll would be on time (GCRA), us
-- Polls are spread over the minute: a tenth of them may come at once, and the rest one by one, so that no minute has more.
-- ARGV  1 now  2 provider
-- Returns 0: now, or the time from which on it may be.

local PROVIDERS, POLLS = KEYS[1], KEYS[2]

local now = now_ms()
local limit = redis.call('HGET', PROVIDERS, ARGV[2] .. ':polls')
if not limit then return 0 end
limit = whole(limit, 1, 1000000, 'the polls per minute of ', ARGV[2])
local burst = math.max(1, math.floor(limit / 10))
local period = math.ceil(MINUTE_MS * 1000 / (limit - burst + 1))
local kept = tonumber(redis.call('GET', POLLS) or '0')
local now_us = now * 1000
if kept > now_us + 2 * MINUTE_MS * 1000 then kept = now_us end -- of a clock that stepped back
local at = math.max(kept, now_us)
local early = at - (burst - 1) * period
if early > now_us then return math.ceil(early / 1000) end
redis.call('SET', POLLS, text_of(at + period), 'PX', 2 * MINUTE_MS)
return 0
