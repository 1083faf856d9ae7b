-- The faces of some videos.
--
-- KEYS  the videos
-- Returns the face of each, nil where it has none.

local faces = {}
for i, video in ipairs(KEYS) do faces[i] = redis.call('HGET', video, 'pub') end
return faces
