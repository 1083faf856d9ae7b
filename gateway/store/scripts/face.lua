-- A key's standing and a video's face, in one round trip.
--
-- KEYS  1 key  2 the project that the key is thought to belong to  3 video
-- Returns {id, project, name, role, created_ms, expires_ms, status of the key; status of that project; the video's project,
--   its face}. The caller compares the project named with the one it thought of.

local answer = redis.call('HMGET', KEYS[1], 'id', 'project', 'name', 'role', 'created_ms', 'expires_ms', 'status')
answer[8] = redis.call('HGET', KEYS[2], 'status')
local video = redis.call('HMGET', KEYS[3], 'p', 'pub')
answer[9], answer[10] = video[1], video[2]
return answer
