-- A lane: the queue of deliveries to one receiver, by when each is due; `lanes` has each by its earliest. Joined behind
-- common.lua.
--
-- KEYS  none of its own

-- Put the lane where its earliest delivery belongs; an empty one leaves.
local function place_lane(LANES, QUEUE, lane)
  local first = redis.call('ZRANGE', QUEUE, 0, 0, 'WITHSCORES')
  if first[1] then redis.call('ZADD', LANES, first[2], lane) else redis.call('ZREM', LANES, lane) end
end
