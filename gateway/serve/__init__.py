"""`telecine serve`: one master that owns the port, the private store and the sandbox, and workers that do the work.

ports      a port that nobody else has, kept for the workers
children   helpers of the gateway, started again when they die
opening    what a start asks of the store: the first key, the sandbox's key
fleet      the workers: started, started again, told to stop
master     all of it in order, until a signal
entry      where a worker process begins
worker     what runs in one worker: the HTTP application and the runner, and how both end
"""
