-- Caps, and what is told of them: each part of a cap that is reached, and what goes above it, once in each window.
-- Joined behind events.lua and whatever names CROSSED and EVENTS.
--
-- KEYS  none of its own
-- A cap is "micro-dollars|percent,percent,...": the sum that no hold may pass, and the parts of it that raise an event.

local OVERRUN = 101 -- a percentage that stands for: above the cap

local SLASH, DASH = 47, 45

-- The budget that a counter belongs to: its name without "/2026-11-21" or "/2026-11".
local function budget_of(counter)
  if string.byte(counter, -3) ~= DASH then return counter end
  if string.byte(counter, -8) == SLASH then return string.sub(counter, 1, -9) end
  return string.byte(counter, -11) == SLASH and string.sub(counter, 1, -12) or counter
end

-- The cap of a budget as a table; its counter's `held` and `settled` are for the caller to add.
local function cap_of(text, budget)
  local limit, percents = string.match(text, '^(%d+)|([%d,]*)$')
  return {limit = whole(limit, 0, MICROS_MAX, 'the cap of ', budget), percents = percents}
end

-- The parts of a cap that are reached, in percent, rising; OVERRUN is the last above it. Counted in whole numbers: hundreds of
-- the cap and what is left of it.
local function reached(cap)
  local total, parts = cap.held + cap.settled, {}
  local first = string.match(cap.percents, '^%d+') -- the lowest: nearly always not reached
  if total <= cap.limit and (not first or total < cap.limit / 100 * first - 1) then return parts end
  local rest = cap.limit % 100
  local hundreds = (cap.limit - rest) / 100
  for percent in string.gmatch(cap.percents, '%d+') do
    local part = tonumber(percent)
    if total > 0 and (total - hundreds * part) * 100 >= rest * part then parts[#parts + 1] = part end
  end
  if total > cap.limit then parts[#parts + 1] = OVERRUN end
  return parts
end

-- Adds to `found` what was not told yet of a counter in this window, as {counter, percent, held + settled, cap} each. A new
-- cap is told anew.
local function note_crossed(found, counter, cap)
  local parts = reached(cap)
  if #parts == 0 then return end
  local limit, told = string.match(redis.call('HGET', CROSSED, counter) or '', '^(%d+)|(%d+)$')
  for _, percent in ipairs(parts) do
    if tonumber(limit) ~= cap.limit or tonumber(told) < percent then
      found[#found + 1] = {counter, percent, text_of(cap.held + cap.settled), text_of(cap.limit)}
    end
  end
end

local function write_events(crossed, at)
  for _, one in ipairs(crossed) do
    local counter, percent, total, cap = one[1], one[2], one[3], one[4]
    tell(EVENTS, percent == OVERRUN and 'budget.overrun' or 'budget.threshold', at, 'counter', counter, 'percent', percent,
      'total', total, 'cap', cap)
    redis.call('HSET', CROSSED, counter, cap .. '|' .. percent)
  end
end
