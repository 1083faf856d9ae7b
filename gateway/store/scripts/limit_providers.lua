-- Set the limits of the providers, all of them: what is not named is no limit any more. What is in flight stays.
--
-- KEYS  1 limits and standing of the providers
-- ARGV  fields and their values
-- Returns how many fields went.

local PROVIDERS = KEYS[1]

local named, gone = {}, 0
for i = 1, #ARGV, 2 do named[ARGV[i]] = true end
for _, field in ipairs(redis.call('HKEYS', PROVIDERS)) do
  local what = string.match(field, ':(%w+)$')
  if (what == 'rpm' or what == 'concurrency' or what == 'polls') and not named[field] then
    gone = gone + redis.call('HDEL', PROVIDERS, field)
  end
end
if #ARGV > 0 then redis.call('HSET', PROVIDERS, unpack(ARGV)) end
return gone
