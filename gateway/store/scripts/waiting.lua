-- What a Change does at the providers: a submission takes its permit, attempts begin and end there, a provider asks for a
-- pause, the video joins or leaves the waiting lines. Look at everything, then write. Joined between change.lua and commit.lua, behind
-- permit.lua.
--
-- KEYS  20 limits and standing of the providers  21 which provider each attempt in flight is at
--       22 the providers that somebody waits for
--       then for each line that is looked at four: when submissions left, the line, who was called, the turns
-- ARGV  15 "ask" or "again": a submission or a resend leaves for the first of these providers; empty: none
--       16 these providers, a line each   17 "1": the video waits for all of them from now on, else for none of them
--       18 its priority, 0 to 9           19 its project
--       20 attempts in flight from now on, "attempt provider" a line each; 21 attempts that are no more, a line each
--       22 "provider ms": it asked not to be called before
-- A place in a line is (9 - priority) * TAG + tag: within a priority the projects take turns (start-time fair queueing): the
-- tag is one more than the latest of the same project, and than that of the last video that had its turn.

local PROVIDERS, IN_FLIGHT, AWAITED = KEYS[20], KEYS[21], KEYS[22]
local TAG = 4398046511104 -- 2^42

local function each_line(text, take)
  for line in string.gmatch(text, '[^\n]+') do take(line) end
end

-- The lines in question: {provider, SENT, WAITING, CALLED, TURNS, place}, `place` false if the video does not stand in it.
local function look_at_lines()
  local lines = {}
  each_line(ARGV[16], function(provider)
    local base = 23 + 4 * #lines
    local SENT, WAITING, CALLED, TURNS = KEYS[base], KEYS[base + 1], KEYS[base + 2], KEYS[base + 3]
    local place = tonumber(redis.call('ZSCORE', WAITING, ID)) or false
    redis.call('ZSCORE', CALLED, ID)
    lines[#lines + 1] = {provider = provider, SENT = SENT, WAITING = WAITING, CALLED = CALLED, TURNS = TURNS, place = place}
  end)
  return lines
end

-- What is to be written, or nil and {why, until}: no permit is to be had.
local function look_at_providers(now)
  local found = {lines = look_at_lines(), begin = {}, done = {}}
  local first = found.lines[1]
  if ARGV[15] ~= '' then
    found.standing = standing_of(PROVIDERS, first.provider)
    local why, till = busy(found.standing, first.SENT, first.WAITING, first.CALLED, ID, now, ARGV[15] == 'again')
    if why then return nil, {why, till} end
  end
  if ARGV[17] == '1' then
    local priority = whole(ARGV[18], 0, 9, 'the priority')
    for _, line in ipairs(found.lines) do
      local TURNS = line.TURNS
      local tags = redis.call('HMGET', TURNS, 'v' .. priority, priority .. ' ' .. ARGV[19])
      line.tag = math.max(tonumber(tags[1] or '0'), tonumber(tags[2] or '0')) + 1
    end
  end
  each_line(ARGV[20], function(line)
    local attempt, provider = string.match(line, '^(%S+) (%S+)$')
    if not redis.call('HGET', IN_FLIGHT, attempt) then found.begin[#found.begin + 1] = {attempt, provider} end
  end)
  each_line(ARGV[21], function(attempt)
    local provider = redis.call('HGET', IN_FLIGHT, attempt)
    if provider then found.done[#found.done + 1] = {attempt, provider} end
  end)
  if #found.lines > 0 then redis.call('SCARD', AWAITED) end
  return found
end

local function join(line)
  local WAITING, TURNS = line.WAITING, line.TURNS
  if line.place then return end
  local priority = tonumber(ARGV[18])
  redis.call('ZADD', WAITING, text_of((9 - priority) * TAG + line.tag), ID)
  redis.call('HSET', TURNS, ARGV[18] .. ' ' .. ARGV[19], text_of(line.tag))
  redis.call('SADD', AWAITED, line.provider)
end

-- Whose turn came moves the line's time on. With nobody in it, the line has no memory.
local function leave(line, had_turn)
  local WAITING, CALLED, TURNS = line.WAITING, line.CALLED, line.TURNS
  if not line.place then return end
  redis.call('ZREM', WAITING, ID)
  redis.call('ZREM', CALLED, ID)
  if redis.call('ZCARD', WAITING) == 0 then
    redis.call('DEL', TURNS)
    redis.call('SREM', AWAITED, line.provider)
  elseif had_turn then
    local tag = line.place % TAG
    local field = 'v' .. text_of(9 - (line.place - tag) / TAG)
    local before = tonumber(redis.call('HGET', TURNS, field) or '0')
    if tag > before then redis.call('HSET', TURNS, field, text_of(tag)) end
  end
end

local function write_providers(found, now)
  local asks = ARGV[15] ~= ''
  if asks and found.standing.rpm then note_in_minute(found.lines[1].SENT, found.standing.rpm, now) end
  for at, line in ipairs(found.lines) do
    if ARGV[17] == '1' then join(line) elseif ARGV[15] ~= 'again' then leave(line, asks and at == 1) end
  end
  for _, one in ipairs(found.begin) do
    redis.call('HSET', IN_FLIGHT, one[1], one[2])
    redis.call('HINCRBY', PROVIDERS, one[2] .. ':in_flight', 1)
  end
  for _, one in ipairs(found.done) do
    redis.call('HDEL', IN_FLIGHT, one[1])
    redis.call('HINCRBY', PROVIDERS, one[2] .. ':in_flight', -1)
  end
  local provider, till = string.match(ARGV[22], '^(%S+) (%d+)$')
  if provider then
    local field = provider .. ':paused'
    local before = tonumber(redis.call('HGET', PROVIDERS, field) or '0')
    if tonumber(till) > before then redis.call('HSET', PROVIDERS, field, till) end
  end
end
