-- Which of some providers would take a submission of a video now. Joined to permit.lua.
--
-- KEYS  1 limits and standing of the providers
--       then for each provider three: when submissions left, the line, who was called
-- ARGV  1 now  2 video id  then the providers, in the order of preference
-- Returns {the place of the first that would, from 1; 0: none, the soonest time that one of them named, 0: none did, why
-- the last that was asked would not, empty: it would}

local PROVIDERS = KEYS[1]

local now = now_ms()
local soonest, because = 0, ''
for at = 3, #ARGV do
  local base = 2 + 3 * (at - 3)
  local SENT, WAITING, CALLED = KEYS[base], KEYS[base + 1], KEYS[base + 2]
  local why, till = busy(standing_of(PROVIDERS, ARGV[at]), SENT, WAITING, CALLED, ARGV[2], now, false)
  if not why then return {at - 2, 0, ''} end
  because = why
  if till > 0 and (soonest == 0 or till < soonest) then soonest = till end
end
return {0, soonest, because}
