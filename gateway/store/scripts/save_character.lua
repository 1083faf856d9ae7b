-- Keep a character.
--
-- KEYS  1 character
-- ARGV  its fields and their values

redis.call('HSET', KEYS[1], unpack(ARGV))
return 1
