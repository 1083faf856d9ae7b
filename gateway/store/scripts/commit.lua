-- Apply one Change to a video that exists. Joined to change.lua; fields.lua lists the
-- KEYS and ARGV 1 to 14.
--
-- KEYS  none more
-- ARGV  15 number of postings, then the postings
-- Returns {'COMMITTED', now, seq, crossed}, also when this very commit was applied before | {'STALE'} the record has moved,
--   or the lease that the caller wants to keep is another's | {'REFTAKEN', attempt} | {'WINDOWPASSED', time}
--   | {'CAPPED', counter, cap, held, settled}

local now, time = clocks()
local stored = redis.call('HMGET', VIDEO, 'v', 'c')
if stored[2] == ARGV[2] then return {'COMMITTED', now, tonumber(redis.call('GET', SEQ)), {}} end
if not stored[1] or tonumber(stored[1]) ~= tonumber(ARGV[4]) - 1 then return {'STALE'} end

local due_before = look_at_types()
local lease = lease_on(now)
if ARGV[8] ~= '0' and lease and lease.live and not lease.mine then return {'STALE'} end
local owner = taken_by()
if owner then return {'REFTAKEN', owner} end
if window_passed(time) then return {'WINDOWPASSED', time} end
local postings = look_at_postings(16)
if postings.capped then return {'CAPPED', unpack(postings.capped)} end

return {'COMMITTED', now, write(now, time, lease, due_before, postings, {}), postings.crossed}
