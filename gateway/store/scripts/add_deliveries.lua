-- Write deliveries of events that no change of a video brings: those of the stream of events up to a place, or one that is
-- sent once more. Joined to messages.lua.
--
-- KEYS  1 how far the stream was read
-- ARGV  1 now  2 how far it had been read, as the caller saw it  3 how far it is read now, empty: the stream has no part
--       in it
-- Returns how many were written, or -1: another was first.

local CURSOR = KEYS[1]

local now = now_ms()
if ARGV[3] ~= '' and (redis.call('GET', CURSOR) or '') ~= ARGV[2] then return -1 end
local messages = look_at_messages(4)

if ARGV[3] ~= '' then redis.call('SET', CURSOR, ARGV[3]) end
write_messages(messages, now)
return #messages
