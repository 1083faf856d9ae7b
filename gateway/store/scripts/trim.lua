-- Trim the ledger: whole attempts leave it, and for each of their counters that lives on one carry takes the place of what
-- they added to it, and of the carry that it had before. A counter leaves with its entries when its window is over and
-- nothing else is in it. Every amount is added up here, from the entries that leave.
--
-- KEYS  1 ledger  2 counters  3 holds  4 disputes  5 crossed  6 seq  7 time  8 amended  9 carried  10 trimmed
--       11 usage_cursor  12 reading, then the records of the attempts' videos, which are to be gone
-- ARGV  1 now  2 ms that an entry is kept  3 a day in UTC, such as 2026-11-21: windows before it are over
--       4 when it began, ms
--       then the ids in the stream of every entry of the attempts
-- Returns {'TRIMMED', seq} | {'MOVED'} an entry is not there: another was faster | {'READING'} somebody reads the ledger
--   | {'KEPT'} a record is there, an entry is too young, open or not rolled up, or an attempt has more of them

local LEDGER, COUNTERS, HOLDS, DISPUTES, CROSSED, SEQ = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local TIME, AMENDED, CARRIED, TRIMMED, CURSOR, READING = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11], KEYS[12]
local FIRST_RECORD, FIRST_ID = 13, 5
local TODAY = ARGV[3]
local KINDS = {hold = true, settle = true, void = true, adjust = true, dispute = true}

-- The fields of the entry with this id in the stream; nil if there is none.
local function entry_at(id)
  local found = redis.call('XRANGE', LEDGER, id, id)[1]
  if not found then return nil end
  local entry = {}
  for i = 1, #found[2], 2 do entry[found[2][i]] = found[2][i + 1] end
  return entry
end

-- Whether one id in a stream stands behind another.
local function behind(one, other)
  local one_ms, one_n = string.match(one, '^(%d+)-(%d+)$')
  local other_ms, other_n = string.match(other, '^(%d+)-(%d+)$')
  if not one_ms or not other_ms then broken('an id is ' .. one .. ' or ' .. other) end
  one_ms, other_ms = tonumber(one_ms), tonumber(other_ms)
  return one_ms > other_ms or (one_ms == other_ms and tonumber(one_n) > tonumber(other_n))
end

-- Add an entry to what its counters held and settled.
local function add_up(sums, entry)
  local amount = whole(entry.amount, -MICROS_MAX, MICROS_MAX, 'the amount of ', entry.id)
  local released = whole(entry.released, 0, MICROS_MAX, 'the release of ', entry.id)
  local spared, number = whole(entry.spared or '0', 0, 64, 'the spared counters of ', entry.id), 0
  local held, settled = -released, amount
  if entry.kind == 'hold' then held, settled = amount, 0 end
  if entry.kind == 'dispute' or entry.kind == 'void' then settled = 0 end
  for counter in string.gmatch(entry.counters, '[^\n]+') do
    number = number + 1
    local sum = sums[counter] or {held = 0, settled = 0, first = MICROS_MAX, last = 0}
    sums[counter] = sum
    sum.held = sum.held + held
    if number > spared then sum.settled = sum.settled + settled end
    sum.first, sum.last = math.min(sum.first, tonumber(entry.at)), math.max(sum.last, tonumber(entry.at))
  end
end

-- {sums by counter, number of entries by attempt, the last moment and id}; nil and the answer if they may not leave.
local function look_at_entries(now, keep)
  local cursor = redis.call('GET', CURSOR)
  if not cursor then return nil, {'KEPT'} end
  local found = {sums = {}, attempts = {}, last = 0, last_id = '0-0'}
  for i = FIRST_ID, #ARGV do
    local entry = entry_at(ARGV[i])
    if not entry then return nil, {'MOVED'} end
    local at = whole(entry.at, 0, MICROS_MAX, 'the time of ', entry.id)
    local open = redis.call('HEXISTS', HOLDS, entry.id) == 1 or redis.call('HEXISTS', DISPUTES, entry.id) == 1
    if not KINDS[entry.kind] or open or at + keep > now or behind(ARGV[i], cursor) then return nil, {'KEPT'} end
    found.attempts[entry.attempt] = (found.attempts[entry.attempt] or 0) + 1
    found.last = math.max(found.last, at)
    if behind(ARGV[i], found.last_id) then found.last_id = ARGV[i] end
    add_up(found.sums, entry)
  end
  for attempt, count in pairs(found.attempts) do
    if count ~= tonumber(redis.call('HGET', AMENDED, attempt) or '2') then return nil, {'KEPT'} end
  end
  return found
end

local function is_over(counter)
  local day, month = string.match(counter, '/day/(%d%d%d%d%-%d%d%-%d%d)$'), string.match(counter, '/month/(%d%d%d%d%-%d%d)$')
  return (day and day < TODAY) or (month and month < string.sub(TODAY, 1, 7)) or false
end

-- What becomes of each counter: `carry`, what is carried of it from now on; `was`, the id of its carry until now; `leaves`.
local function look_at_counters(sums)
  for counter, sum in pairs(sums) do
    if sum.held ~= 0 then broken('whole attempts leave ' .. text_of(sum.held) .. ' held on ' .. counter) end
    sum.carry, sum.was = sum.settled, redis.call('HGET', CARRIED, counter)
    if sum.was then
      local before = entry_at(sum.was)
      if not before or before.kind ~= 'carry' or before.counters ~= counter then broken('no carry of ' .. counter) end
      sum.carry = sum.carry + whole(before.amount, -MICROS_MAX, MICROS_MAX, 'the amount of ', before.id)
      sum.first, sum.last = math.min(sum.first, tonumber(before.first)), math.max(sum.last, tonumber(before.last))
    end
    if math.abs(sum.carry) > MICROS_MAX then broken(counter .. ' would carry ' .. text_of(sum.carry)) end
    local held, settled = unpack(redis.call('HMGET', COUNTERS, counter .. ':held', counter .. ':settled'))
    sum.leaves = is_over(counter) and tonumber(held or '0') == 0 and tonumber(settled or '0') == sum.carry
  end
end

local function write_carry(counter, sum, at, seq)
  local scope, name = string.match(counter, '^(%a+)/([^/]+)/')
  local function of(kind) return scope == kind and name or '' end
  return redis.call('XADD', LEDGER, '*', 'at', at, 'id', 'carry:' .. text_of(seq) .. ':' .. counter, 'kind', 'carry',
    'amount', text_of(sum.carry), 'released', '0', 'counters', counter, 'video', '', 'attempt', '', 'key', of('key'),
    'project', of('project'), 'provider', of('provider'), 'route', '', 'first', text_of(sum.first), 'last',
    text_of(sum.last))
end

local function write_counter(counter, sum, at, seq)
  if sum.was then redis.call('XDEL', LEDGER, sum.was) end
  if sum.leaves then
    redis.call('HDEL', COUNTERS, counter .. ':held', counter .. ':settled')
    redis.call('HDEL', CROSSED, counter)
  end
  if sum.leaves or sum.carry == 0 then
    redis.call('HDEL', CARRIED, counter)
  else
    redis.call('HSET', CARRIED, counter, write_carry(counter, sum, at, seq))
  end
end

local now = now_ms()
local keep = whole(ARGV[2], 1, MICROS_MAX, 'the time that an entry is kept')
if whole(ARGV[4], 0, MICROS_MAX, 'the beginning of the day') > now then broken(TODAY .. ' has not begun') end
local at = text_of(math.max(now, whole(redis.call('GET', TIME) or '0', 0, MICROS_MAX, 'the last time')))
local seq = whole(redis.call('GET', SEQ) or '0', 0, MICROS_MAX, 'the sequence') + 1
local until_ms = tonumber(redis.call('HGET', TRIMMED, 'until_ms') or '0')
local until_id = redis.call('HGET', TRIMMED, 'until_id') or '0-0'
redis.call('HLEN', CROSSED)
if #ARGV < FIRST_ID then broken('nothing is to be trimmed') end
if redis.call('EXISTS', READING) == 1 then return {'READING'} end
for i = FIRST_RECORD, #KEYS do
  local RECORD = KEYS[i]
  if redis.call('EXISTS', RECORD) == 1 then return {'KEPT'} end
end
local found, answer = look_at_entries(now, keep)
if not found then return answer end
look_at_counters(found.sums)

redis.call('XDEL', LEDGER, unpack(ARGV, FIRST_ID))
for attempt in pairs(found.attempts) do redis.call('HDEL', AMENDED, attempt) end
for counter, sum in pairs(found.sums) do write_counter(counter, sum, at, seq) end
redis.call('HSET', TRIMMED, 'until_ms', text_of(math.max(until_ms, found.last)))
if behind(found.last_id, until_id) then redis.call('HSET', TRIMMED, 'until_id', found.last_id) end
redis.call('HINCRBY', TRIMMED, 'entries', #ARGV - FIRST_ID + 1)
redis.call('SET', TIME, at)
return {'TRIMMED', redis.call('INCR', SEQ)}
