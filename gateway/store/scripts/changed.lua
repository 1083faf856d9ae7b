-- Which of some videos have moved, and what is to be seen of them now.
--
-- KEYS  the videos
-- ARGV  for each, the version that is known, empty: none
-- Returns {place, version, face} for each whose version is another; version and face are empty for one that is gone

local moved = {}
for at, video in ipairs(KEYS) do
  local version = redis.call('HGET', video, 'v') or ''
  if version ~= ARGV[at] then
    moved[#moved + 1] = {at, version, redis.call('HGET', video, 'pub') or ''}
  end
end
return moved
