-- Set the limits of a key or a project, all of them.
--
-- KEYS  1 a key or a project
-- ARGV  fields and their values; an empty one is taken away: no such limit
-- Returns 1, or 0 if there is no such thing.

if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for i = 1, #ARGV, 2 do
  if ARGV[i + 1] == '' then redis.call('HDEL', KEYS[1], ARGV[i]) else redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return 1
