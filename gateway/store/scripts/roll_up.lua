-- Add what a page of ledger entries adds up to to the rows of usage, and move the cursor behind the page: both or nothing.
-- Whoever comes with another cursor than the one that stands here adds nothing.
--
-- KEYS  1 the cursor  2 the list of cells, then the cells that are touched
-- ARGV  1 the cursor as it was when the page was read, empty: none yet  2 the cursor behind the page
--       3 rows that a cell may have before the tags of further ones are no longer told apart
--       then for each cell its name, the number of its rows, and for each row: its name, its name with its tags not told
--       apart, and its sums, separated by blanks
-- Returns 1, or 0 if the cursor has moved.

local CURSOR, CELLS = KEYS[1], KEYS[2]
if (redis.call('GET', CURSOR) or '') ~= ARGV[1] then return 0 end
local rows_max = whole(ARGV[3], 0, MICROS_MAX, 'the number of rows')
redis.call('ZCARD', CELLS)

-- The sums of one row and of what is added to it, added.
local function added(old, more, what)
  local terms, sums = {}, {}
  for term in string.gmatch(old or '', '%S+') do terms[#terms + 1] = whole(term, -MICROS_MAX, MICROS_MAX, what) end
  for term in string.gmatch(more, '%S+') do
    local at = #sums + 1
    local sum = (terms[at] or 0) + whole(term, -MICROS_MAX, MICROS_MAX, what)
    if sum < -MICROS_MAX or sum > MICROS_MAX then broken(what .. ' would be ' .. text_of(sum)) end
    sums[at] = text_of(sum)
  end
  return table.concat(sums, ' ')
end

local writes, at = {}, 4
for index = 3, #KEYS do
  local CELL, name, count = KEYS[index], ARGV[at], whole(ARGV[at + 1], 1, MICROS_MAX, 'the number of rows')
  local size, fresh = redis.call('HLEN', CELL), {}
  at = at + 2
  for _ = 1, count do
    local row, stored = ARGV[at], fresh[ARGV[at]] or redis.call('HGET', CELL, ARGV[at])
    if not stored then
      -- What was once not told apart never is: else a hold and its end could stand in two rows.
      local other = fresh[ARGV[at + 1]] or redis.call('HGET', CELL, ARGV[at + 1])
      if other or size >= rows_max then row, stored = ARGV[at + 1], other end
    end
    if not stored then size = size + 1 end
    fresh[row] = added(stored, ARGV[at + 2], name)
    at = at + 3
  end
  writes[#writes + 1] = {cell = CELL, name = name, rows = fresh}
end

for _, write in ipairs(writes) do
  local CELL = write.cell
  for row, sums in pairs(write.rows) do redis.call('HSET', CELL, row, sums) end
  redis.call('ZADD', CELLS, 0, write.name)
end
redis.call('SET', CURSOR, ARGV[2])
return 1
