-- What every script that writes begins with: numbers that are checked, and this server's time.

local MICROS_MAX = 9007199254740991 -- 2^53 - 1: beyond it a Lua number skips integers

-- Raised while looking, so before any write.
local function broken(why)
  error({err = 'BROKEN ' .. why})
end

-- The number that a text stands for, if it is a whole one in its range; `what` and `of` name it if it is not.
local function whole(text, low, high, what, of)
  local number = text and tonumber(text)
  if not number or number < low or number > high or number % 1 ~= 0 or #text > 17 then
    broken(what .. (of or '') .. ' is ' .. tostring(text))
  end
  return number
end

-- Numbers become text here only: `..` would write 1e14 as "1e+14".
local function text_of(number)
  return string.format('%d', number)
end

-- ARGV[1] of every script: now in ms, 0 for this server's own clock.
local function now_ms()
  local now = whole(ARGV[1], 0, MICROS_MAX, 'now')
  if now > 0 then return now end
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The parts of "token|until_ms|mark"; nil without a lease.
local function lease_parts(lease)
  if not lease then return nil end
  local token, till, mark = string.match(lease, '^(.*)|(%d+)|([01])$')
  if not token then broken('a lease is ' .. lease) end
  return token, tonumber(till), mark == '1'
end

local function lease_text(token, till, mark)
  return token .. '|' .. text_of(till) .. '|' .. (mark and '1' or '0')
end

