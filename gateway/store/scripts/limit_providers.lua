-- Set the limits of the providers, as a version of the configuration says, while that version counts. Joined to
-- provider_limits.lua.
--
-- KEYS  1 limits and standing of the providers  2 the version of the configuration
-- ARGV  1 the version that says so, empty: whichever counts  then fields and their values
-- Returns how many fields went, -1: another version counts, and nothing was written.

local PROVIDERS, CONFIG = KEYS[1], KEYS[2]

if ARGV[1] ~= '' and redis.call('HGET', CONFIG, 'version') ~= ARGV[1] then return -1 end
return set_provider_limits(PROVIDERS, 2)
