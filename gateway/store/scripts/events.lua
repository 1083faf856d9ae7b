-- The stream of events. Joined behind common.lua by whatever tells of something.
--
-- KEYS  none of its own; the stream is the caller's to name

local EVENTS_MAX = 10000

-- What follows are more fields of the event and their values.
local function tell(EVENTS, kind, at, ...)
  redis.call('XADD', EVENTS, 'MAXLEN', '~', EVENTS_MAX, '*', 'kind', kind, 'at', at, ...)
end

