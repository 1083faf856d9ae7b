-- Having a video looked at: at once, or, while somebody works on it, as soon as that one lets go. Joined behind common.lua.
--
-- KEYS  none of its own

-- Whether anything of it is open at all.
local function wake(DUE, LEASES, id, now)
  local due = tonumber(redis.call('ZSCORE', DUE, id))
  if not due then return false end
  local token, till = lease_parts(redis.call('HGET', LEASES, id))
  if token and till > now then
    redis.call('HSET', LEASES, id, lease_text(token, till, true))
  elseif due > now then
    redis.call('ZADD', DUE, text_of(now), id)
  end
  return true
end
