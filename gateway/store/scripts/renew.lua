-- Lengthen a lease from now on, if it is still the caller's, also when its time was just over and nobody took the video.
--
-- KEYS  1 due  2 leases
-- ARGV  1 now  2 video id  3 token  4 length of the lease in ms
-- Returns 1, or 0: the video is another's now.

local DUE, LEASES, ID = KEYS[1], KEYS[2], ARGV[2]

local till = now_ms() + whole(ARGV[4], 1, MICROS_MAX, 'the length of a lease')
local token, _, mark = lease_parts(redis.call('HGET', LEASES, ID))
if token ~= ARGV[3] then return 0 end
redis.call('HSET', LEASES, ID, lease_text(token, till, mark))
redis.call('ZADD', DUE, text_of(till), ID)
return 1
