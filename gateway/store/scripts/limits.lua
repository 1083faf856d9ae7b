-- The limits of a key and of its project: requests in a minute, videos in flight, seconds of video in a day.
-- Joined between change.lua and admit.lua, which lists the KEYS.
--
-- KEYS  none of its own
-- What is limited is counted, from when the limit was set. Requests are counted by GCRA: for each of the two one time, at
-- which as many as a minute allows could be made again.

local RATES, SECONDS = KEYS[23], KEYS[24]
local MINUTE_US = 60000000

-- One request more under a limit of `per_minute`: {the time to keep, how many are left, ms until all are there again}, or
-- nil, the ms to wait and the ms until all are there again. A time far further ahead than any that is kept is of a clock that stepped back, and forgotten.
local function one_more(kept, per_minute, now)
  local period, now_us = math.floor(MINUTE_US / per_minute), now * 1000
  local full = period * per_minute
  local at = math.max(tonumber(kept) or 0, now_us)
  if at > now_us + 2 * MINUTE_US then at = now_us end
  local next_us = math.min(at, now_us + full) + period
  local over = next_us - now_us - full
  if over > 0 then return nil, math.ceil(over / 1000), math.ceil((math.min(at, now_us + full) - now_us) / 1000) end
  return {next_us, math.floor(-over / period), math.ceil((next_us - now_us) / 1000)}
end

-- What an admission of `seconds` does to the limits of key and project, each {name, requests a minute, in flight, seconds a
-- day}, the limits as texts or false. Returns {rates = {name, time, ...}, tightest = {limit, left, reset
-- ms}}, or nil and why not: {what, name, limit, used, ms to wait, ms until all are there again}.
local function look_at_limits(scopes, seconds, now)
  local kept = (scopes[1][2] or scopes[2][2]) and redis.call('HMGET', RATES, scopes[1][1], scopes[2][1])
  local used = (scopes[1][4] or scopes[2][4]) and redis.call('HMGET', SECONDS, scopes[1][1], scopes[2][1])
  local flying = {redis.call('SCARD', KEYS_FLIGHT), redis.call('SCARD', PROJECTS_FLIGHT)}
  local found = {rates = {}}
  for i, scope in ipairs(scopes) do
    local name, per_minute, in_flight, per_day = unpack(scope, 1, 4)
    if per_minute then
      local limit = whole(per_minute, 1, 1000000, 'the rate of ', name)
      local rate, wait, reset = one_more(kept[i], limit, now)
      if not rate then return nil, {'requests', name, limit, limit, wait, reset} end
      found.rates[#found.rates + 1], found.rates[#found.rates + 2] = name, text_of(rate[1])
      if not found.tightest or rate[2] < found.tightest[2] then found.tightest = {limit, rate[2], rate[3]} end
    end
    if in_flight and flying[i] >= whole(in_flight, 0, MICROS_MAX, 'the limit in flight of ', name) then
      return nil, {'in_flight', name, tonumber(in_flight), flying[i], 0, 0}
    end
    if per_day then
      local so_far = used[i] and whole(used[i], 0, MICROS_MAX, 'the seconds of ', name) or 0
      if so_far + seconds > whole(per_day, 0, MICROS_MAX, 'the seconds a day of ', name) then
        return nil, {'seconds', name, tonumber(per_day), so_far, 0, 0}
      end
    end
  end
  return found
end

local function write_limits(found, scopes, seconds, life)
  if #found.rates > 0 then redis.call('HSET', RATES, unpack(found.rates)) end
  for _, scope in ipairs(scopes) do
    if scope[4] then redis.call('HINCRBY', SECONDS, scope[1], seconds) end
  end
  if scopes[1][4] or scopes[2][4] then redis.call('PEXPIRE', SECONDS, life) end
  redis.call('SADD', KEYS_FLIGHT, ID)
  redis.call('SADD', PROJECTS_FLIGHT, ID)
end
