-- Have a video looked at now. Joined to wake.lua.
--
-- KEYS  1 due  2 leases
-- ARGV  1 now  2 video id
-- Returns 1, or 0 if nothing of this video is open any more.

local DUE, LEASES = KEYS[1], KEYS[2]

return wake(DUE, LEASES, ARGV[2], now_ms()) and 1 or 0
