-- Call those whose turn it is at a provider: as many of the first in line as it would take now are made due, and have a
-- moment to take their turn. Joined to permit.lua and wake.lua.
--
-- KEYS  1 limits and standing of the providers  2 when submissions left  3 the line  4 who was called  5 due  6 leases
-- ARGV  1 now  2 provider  3 how many at most  4 ms in which a turn may be taken
-- Returns how many were called.

local PROVIDERS, SENT, WAITING, CALLED, DUE, LEASES = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]

local now = now_ms()
local most = whole(ARGV[3], 1, 1000, 'how many to call')
local till = now + whole(ARGV[4], 1, MICROS_MAX, 'the time for a turn')
local standing = standing_of(PROVIDERS, ARGV[2])
if standing.paused > now then return 0 end
redis.call('ZREMRANGEBYSCORE', CALLED, '-inf', text_of(now))
local called = redis.call('ZCARD', CALLED)
if standing.rpm then
  if next_in_minute(SENT, standing.rpm, now) > 0 then return 0 end
  local free = standing.rpm
  for at, sent in ipairs(redis.call('LRANGE', SENT, 0, standing.rpm - 1)) do
    if tonumber(sent) + MINUTE_MS <= now then break end
    free = standing.rpm - at
  end
  most = math.min(most, free - called)
end
if standing.concurrency then most = math.min(most, standing.concurrency - standing.in_flight - called) end
if most <= 0 then return 0 end

local count = 0
for _, id in ipairs(redis.call('ZRANGE', WAITING, 0, most + called - 1)) do
  if count < most and not redis.call('ZSCORE', CALLED, id) then
    count = count + 1
    redis.call('ZADD', CALLED, text_of(till), id)
    wake(DUE, LEASES, id, now)
  end
end
return count
