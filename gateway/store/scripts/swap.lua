-- Put charts in the place of those that were read, all of them or none: who was overtaken reads again.
-- Joined behind events.lua.
--
-- KEYS  1 health  2 events
-- ARGV  1 now  2 what is told of it, empty: nothing  3 of whom  4 why
--       then for each chart: its name, what was read (empty: nothing), what it is now (empty: gone)
-- Returns 1, or 0 if another was first and nothing was written.

local HEALTH, EVENTS = KEYS[1], KEYS[2]

local now = now_ms()
for at = 5, #ARGV, 3 do
  if (redis.call('HGET', HEALTH, ARGV[at]) or '') ~= ARGV[at + 1] then return 0 end
end
redis.call('XLEN', EVENTS)

for at = 5, #ARGV, 3 do
  if ARGV[at + 2] == '' then
    redis.call('HDEL', HEALTH, ARGV[at])
  else
    redis.call('HSET', HEALTH, ARGV[at], ARGV[at + 2])
  end
end
if ARGV[2] ~= '' then tell(EVENTS, ARGV[2], text_of(now), 'name', ARGV[3], 'reason', ARGV[4]) end
return 1
