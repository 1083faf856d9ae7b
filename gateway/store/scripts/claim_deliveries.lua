-- Take what is due in one lane: each delivery taken is due again when its lease is over. Joined behind lane.lua.
--
-- KEYS  1 lanes  2 queue of the lane  3 deliveries
-- ARGV  1 now  2 lane  3 how many at most  4 length of the lease in ms
-- Returns {now, then the record of each}

local LANES, QUEUE, DELIVERIES = KEYS[1], KEYS[2], KEYS[3]

local now = now_ms()
local limit = whole(ARGV[3], 1, 1000, 'the limit of a claim')
local till = text_of(now + whole(ARGV[4], 1, MICROS_MAX, 'the length of a lease'))
redis.call('ZCARD', LANES)
redis.call('HLEN', DELIVERIES)
local answer = {now}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', QUEUE, '-inf', text_of(now), 'LIMIT', 0, limit)) do
  local record = redis.call('HGET', DELIVERIES, id)
  if record then
    redis.call('ZADD', QUEUE, till, id)
    answer[#answer + 1] = record
  else
    redis.call('ZREM', QUEUE, id)
  end
end
place_lane(LANES, QUEUE, ARGV[2])
return answer
