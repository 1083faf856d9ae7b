-- The limits of the providers, all of them: what is not named is no limit any more. What is in flight stays.
-- Whoever is joined behind it names the KEYS.
--
-- KEYS  none of its own

-- Fields and their values stand in ARGV from `first` on. How many fields went.
local function set_provider_limits(PROVIDERS, first)
  local named, gone = {}, 0
  for i = first, #ARGV, 2 do named[ARGV[i]] = true end
  for _, field in ipairs(redis.call('HKEYS', PROVIDERS)) do
    local what = string.match(field, ':(%w+)$')
    if (what == 'rpm' or what == 'concurrency' or what == 'polls') and not named[field] then
      gone = gone + redis.call('HDEL', PROVIDERS, field)
    end
  end
  if #ARGV >= first then redis.call('HSET', PROVIDERS, unpack(ARGV, first)) end
  return gone
end
