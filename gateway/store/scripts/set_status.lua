-- Revoke a key, close a project.
--
-- KEYS  1 a key or a project
-- ARGV  1 status
-- Returns 1, or 0 if there is no such thing.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
redis.call('HSET', KEYS[1], 'status', ARGV[1])
return 1
