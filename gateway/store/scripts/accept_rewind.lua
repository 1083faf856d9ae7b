-- Accept that the store forgot commits: submissions go on.
--
-- KEYS  1 rewound
-- ARGV  1 now
-- Returns 1, or 0 if there is nothing to accept.

local known = redis.call('HMGET', KEYS[1], 'noted_ms', 'accepted_ms')
if not known[1] or known[2] then return 0 end
redis.call('HSET', KEYS[1], 'accepted_ms', text_of(now_ms()))
return 1
