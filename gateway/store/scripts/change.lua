-- What `admit` and `commit` share: leases and money. Look at everything, then write; nothing is rolled back.
-- What cannot be (a bug of the caller, or a foreign hand in the data) is raised as BROKEN before any write.
-- Joined behind common.lua.
--
-- KEYS  1 video  2 due  3 leases  4 claims  5 list of the project  6 ledger  7 counters  8 holds  9 refs  10 seq  11 time
-- ARGV  1 now                                   2 commit id            3 video id
--       4 version of the new record             5 the record           6 its public face, empty: none
--       7 due in ms, empty: never again         8 ms to keep the lease, 0: release it
--       9 token of the lease, empty: none       10 "1": take it from the list
--       11 end of the windows of its holds in ms, 0: no hold
--       12 a ref to bind, empty: none           13 the attempt it belongs to
-- A posting is POSTING arguments: the fields of its ledger entry, in the order of FIELDS, counters joined by newlines.

local FIELDS = {'id', 'kind', 'answers', 'amount', 'released', 'counters', 'video', 'attempt', 'key', 'project',
  'provider', 'route', 'presumed', 'reason'}
local POSTING = #FIELDS

local VIDEO, DUE, LEASES, CLAIMS, LIST, LEDGER = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local COUNTERS, HOLDS, REFS, SEQ, TIME = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local ID, TOKEN = ARGV[3], ARGV[9]

-- This server's time, and the ledger's, which never goes back.
local function clocks()
  local now = now_ms()
  return now, math.max(now, whole(redis.call('GET', TIME) or '0', 0, MICROS_MAX, 'the last time'))
end

-- The lease on the video, whoever's and however old; nil without one.
local function lease_on(now)
  local token, till, mark = lease_parts(redis.call('HGET', LEASES, ID))
  if not token then return nil end
  return {token = token, till = till, mark = mark, mine = TOKEN ~= '' and token == TOKEN, live = till > now}
end

local function posting_at(index)
  local posting = {}
  for offset, field in ipairs(FIELDS) do posting[field] = ARGV[index + offset - 1] end
  return posting
end

-- What the posting adds to (held, settled) of each of its counters; and whether it ends a hold.
local function moves_of(posting)
  local kind, id = posting.kind, posting.id
  local amount = whole(posting.amount, kind == 'adjust' and -MICROS_MAX or 0, MICROS_MAX, 'the amount of ', id)
  local released = whole(posting.released, 0, MICROS_MAX, 'the release of ', id)
  local ends = kind == 'settle' or kind == 'void'
  if not ends and kind ~= 'hold' and kind ~= 'adjust' then broken('the kind of ' .. id .. ' is ' .. tostring(kind)) end
  if (kind == 'void' and amount ~= 0) or (not ends and released ~= 0) then
    broken(id .. ' is a ' .. kind .. ' of ' .. posting.amount .. ' that releases ' .. posting.released)
  end
  if kind == 'hold' then return amount, 0, false end
  if kind == 'adjust' then return 0, amount, false end
  return -released, amount, true
end

-- A hold answers nothing; whatever answers a hold touches its counters; settle and void end it, whole and once.
local function check_answer(posting, ends, entries, open)
  local id, answers = posting.id, posting.answers
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
  entries[id] = posting.digest
end

-- Add one posting to `sums`: what each field of its counters moves by.
local function add_up(sums, held, settled, counters)
  if counters == '' then broken('postings touch no counter') end
  for counter in string.gmatch(counters, '[^\n]+') do
    if held ~= 0 then
      local field = counter .. ':held'
      sums[field] = (sums[field] or 0) + held
    end
    if settled ~= 0 then
      local field = counter .. ':settled'
      sums[field] = (sums[field] or 0) + settled
    end
  end
end

-- The counters as they will be, as arguments of an HSET. None may leave the range in which sums are exact, and none may
-- hold less than nothing.
local function counters_after(sums)
  local fields, after = {}, {COUNTERS}
  for field in pairs(sums) do fields[#fields + 1] = field end
  if #fields == 0 then return after end
  local stored = redis.call('HMGET', COUNTERS, unpack(fields))
  for i, field in ipairs(fields) do
    local low = string.sub(field, -5) == ':held' and 0 or -MICROS_MAX
    local sum = (stored[i] and whole(stored[i], low, MICROS_MAX, field) or 0) + sums[field]
    if sum < low or sum > MICROS_MAX then broken(field .. ' would be ' .. text_of(sum)) end
    after[2 * i], after[2 * i + 1] = field, text_of(sum)
  end
  return after
end

-- The postings from ARGV[first] on, checked; their number stands just before them.
local function look_at_postings(first)
  local count = whole(ARGV[first - 1], 0, 64, 'the number of postings')
  if #ARGV ~= first - 1 + count * POSTING then broken('there are ' .. #ARGV .. ' arguments') end
  local postings, entries, open, sums = {}, {}, {}, {}
  for i = 1, count do
    local posting = posting_at(first + (i - 1) * POSTING)
    if posting.video ~= ID then broken(posting.id .. ' is about ' .. posting.video) end
    local held, settled, ends = moves_of(posting)
    check_answer(posting, ends, entries, open)
    add_up(sums, held, settled, posting.counters)
    postings[i] = posting
  end
  if count > 0 then
    redis.call('HEXISTS', HOLDS, ID)
    redis.call('XLEN', LEDGER)
    postings.counters_after = counters_after(sums)
  end
  return postings
end

-- Everything that writing touches is read once, so that a key of a wrong type stops the script before it wrote.
local function look_at_types()
  whole(ARGV[4], 1, MICROS_MAX, 'the version')
  if ARGV[7] ~= '' then whole(ARGV[7], 0, MICROS_MAX, 'the due time') end
  local keep = whole(ARGV[8], 0, MICROS_MAX, 'the time to keep the lease')
  if keep > 0 and TOKEN == '' then broken('a lease is kept without a token') end
  whole(redis.call('GET', SEQ) or '0', 0, MICROS_MAX, 'the sequence')
  redis.call('HEXISTS', CLAIMS, ID)
  redis.call('ZSCORE', LIST, ID)
  return tonumber(redis.call('ZSCORE', DUE, ID))
end

-- nil if the ref is free or this attempt's own; else the attempt that has it.
local function taken_by()
  local owner = ARGV[12] ~= '' and redis.call('HGET', REFS, ARGV[12])
  return owner and owner ~= ARGV[13] and owner or nil
end

local function window_passed(time)
  local till = whole(ARGV[11], 0, MICROS_MAX, 'the end of the window')
  return till > 0 and time >= till
end

local function write_postings(postings, time)
  if #postings == 0 then return end
  local at = text_of(time)
  for _, posting in ipairs(postings) do
    local entry = {LEDGER, '*', 'at', at}
    for _, field in ipairs(FIELDS) do
      entry[#entry + 1] = field
      entry[#entry + 1] = posting[field]
    end
    redis.call('XADD', unpack(entry))
    if posting.kind == 'hold' then
      redis.call('HSET', HOLDS, posting.id, posting.amount)
    elseif posting.kind ~= 'adjust' then
      redis.call('HDEL', HOLDS, posting.answers)
    end
  end
  if #postings.counters_after > 1 then redis.call('HSET', unpack(postings.counters_after)) end
  redis.call('SET', TIME, at)
end

-- While another works on the video, its time is not touched: a mark makes it due as soon as that one lets go.
local function write_due(now, lease, due_before)
  local due, keep = tonumber(ARGV[7]), tonumber(ARGV[8])
  if lease and lease.live and not lease.mine then
    redis.call('HSET', LEASES, ID, lease_text(lease.token, lease.till, true))
    return
  end
  if keep > 0 then
    redis.call('HSET', LEASES, ID, lease_text(TOKEN, now + keep, lease and lease.mark))
    redis.call('ZADD', DUE, text_of(now + keep), ID)
    return
  end
  if lease then redis.call('HDEL', LEASES, ID) end
  if not due then
    redis.call('ZREM', DUE, ID)
    return
  end
  if lease and lease.mark then due = math.min(due, now) end
  -- Who does not hold the video may bring its time forward, never put it off: it may have been made due meanwhile.
  if due_before and not (lease and lease.mine) then due = math.min(due, due_before) end
  redis.call('ZADD', DUE, text_of(due), ID)
end

-- The record, with `more` fields of it, and which postings it has had.
local function write_video(postings, more)
  local fields = {'rec', ARGV[5], 'v', ARGV[4], 'c', ARGV[2], unpack(more)}
  if ARGV[6] == '' then
    redis.call('HDEL', VIDEO, 'pub')
  else
    fields[#fields + 1] = 'pub'
    fields[#fields + 1] = ARGV[6]
  end
  for _, posting in ipairs(postings) do
    fields[#fields + 1] = 'e:' .. posting.id
    fields[#fields + 1] = posting.digest
  end
  redis.call('HSET', VIDEO, unpack(fields))
end

-- All of it. Returns the new sequence.
local function write(now, time, lease, due_before, postings, more)
  write_video(postings, more)
  if ARGV[10] == '1' then redis.call('ZREM', LIST, ID) end
  if ARGV[12] ~= '' then redis.call('HSET', REFS, ARGV[12], ARGV[13]) end
  write_postings(postings, time)
  write_due(now, lease, due_before)
  if TOKEN ~= '' then redis.call('HDEL', CLAIMS, ID) end
  return redis.call('INCR', SEQ)
end
