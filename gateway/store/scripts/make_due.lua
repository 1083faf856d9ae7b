-- Have a video looked at now: at once, or, while somebody works on it, as soon as that one lets go.
--
-- KEYS  1 due  2 leases
-- ARGV  1 now  2 video id
-- Returns 1, or 0 if nothing of this video is open any more.

local DUE, LEASES, ID = KEYS[1], KEYS[2], ARGV[2]

local now = now_ms()
local due = tonumber(redis.call('ZSCORE', DUE, ID))
if not due then return 0 end
local token, till = lease_parts(redis.call('HGET', LEASES, ID))
if token and till > now then
  redis.call('HSET', LEASES, ID, lease_text(token, till, true))
elseif due > now then
  redis.call('ZADD', DUE, text_of(now), ID)
end
return 1
