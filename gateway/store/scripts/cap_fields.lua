-- What `set_cap` takes, by name. Joined behind common.lua.
--
-- KEYS  1 caps  2 counters  3 crossed  4 events  5 time

local CAPS, COUNTERS, CROSSED, EVENTS, TIME = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
