-- Take what is due: each video taken is leased, which is to say due again when the lease is over.
--
-- KEYS  1 due  2 leases  3 claims  4 seq
-- ARGV  1 now  2 how many at most  3 length of the lease in ms  4 name of this claim
-- Returns {now, seq, then for each video: id, token, claims since its last commit, when it was due}
-- A token is "<claim>/<video id>".

local DUE, LEASES, CLAIMS, SEQ = KEYS[1], KEYS[2], KEYS[3], KEYS[4]

local now = now_ms()
local till = now + whole(ARGV[3], 1, MICROS_MAX, 'the length of a lease')
local limit = whole(ARGV[2], 1, 1000, 'the limit of a claim')
local due = redis.call('ZRANGEBYSCORE', DUE, '-inf', text_of(now), 'WITHSCORES', 'LIMIT', 0, limit)
local answer = {now, tonumber(redis.call('GET', SEQ) or '0')}
for i = 1, #due, 2 do
  local id = due[i]
  local token = ARGV[4] .. '/' .. id
  redis.call('HSET', LEASES, id, lease_text(token, till, false))
  redis.call('ZADD', DUE, text_of(till), id)
  answer[#answer + 1] = id
  answer[#answer + 1] = token
  answer[#answer + 1] = redis.call('HINCRBY', CLAIMS, id, 1)
  answer[#answer + 1] = tonumber(due[i + 1])
end
return answer
