-- Make a version of the configuration, with the limits of its providers, if the one that it was made from still counts.
-- Joined to audit.lua and provider_limits.lua.
--
-- KEYS  1 the version of the configuration  2 facts about versions  3 their texts
--       4 limits and standing of the providers  5 audit log
-- ARGV  1 now  2 the version that it was made from, 0: none  3 its facts  4 its text  5 digest of the text
--       6 of how many versions facts are kept  7 and texts  8 to 13 the deed  then fields and values of the limits
-- Returns {'PUBLISHED', number, now} | {'OVERTAKEN', number} another version counts | {'UNCHANGED', number} that version
-- has this text; nothing was written

local CONFIG, FACTS, TEXTS, PROVIDERS, AUDIT = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local now = now_ms()
local facts_kept = whole(ARGV[6], 1, 100000, 'how many facts to keep')
local texts_kept = whole(ARGV[7], 1, 100000, 'how many texts to keep')
local known = redis.call('HMGET', CONFIG, 'version', 'digest')
local number = whole(known[1] or '0', 0, MICROS_MAX, 'the version of the configuration')
if known[2] == ARGV[5] then return {'UNCHANGED', number} end
if number ~= whole(ARGV[2], 0, MICROS_MAX, 'the version that was read') then return {'OVERTAKEN', number} end
redis.call('HLEN', FACTS)
redis.call('HLEN', TEXTS)
redis.call('HLEN', PROVIDERS)
redis.call('XLEN', AUDIT)

number = number + 1
redis.call('HSET', FACTS, text_of(number), text_of(now) .. ' ' .. ARGV[3])
redis.call('HSET', TEXTS, text_of(number), ARGV[4])
redis.call('HDEL', FACTS, text_of(number - facts_kept))
redis.call('HDEL', TEXTS, text_of(number - texts_kept))
redis.call('HSET', CONFIG, 'version', text_of(number), 'digest', ARGV[5])
set_provider_limits(PROVIDERS, 14)
write_deed(AUDIT, 8, text_of(now))
return {'PUBLISHED', number, now}
