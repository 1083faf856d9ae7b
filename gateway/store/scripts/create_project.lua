-- Make a project under a name that no other has. Made again it is the same one.
--
-- KEYS  1 projects  2 project
-- ARGV  1 id  2 name  3 created_ms  4 status
-- Returns {'CREATED'} or {'TAKEN', id of the project that has the name}

local owner = redis.call('HGET', KEYS[1], ARGV[2])
if owner and owner ~= ARGV[1] then return {'TAKEN', owner} end
redis.call('HSET', KEYS[2], 'id', ARGV[1], 'name', ARGV[2], 'created_ms', ARGV[3], 'status', ARGV[4])
redis.call('HSET', KEYS[1], ARGV[2], ARGV[1])
return {'CREATED'}
