"""The sandbox: the mock's vendor, an HTTP server on a Unix socket that renders real clips and misbehaves on demand.

`telecine serve` starts it as `python -m gateway.sandbox --socket PATH --data DIR`, so that the mock travels through the
same driver and wire as every other adapter. It knows nothing of the gateway, and the gateway nothing of it but the
adapter `providers.mock`.

The wire. Every call carries `Authorization: Bearer …`; any key will do, none is 401. Bodies are JSON.

    POST /jobs                      a submission -> a job. The body is `wire.Wanted`; with files it is a multipart form
                                    whose part `spec` holds that; `image`, `last_image` and `source` are the files.
                                    `Idempotency-Key`: the same key again gives the same job, with another request 409
                                    `key_used`.
    GET  /jobs?since_ms&until_ms&key&after&limit -> {jobs: […], has_more, complete}. What was asked for, oldest first;
                                    `complete` is false where older jobs have left the list. A job is in it at once.
    GET  /jobs/{id}                 -> {id, status, progress, files, error, charged_usd}. `status` is queued, rendering,
                                    completed, failed or cancelled; `files` are {kind, path, media_type, expires_ms};
                                    `error` is {code, message, billed}.
    POST /jobs/{id}/cancel          -> the job; 409 `ended` once it is completed or failed
    GET  /jobs/{id}/files/{kind}    video, thumbnail or spritesheet; ranges work. 410 when the link is dead
    POST /characters                multipart: `spec` = `wire.Portrait`, `video` -> {id, name}
    GET  /account                   -> {balance_usd, models}

A refusal is {error: {code, message}} with the status of `fates.CLASSES`. Nothing was made whenever a POST is refused,
also with 503 `overloaded`; a 500 says nothing about that.

What shall happen to a job is said by directives in its prompt, `[mock:break]`: `fates.DIRECTIVES` has them all, and
`python -m gateway.sandbox --help` prints them. Those of `fates.FOR_CHARACTERS` work in a character's name. A wrong one
refuses the request, and is noted on stderr.

    fates · jobs · orders · wire    pure, or nearly: what shall happen, how a job stands, what is rendered, what is said
    counter · server · __main__     the desk, its HTTP, the process
    keyring · seal                  what an id carries, closed to everybody else
    memory · shelf · studio         the list of jobs, files on disk, rendering in child processes
    render                          the child process, alone with av and Pillow
"""
