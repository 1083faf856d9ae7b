-- Begin to make a character, unless an earlier sending of the same request did. What came of that one is told.
--
-- KEYS  1 what remembers this create, as admit.lua's memory: "until_ms fingerprint what"
-- ARGV  1 now  2 fingerprint  3 "idem" by an Idempotency-Key, else "resend"  4 "1": the client says that it sends again
--       5 ms that the memory lives  6 a name for this making: begun again under it, it has begun
-- Returns {'BEGUN'} | {'REPEATED', what} | {'REUSED'}
-- What: "pending/" and the name of a making, "unknown", or a character's id.

local MEMORY, FINGERPRINT, OWN = KEYS[1], ARGV[2], 'pending/' .. ARGV[6]

local till = now_ms() + whole(ARGV[5], 1, MICROS_MAX, 'the life of the memory')
local memory = redis.call('GET', MEMORY)
if memory then
  local known, what = string.match(memory, '^%d+ (%S+) (%S+)$')
  if what == OWN then return {'BEGUN'} end
  if ARGV[3] == 'idem' and known ~= FINGERPRINT then return {'REUSED'} end
  if ARGV[3] == 'idem' or ARGV[4] == '1' then return {'REPEATED', what} end
end
redis.call('SET', MEMORY, text_of(till) .. ' ' .. FINGERPRINT .. ' ' .. OWN, 'PX', ARGV[5])
return {'BEGUN'}
