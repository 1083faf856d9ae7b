-- End the making of a character: keep it if there is one, and what its repeats will be told.
--
-- KEYS  1 what remembers its create  2 the character
-- ARGV  1 now  2 name of the making  3 what to remember: the character's id, "unknown", or empty: nothing was made
--       then the character's fields and their values, if there is one
-- Returns 1.

local memory = redis.call('GET', KEYS[1])
local till, known, what = string.match(memory or '', '^(%d+) (%S+) (%S+)$')
if #ARGV > 3 then redis.call('HSET', KEYS[2], unpack(ARGV, 4)) end
if what ~= 'pending/' .. ARGV[2] then return 1 end
if ARGV[3] == '' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], till .. ' ' .. known .. ' ' .. ARGV[3], 'KEEPTTL')
end
return 1
