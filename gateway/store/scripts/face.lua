-- A key's standing and a video's face, in one round trip.
--
-- KEYS  1 key  2 the project that the key is thought to belong to  3 video
-- Returns {id, project, name, role, created_ms, expires_ms, status, limits of the key; status, limits of that project; the
--   video's project, its face}. The caller compares the project named with the one it thought of.

local answer = redis.call('HMGET', KEYS[1], 'id', 'project', 'name', 'role', 'created_ms', 'expires_ms', 'status', 'limits')
local project = redis.call('HMGET', KEYS[2], 'status', 'limits')
local video = redis.call('HMGET', KEYS[3], 'p', 'pub')
answer[9], answer[10], answer[11], answer[12] = project[1], project[2], video[1], video[2]
return answer
