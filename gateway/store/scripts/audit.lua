-- The audit log. Joined behind common.lua by whatever an operator changes.
--
-- KEYS  none of its own; the log is a stream
-- A deed is six words: id, actor, action, object, before, after (the last two as JSON).

local AUDIT_MAX = 100000
local AUDIT_LOOK = 200 -- a deed that is sent again is sent at once

-- Whether this deed is written already: the answer to it was lost.
local function was_done(AUDIT, deed)
  for _, entry in ipairs(redis.call('XREVRANGE', AUDIT, '+', '-', 'COUNT', AUDIT_LOOK)) do
    local fields = entry[2]
    for i = 1, #fields, 2 do
      if fields[i] == 'deed' and fields[i + 1] == deed then return true end
    end
  end
  return false
end

-- `first`: where in ARGV the deed begins.
local function write_deed(AUDIT, first, at)
  redis.call('XADD', AUDIT, 'MAXLEN', '~', AUDIT_MAX, '*', 'deed', ARGV[first], 'at', at, 'actor', ARGV[first + 1],
    'action', ARGV[first + 2], 'object', ARGV[first + 3], 'before', ARGV[first + 4], 'after', ARGV[first + 5])
end
