-- Let go of leased videos whose records did not change: fenced by the token, since no version rises.
--
-- KEYS  1 due  2 leases  3 claims  4 retained
-- ARGV  1 now  2 "1": handed back untouched, so this claim does not count
--       then for each video: id, token, due in ms (empty: handed back, now; else never again, so its record is kept from now)
-- A mark that was set meanwhile makes the video due now. Returns how many were the caller's to let go.

local DUE, LEASES, CLAIMS, RETAINED = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local now = now_ms()
local handed_back = ARGV[2] == '1'
local done = 0
for i = 3, #ARGV, 3 do
  local id, due = ARGV[i], tonumber(ARGV[i + 2])
  local token, _, mark = lease_parts(redis.call('HGET', LEASES, id))
  if token and token == ARGV[i + 1] then
    done = done + 1
    if handed_back then due = due or now end
    if mark then due = math.min(due or now, now) end
    if due then
      redis.call('ZADD', DUE, text_of(due), id)
    else
      redis.call('ZREM', DUE, id)
      redis.call('ZADD', RETAINED, text_of(now), id)
    end
    redis.call('HDEL', LEASES, id)
    if not handed_back or redis.call('HINCRBY', CLAIMS, id, -1) <= 0 then redis.call('HDEL', CLAIMS, id) end
  end
end
return done
