-- End the pause that a provider asked for.
--
-- KEYS  1 limits and standing of the providers
-- ARGV  1 provider
-- Returns 1, or 0 if it had never asked for one.

return redis.call('HDEL', KEYS[1], ARGV[1] .. ':paused')
