"""The clients' entrance: OpenAI's contract over HTTP, exactly where a client can see it.

Belongs here: paths, headers, bodies, status codes. Does not: any decision about a video or its money.
"""
