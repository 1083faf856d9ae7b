-- Postings: what each adds to its counters, whether that may be, and how it is written. Look at everything, then write.
-- What cannot be (a bug of the caller, or a foreign hand in the data) is raised as BROKEN before any write.
-- Joined behind caps.lua; fields.lua names the KEYS that are used here.
--
-- KEYS  none of its own
-- A posting is POSTING arguments: the fields of its ledger entry in the order of FIELDS, counters joined by newlines. Its
-- first `spared` counters do not bear its amount: another does. An empty field is left out of the entry.
-- A counter belongs to a budget, which is its name without the period.

local FIELDS = {'id', 'kind', 'answers', 'amount', 'released', 'counters', 'spared', 'video', 'attempt', 'key', 'project',
  'provider', 'route', 'model', 'tags', 'delivered', 'dearest', 'presumed', 'ref', 'reason'}
local POSTING = #FIELDS

local function posting_at(index)
  local posting = {}
  for offset, field in ipairs(FIELDS) do posting[field] = ARGV[index + offset - 1] end
  return posting
end

local LOWEST = {hold = 0, settle = 0, void = 0, adjust = -MICROS_MAX, dispute = 1}

-- What the posting adds to (held, settled) of each of its counters; and whether it ends a hold.
local function moves_of(posting)
  local kind, id = posting.kind, posting.id
  if not LOWEST[kind] then broken('the kind of ' .. id .. ' is ' .. tostring(kind)) end
  local amount = whole(posting.amount, LOWEST[kind], MICROS_MAX, 'the amount of ', id)
  local released = whole(posting.released, 0, MICROS_MAX, 'the release of ', id)
  local ends = kind == 'settle' or kind == 'void'
  if (kind == 'void' and amount ~= 0) or (not ends and released ~= 0) then
    broken(id .. ' is a ' .. kind .. ' of ' .. posting.amount .. ' that releases ' .. posting.released)
  end
  if kind == 'hold' then return amount, 0, false end
  if kind == 'adjust' then return 0, amount, false end
  if kind == 'dispute' then return 0, 0, false end
  return -released, amount, true
end

-- Whether a posting is an operator's word on a dispute.
local function decides(posting)
  return posting.kind == 'adjust' and string.find(posting.answers, ':dispute$') ~= nil
end

-- A dispute is decided once, by no more than it is about.
local function check_word(posting, disputes)
  local disputed = disputes[posting.answers]
  if disputed == nil then disputed = redis.call('HGET', DISPUTES, posting.answers) end
  if not disputed or tonumber(posting.amount) < 0 or tonumber(posting.amount) > tonumber(disputed) then
    broken(posting.id .. ' books ' .. posting.amount .. ' of ' .. posting.answers .. ', open: ' .. tostring(disputed))
  end
  disputes[posting.answers] = false
end

-- A hold answers nothing; whatever answers an entry touches its counters; settle and void end a hold, whole and once.
local function check_answer(posting, ends, seen)
  local id, answers, entries, open = posting.id, posting.answers, seen.entries, seen.open
  posting.digest = redis.sha1hex(posting.counters)
  if entries[id] or redis.call('HEXISTS', VIDEO, 'e:' .. id) == 1 then broken(id .. ' is in the ledger already') end
  if posting.kind == 'hold' then
    if answers ~= '' then broken(id .. ' answers ' .. answers) end
    open[id] = posting.amount
  else
    local touched = entries[answers] or redis.call('HGET', VIDEO, 'e:' .. answers)
    if not touched then broken(id .. ' answers ' .. answers .. ', which is not in the ledger') end
    if touched ~= posting.digest then broken(id .. ' touches other counters than ' .. answers) end
  end
  if ends then
    local amount = open[answers]
    if amount == nil then amount = redis.call('HGET', HOLDS, answers) end
    if amount ~= posting.released then
      broken(id .. ' releases ' .. posting.released .. ' of ' .. answers .. ', open: ' .. tostring(amount))
    end
    open[answers] = false
  end
  if posting.kind == 'dispute' then seen.disputes[id] = posting.amount end
  if decides(posting) then check_word(posting, seen.disputes) end
  entries[id] = posting.digest
end

-- Add one posting to `sums`, lists by counter: what each moves by, held and settled, and whether a hold on it is new.
local function add_up(sums, posting, held, settled)
  local spared, number = whole(posting.spared, 0, 64, 'the spared counters of ', posting.id), 0
  for counter in string.gmatch(posting.counters, '[^\n]+') do
    local at = sums.place[counter]
    if not at then
      at = #sums.names + 1
      sums.place[counter], sums.names[at], sums.held[at], sums.settled[at] = at, counter, 0, 0
    end
    number = number + 1
    sums.held[at] = sums.held[at] + held
    if number > spared then sums.settled[at] = sums.settled[at] + settled end
    if held > 0 then sums.holds[at] = true end
  end
  if number == 0 then broken('postings touch no counter') end
end

-- The caps of the counters in `sums`, by their places. Where none is set, what sums can count is the cap of a new hold:
-- whatever is held can then be settled. Every hold and every cost counts for the gateway, so its total, the largest of all
-- sums, bounds them.
local function find_caps(sums)
  local total = sums.place['gateway/total']
  if total and sums.holds[total] then sums.caps[total] = {limit = MICROS_MAX, percents = ''} end
  if redis.call('HLEN', CAPS) == 0 then return end
  local budgets = {}
  for at, name in ipairs(sums.names) do
    budgets[at] = budget_of(name)
  end
  for at, cap in ipairs(redis.call('HMGET', CAPS, unpack(budgets))) do
    if cap then
      sums.caps[at] = cap_of(cap, budgets[at])
    end
  end
end

-- Reads the counters that move or are capped; leaves in `after` what an HSET is to write, and with every cap the two sides of
-- its counter as they will be. Both must stay in the range in which sums are exact, and what is held above nothing; a new
-- hold that would bring both together out of it is left to `capped_by`.
local function look_at_counters(sums, after)
  local fields, moves, lows, caps, asked = {}, {}, {}, {}, {}
  local function side(name, which, move, low, cap, new)
    if move == 0 and not cap then return end
    local at = #fields + 1
    fields[at], moves[at], lows[at], caps[at], asked[at] = name .. which, move, low, cap or false, new or false
  end
  for at, name in ipairs(sums.names) do
    side(name, ':held', sums.held[at], 0, sums.caps[at], sums.holds[at])
    side(name, ':settled', sums.settled[at], -MICROS_MAX, sums.caps[at])
  end
  if #fields == 0 then return end
  local stored = redis.call('HMGET', COUNTERS, unpack(fields))
  for i, field in ipairs(fields) do
    local sum = (stored[i] and whole(stored[i], lows[i], MICROS_MAX, field) or 0) + moves[i]
    if sum < lows[i] or (sum > MICROS_MAX and not asked[i]) then broken(field .. ' would be ' .. text_of(sum)) end
    if moves[i] ~= 0 then after[#after + 1], after[#after + 2] = field, text_of(sum) end
    if caps[i] then caps[i][lows[i] == 0 and 'held' or 'settled'] = sum end
  end
end

-- The first counter whose cap a new hold would pass, as {counter, cap, held, settled} before it; nil if none.
local function capped_by(sums)
  for at, name in ipairs(sums.names) do
    local cap = sums.caps[at]
    if cap and sums.holds[at] and (cap.held + cap.settled > cap.limit or cap.held > MICROS_MAX) then
      return {name, cap.limit, cap.held - sums.held[at], cap.settled - sums.settled[at]}
    end
  end
end

-- What was not told yet of the counters in `sums`, as note_crossed writes it.
local function crossings(sums)
  local found = {}
  for at, name in ipairs(sums.names) do
    if sums.caps[at] then note_crossed(found, name, sums.caps[at]) end
  end
  if #found > 0 then redis.call('XLEN', EVENTS) end
  return found
end

-- The postings from ARGV[first] on, checked; their number stands just before them. With them: `after`, the counters to
-- write; `capped`, why a hold may not be; `crossed`, what is to be told of budgets; `behind`, the first ARGV after them.
local function look_at_postings(first)
  local count = whole(ARGV[first - 1], 0, 64, 'the number of postings')
  if #ARGV < first - 1 + count * POSTING then broken('there are ' .. #ARGV .. ' arguments') end
  local postings, seen = {after = {}, crossed = {}, behind = first + count * POSTING}, {entries = {}, open = {}, disputes = {}}
  local sums = {names = {}, place = {}, held = {}, settled = {}, holds = {}, caps = {}}
  for i = 1, count do
    local posting = posting_at(first + (i - 1) * POSTING)
    if posting.video ~= ID then broken(posting.id .. ' is about ' .. posting.video) end
    local held, settled, ends = moves_of(posting)
    check_answer(posting, ends, seen)
    add_up(sums, posting, held, settled)
    postings[i] = posting
  end
  if count == 0 then return postings end
  redis.call('HEXISTS', HOLDS, ID)
  if next(seen.disputes) then
    redis.call('HEXISTS', DISPUTES, ID)
    redis.call('XLEN', EVENTS)
  end
  redis.call('XLEN', LEDGER)
  find_caps(sums)
  look_at_counters(sums, postings.after)
  postings.capped = capped_by(sums)
  if not postings.capped then postings.crossed = crossings(sums) end
  return postings
end

local function write_postings(postings, time)
  if #postings == 0 then return end
  local at = text_of(time)
  for _, posting in ipairs(postings) do
    local entry = {'at', at}
    for _, field in ipairs(FIELDS) do
      if posting[field] ~= '' then
        entry[#entry + 1] = field
        entry[#entry + 1] = posting[field]
      end
    end
    redis.call('XADD', LEDGER, '*', unpack(entry))
    if posting.kind == 'hold' then
      redis.call('HSET', HOLDS, posting.id, posting.amount)
    elseif posting.kind == 'dispute' then
      redis.call('HSET', DISPUTES, posting.id, posting.amount)
      tell(EVENTS, 'ledger.disputed', at, 'entry', posting.id, 'amount', posting.amount)
    elseif posting.kind ~= 'adjust' then
      redis.call('HDEL', HOLDS, posting.answers)
    elseif decides(posting) then
      redis.call('HDEL', DISPUTES, posting.answers)
    end
  end
  if #postings.after > 0 then redis.call('HSET', COUNTERS, unpack(postings.after)) end
  write_events(postings.crossed, at)
  redis.call('SET', TIME, at)
end
