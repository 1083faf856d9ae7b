-- What a Change is, as `admit` and `commit` take it: its KEYS and ARGV by name, and the two clocks it goes by.
-- Joined behind common.lua.
--
-- KEYS  1 video  2 due  3 leases  4 claims  5 list of the project  6 ledger  7 counters  8 holds  9 refs  10 seq  11 time
--       12 caps  13 crossed  14 events  15 videos in flight of the key  16 of the project  17 disputes
--       18 retained  19 tombstones
-- ARGV  1 now                                   2 commit id            3 video id
--       4 version of the new record             5 the record           6 its public face, empty: none
--       7 due in ms; "aside": due time and
--         lease stay; "rest:<ms>": nothing is
--         open any more, but until then it may
--         be asked for                         8 ms to keep the lease, 0: release it
--       9 token of the lease, empty: none       10 "1": take it from the list
--       11 end of the windows of its holds in ms, 0: no hold
--       12 a ref to bind, empty: none           13 the attempt it belongs to
--       14 "1": the video is over, so no more in flight

local VIDEO, DUE, LEASES, CLAIMS, LIST, LEDGER = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local COUNTERS, HOLDS, REFS, SEQ, TIME = KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local CAPS, CROSSED, EVENTS, KEYS_FLIGHT, PROJECTS_FLIGHT = KEYS[12], KEYS[13], KEYS[14], KEYS[15], KEYS[16]
local DISPUTES, RETAINED, TOMBSTONES = KEYS[17], KEYS[18], KEYS[19]
local ID, TOKEN = ARGV[3], ARGV[9]

-- This server's time, and the ledger's, which never goes back.
local function clocks()
  local now = now_ms()
  return now, math.max(now, whole(redis.call('GET', TIME) or '0', 0, MICROS_MAX, 'the last time'))
end
