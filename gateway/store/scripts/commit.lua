-- Apply one Change to a video that exists. Joined to waiting.lua; fields.lua lists KEYS 1 to 19 and ARGV 1 to 14,
-- waiting.lua the KEYS and ARGV from there on.
--
-- KEYS  behind them those of messages.lua
-- ARGV  23 number of postings, then the postings, then what messages.lua takes
-- Returns {'COMMITTED', now, seq, crossed}, also when this very commit was applied before
--   | {'STALE', seq} the record has moved,
--   or the lease that the caller wants to keep is another's | {'REFTAKEN', attempt} | {'WINDOWPASSED', time}
--   | {'CAPPED', counter, cap, held, settled} | {'BUSY', why, until} the provider takes no submission now

local now, time = clocks()
local stored = redis.call('HMGET', VIDEO, 'v', 'c')
if stored[2] == ARGV[2] then return {'COMMITTED', now, tonumber(redis.call('GET', SEQ)), {}} end
local before = tonumber(redis.call('GET', SEQ) or '0')
if not stored[1] or tonumber(stored[1]) ~= tonumber(ARGV[4]) - 1 then return {'STALE', before} end

local due_before = look_at_types()
local lease = lease_on(now)
if ARGV[8] ~= '0' and lease and lease.live and not lease.mine then return {'STALE', before} end
local owner = taken_by()
if owner then return {'REFTAKEN', owner} end
if window_passed(time) then return {'WINDOWPASSED', time} end
local providers, refused = look_at_providers(now)
if refused then return {'BUSY', unpack(refused)} end
local postings = look_at_postings(24)
if postings.capped then return {'CAPPED', unpack(postings.capped)} end
local messages = look_at_messages(postings.behind)

local seq = write(now, time, lease, due_before, postings, {})
write_providers(providers, now)
write_messages(messages, now)
return {'COMMITTED', now, seq, postings.crossed}
