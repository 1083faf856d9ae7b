-- Note that the store forgot commits: until an operator has accepted it, nobody submits.
--
-- KEYS  1 rewound
-- ARGV  1 now  2 the sequence that was remembered  3 the one that was met  4 "1": a replica took over
-- Returns 1.

whole(ARGV[2], 0, MICROS_MAX, 'the sequence remembered')
whole(ARGV[3], 0, MICROS_MAX, 'the sequence met')
redis.call('HDEL', KEYS[1], 'accepted_ms')
redis.call('HSET', KEYS[1], 'noted_ms', text_of(now_ms()), 'remembered', ARGV[2], 'met', ARGV[3], 'promoted', ARGV[4])
return 1
