-- Begin to make a character, unless an earlier sending of the same request did. What came of that one is told. Where a
-- resend came first, its delayed original gets the resend's character, once, as with videos (admit.lua).
--
-- KEYS  1 what remembers this create, as admit.lua's memory: "until_ms known what"; known: the fingerprint of a request
--         with an Idempotency-Key, else whether the original of a resend was "seen" or is "unseen" yet
-- ARGV  1 now  2 fingerprint  3 "idem" by an Idempotency-Key, else "resend"  4 "1": the client says that it sends again
--       5 ms that the memory lives  6 a name for this making: begun again under it, it has begun
-- Returns {'BEGUN'} | {'REPEATED', what} | {'REUSED'}
-- What: "pending/" and the name of a making, "unknown", or a character's id.

local MEMORY, FINGERPRINT, OWN = KEYS[1], ARGV[2], 'pending/' .. ARGV[6]
local IDEM, AGAIN = ARGV[3] == 'idem', ARGV[4] == '1'

local till = now_ms() + whole(ARGV[5], 1, MICROS_MAX, 'the life of the memory')
local memory = redis.call('GET', MEMORY)
if memory then
  local until_ms, known, what = string.match(memory, '^(%d+) (%S+) (%S+)$')
  if what == OWN then return {'BEGUN'} end
  if IDEM and known ~= FINGERPRINT then return {'REUSED'} end
  if IDEM or AGAIN then return {'REPEATED', what} end
  if known == 'unseen' then
    redis.call('SET', MEMORY, until_ms .. ' seen ' .. what, 'KEEPTTL')
    return {'REPEATED', what}
  end
end
local known = IDEM and FINGERPRINT or (AGAIN and 'unseen' or 'seen')
redis.call('SET', MEMORY, text_of(till) .. ' ' .. known .. ' ' .. OWN, 'PX', ARGV[5])
return {'BEGUN'}
