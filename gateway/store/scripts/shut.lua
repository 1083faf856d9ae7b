-- Put a cap on a provider whose account nobody has read, and note that its account is what sets it. A cap that stands
-- stays, and is nobody's but whose it was.
--
-- KEYS  1 caps  2 standings
-- ARGV  1 budget  2 "micro-dollars|"  3 provider  4 its standing
-- Returns 1 in any case: done again it changes nothing.

local CAPS, STANDINGS = KEYS[1], KEYS[2]

redis.call('HLEN', STANDINGS)
if redis.call('HSETNX', CAPS, ARGV[1], ARGV[2]) == 1 then redis.call('HSET', STANDINGS, ARGV[3], ARGV[4]) end
return 1
