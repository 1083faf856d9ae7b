-- Have a video looked at now, or soon. Joined to wake.lua.
--
-- KEYS  1 due  2 leases
-- ARGV  1 now  2 video id  3 in how many ms
-- Returns 1, or 0 if nothing of this video is open any more.

local DUE, LEASES = KEYS[1], KEYS[2]

local now = now_ms()
local at = now + whole(ARGV[3], 0, 60000, 'the time until it is due')

return wake(DUE, LEASES, ARGV[2], now, at) and 1 or 0
