-- Change fields of hashes as an operator asked, all of them or, where something is not as it was read, none; and write
-- down who did it. Joined to events.lua and audit.lua.
--
-- KEYS  1 audit log  2 events  3 and on: the hashes
-- ARGV  1 now  2 to 7 the deed  8 what is told of it, empty: nothing  9 of whom  10 why
--       11 how many fields were read, then for each: its hash's place in KEYS, its name, its value (empty: none)
--       then for each field to write: the same three (empty: it goes)
-- Returns 1, also if this deed was done before; 0 if something is not as it was read and nothing was written.

local AUDIT, EVENTS = KEYS[1], KEYS[2]

local at = text_of(now_ms())
if was_done(AUDIT, ARGV[2]) then return 1 end
local behind = 12 + 3 * whole(ARGV[11], 0, 1000, 'how many fields were read')
for i = 12, behind - 1, 3 do
  local HASH = KEYS[whole(ARGV[i], 3, #KEYS, 'the place of a hash')]
  if (redis.call('HGET', HASH, ARGV[i + 1]) or '') ~= ARGV[i + 2] then return 0 end
end
for i = behind, #ARGV, 3 do
  local HASH = KEYS[whole(ARGV[i], 3, #KEYS, 'the place of a hash')]
  redis.call('HLEN', HASH)
end
redis.call('XLEN', EVENTS)

for i = behind, #ARGV, 3 do
  local HASH = KEYS[tonumber(ARGV[i])]
  if ARGV[i + 2] == '' then
    redis.call('HDEL', HASH, ARGV[i + 1])
  else
    redis.call('HSET', HASH, ARGV[i + 1], ARGV[i + 2])
  end
end
if ARGV[8] ~= '' then tell(EVENTS, ARGV[8], at, 'name', ARGV[9], 'reason', ARGV[10]) end
write_deed(AUDIT, 2, at)
return 1
