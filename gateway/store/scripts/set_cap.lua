-- Set the cap of a budget, or remove it.
--
-- KEYS  1 caps
-- ARGV  1 budget  2 "micro-dollars|percent,percent", empty: no cap any more
-- Returns 1, or 0 if there was none to remove.

if ARGV[2] == '' then return redis.call('HDEL', KEYS[1], ARGV[1]) end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
