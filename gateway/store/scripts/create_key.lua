-- Make a key for an open project.
--
-- KEYS  1 keys  2 key  3 project
-- ARGV  1 key id  2 digest of the secret, then the fields of the key and their values
-- Returns 1, or 0 if the project does not exist or is closed.

if redis.call('HGET', KEYS[3], 'status') ~= 'active' then return 0 end
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 1
