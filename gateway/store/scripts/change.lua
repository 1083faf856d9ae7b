-- What `admit` and `commit` share beside money: the record, its lease and its due time. Look at everything, then write;
-- nothing is rolled back. Joined behind money.lua; fields.lua names the KEYS and ARGV.
--
-- KEYS  none of its own

-- The lease on the video, whoever's and however old; nil without one.
local function lease_on(now)
  local token, till, mark = lease_parts(redis.call('HGET', LEASES, ID))
  if not token then return nil end
  return {token = token, till = till, mark = mark, mine = TOKEN ~= '' and token == TOKEN, live = till > now}
end

-- Everything that writing touches is read once, so that a key of a wrong type stops the script before it wrote.
local function look_at_types()
  whole(ARGV[4], 1, MICROS_MAX, 'the version')
  if ARGV[7] ~= 'aside' then whole(string.match(ARGV[7], '^rest:(.*)$') or ARGV[7], 0, MICROS_MAX, 'the due time') end
  local keep = whole(ARGV[8], 0, MICROS_MAX, 'the time to keep the lease')
  if keep > 0 and TOKEN == '' then broken('a lease is kept without a token') end
  whole(redis.call('GET', SEQ) or '0', 0, MICROS_MAX, 'the sequence')
  redis.call('HEXISTS', CLAIMS, ID)
  if ARGV[14] == '1' then
    redis.call('SCARD', KEYS_FLIGHT)
    redis.call('SCARD', PROJECTS_FLIGHT)
  end
  redis.call('ZSCORE', LIST, ID)
  redis.call('ZSCORE', RETAINED, ID)
  redis.call('ZSCORE', TOMBSTONES, ID)
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

-- Nothing of the video is open any more: its record is kept from now on, a deleted one's as a tombstone for as long as it
-- may be asked for.
local function write_rest(now)
  local from = text_of(math.max(now, tonumber(string.match(ARGV[7], '^rest:(%d+)$'))))
  redis.call('ZREM', DUE, ID)
  if ARGV[6] == '' then
    redis.call('ZADD', TOMBSTONES, from, ID)
    redis.call('ZREM', RETAINED, ID)
  else
    redis.call('ZADD', RETAINED, from, ID)
  end
end

-- While another works on the video, its time is not touched: a mark makes it due as soon as that one lets go.
local function write_due(now, lease, due_before)
  if ARGV[7] == 'aside' then return end
  local due, keep = tonumber(ARGV[7]), tonumber(ARGV[8])
  if lease and lease.live and not lease.mine then
    redis.call('HSET', LEASES, ID, lease_text(lease.token, lease.till, true))
    return
  end
  if not due_before and tonumber(ARGV[4]) > 1 then
    redis.call('ZREM', RETAINED, ID)
    redis.call('ZREM', TOMBSTONES, ID)
  end
  if keep > 0 then
    redis.call('HSET', LEASES, ID, lease_text(TOKEN, now + keep, lease and lease.mark))
    redis.call('ZADD', DUE, text_of(now + keep), ID)
    return
  end
  if lease then redis.call('HDEL', LEASES, ID) end
  if not due then return write_rest(now) end
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
  if ARGV[14] == '1' then
    redis.call('SREM', KEYS_FLIGHT, ID)
    redis.call('SREM', PROJECTS_FLIGHT, ID)
  end
  return redis.call('INCR', SEQ)
end
