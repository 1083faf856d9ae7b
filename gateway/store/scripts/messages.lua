-- What is written with the change that it tells of: deliveries of webhooks, and the audit log's entry where an operator
-- brought it about. Look at everything, then write. Joined behind audit.lua.
--
-- KEYS  at the end, and only with messages: deliveries, lanes, then for each message the queue of its lane;
--       behind them, and only with a deed: the audit log
-- ARGV  at the end, for each message three: its id, its lane, its record;
--       behind them, and only with a deed, seven: those of audit.lua, and 'deed', which no number of messages has behind it

local MESSAGE, DEED = 3, 7

-- Those from ARGV[first] on. A message that is there already is not written again; a commit that is, never comes here.
local function look_at_messages(first)
  local messages, keys, words = {}, #KEYS, #ARGV - first + 1
  if words <= 0 then return messages end
  if words % MESSAGE == DEED % MESSAGE and ARGV[#ARGV] == 'deed' then
    local AUDIT = KEYS[keys]
    redis.call('XLEN', AUDIT)
    messages.AUDIT, messages.deed = AUDIT, #ARGV - DEED + 1
    keys, words = keys - 1, words - DEED
    if words == 0 then return messages end
  end
  local count = words / MESSAGE
  if count % 1 ~= 0 or count > 64 then broken('there are ' .. #ARGV .. ' arguments') end
  local base = keys - count
  local DELIVERIES, LANES = KEYS[base - 1], KEYS[base]
  messages.DELIVERIES, messages.LANES = DELIVERIES, LANES
  redis.call('ZCARD', LANES)
  for i = 1, count do
    local at, QUEUE = first + (i - 1) * MESSAGE, KEYS[base + i]
    redis.call('ZCARD', QUEUE)
    if redis.call('HEXISTS', DELIVERIES, ARGV[at]) == 0 then
      messages[#messages + 1] = {id = ARGV[at], lane = ARGV[at + 1], record = ARGV[at + 2], QUEUE = QUEUE}
    end
  end
  return messages
end

local function write_messages(messages, now)
  local DELIVERIES, LANES, due = messages.DELIVERIES, messages.LANES, text_of(now)
  for _, one in ipairs(messages) do
    local QUEUE = one.QUEUE
    redis.call('HSET', DELIVERIES, one.id, one.record)
    redis.call('ZADD', QUEUE, due, one.id)
    redis.call('ZADD', LANES, 'LT', due, one.lane)
  end
  local AUDIT = messages.AUDIT
  if AUDIT then write_deed(AUDIT, messages.deed, due) end
end
