-- Messages: deliveries of webhooks that are written with the change that they tell of. Look at everything, then write.
-- Joined behind common.lua.
--
-- KEYS  at the end, and only with messages: deliveries, lanes, then for each message the queue of its lane
-- ARGV  at the end, for each message three: its id, its lane, its record

local MESSAGE = 3

-- Those from ARGV[first] on. A message that is there already is not written again.
local function look_at_messages(first)
  local messages = {}
  if #ARGV < first then return messages end
  local count = (#ARGV - first + 1) / MESSAGE
  if count % 1 ~= 0 or count > 64 then broken('there are ' .. #ARGV .. ' arguments') end
  local base = #KEYS - count
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
end
