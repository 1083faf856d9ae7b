-- Say what becomes of a delivery: done, due again, or a dead letter. Whoever read an older record is refused. Joined behind
-- lane.lua.
--
-- KEYS  1 lanes  2 queue of its lane  3 deliveries  4 dead letters
-- ARGV  1 now  2 lane  3 id  4 the record as it was read  5 the new one, empty: done
--       6 due in ms, empty: a dead letter  7 how many dead letters are kept
-- Returns {1, how many of the oldest dead letters were dropped for it}, or {0, 0}: it is not as it was read.

local LANES, QUEUE, DELIVERIES, DEAD = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local ID = ARGV[3]

local now = now_ms()
local due = ARGV[6] ~= '' and whole(ARGV[6], 0, MICROS_MAX, 'the due time')
local kept = whole(ARGV[7], 1, 1000000, 'the number of dead letters')
if redis.call('HGET', DELIVERIES, ID) ~= ARGV[4] then return {0, 0} end
redis.call('ZCARD', LANES)
redis.call('ZCARD', QUEUE)
redis.call('ZCARD', DEAD)

local dropped = 0
if ARGV[5] == '' then
  redis.call('HDEL', DELIVERIES, ID)
  redis.call('ZREM', QUEUE, ID)
  redis.call('ZREM', DEAD, ID)
elseif due then
  redis.call('HSET', DELIVERIES, ID, ARGV[5])
  redis.call('ZREM', DEAD, ID)
  redis.call('ZADD', QUEUE, text_of(due), ID)
else
  redis.call('HSET', DELIVERIES, ID, ARGV[5])
  redis.call('ZREM', QUEUE, ID)
  redis.call('ZADD', DEAD, text_of(now), ID)
  local over = redis.call('ZCARD', DEAD) - kept
  if over > 0 then
    for _, old in ipairs(redis.call('ZRANGE', DEAD, 0, over - 1)) do
      redis.call('HDEL', DELIVERIES, old)
      redis.call('ZREM', DEAD, old)
      dropped = dropped + 1
    end
  end
end
place_lane(LANES, QUEUE, ARGV[2])
return {1, dropped}
