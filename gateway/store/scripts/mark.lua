-- Write something that changes nothing, on the connection that then waits for replicas: a commit that was applied before
-- writes nothing, and the server waits only for what this very connection has written.
--
-- KEYS  1 a text that nobody reads

local MARK = KEYS[1]
redis.call('SET', MARK, '1')
return 1
