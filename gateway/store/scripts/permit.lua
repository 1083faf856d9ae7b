-- May something be sent to a provider now? Its limits, what is in flight there, who waits and who was called.
-- Joined behind common.lua; whoever is joined behind it names the KEYS.
--
-- KEYS  none of its own
-- `providers` is a hash with fields "<provider>:<what>": rpm, concurrency and polls are its limits, in_flight counts the
-- attempts that it may be working on, paused is the time before which it asked not to be called.
-- `sent` lists when the submissions of the last minute left, newest first; `waiting` has the videos that wait for the
-- provider, first come first; `called` those whose turn it is, until when they may take it.

local MINUTE_MS = 60000

-- {limit of requests per minute or nil, concurrency or nil, paused until, in flight}
local function standing_of(PROVIDERS, provider)
  local texts = redis.call('HMGET', PROVIDERS, provider .. ':rpm', provider .. ':concurrency', provider .. ':paused',
    provider .. ':in_flight')
  local function number(at, low, what) return texts[at] and whole(texts[at], low, MICROS_MAX, what, provider) or nil end
  return {
    rpm = number(1, 1, 'the requests per minute of '),
    concurrency = number(2, 1, 'the concurrency of '),
    paused = number(3, 0, 'the pause of ') or 0,
    in_flight = number(4, 0, 'what is in flight at ') or 0,
  }
end

-- When the limit of `per_minute` lets the next one through, as `list` tells; 0: now. A time that is still to come is of a
-- clock that stepped back, and counts as now.
local function next_in_minute(LIST, per_minute, now)
  local oldest = redis.call('LINDEX', LIST, per_minute - 1)
  if not oldest then return 0 end
  local free = math.min(whole(oldest, 0, MICROS_MAX, 'the time of a call'), now) + MINUTE_MS
  return free > now and free or 0
end

local function note_in_minute(LIST, per_minute, now)
  redis.call('LPUSH', LIST, text_of(now))
  redis.call('LTRIM', LIST, 0, per_minute - 1)
  redis.call('PEXPIRE', LIST, MINUTE_MS + 1000)
end

-- nil if a submission of the video may leave now; else why not, and until when at least, 0: nobody knows.
-- A resend is in flight already, and waits for no turn.
local function busy(standing, SENT, WAITING, CALLED, id, now, resend)
  if standing.paused > now then return 'paused', standing.paused end
  if standing.rpm then
    local free = next_in_minute(SENT, standing.rpm, now)
    if free > 0 then return 'rpm', free end
  end
  if resend then return nil end
  local till = tonumber(redis.call('ZSCORE', CALLED, id) or '0')
  local mine = till > now
  if not mine and (redis.call('ZRANK', WAITING, id) or redis.call('ZCARD', WAITING)) > 0 then return 'line', 0 end
  if standing.concurrency then
    local others = mine and 0 or redis.call('ZCOUNT', CALLED, '(' .. text_of(now), '+inf')
    if standing.in_flight + others >= standing.concurrency then return 'concurrency', 0 end
  end
  return nil
end
