"""Every error a client can see, each with its HTTP status and a `code` that a program can act on.

ClientError (the base: an OpenAI-shaped body, and whether an SDK may send the request again)
├── BadInput          400   the request cannot work; the message says what would
├── NoKey             401   no key was given
├── WrongKey          401   the key is unknown, revoked or expired
├── Forbidden         403   the key may not do this
├── Absent            404   no such thing, or another project's
├── WrongMethod       405
├── Conflict          409   it is not as it would have to be for that
├── TooLarge          413
├── KeyReused         422   the Idempotency-Key belongs to another request
├── RateLimited       429   too much at once; later it works
├── QuotaGone         429   a budget or a quota is used up; sending again is no use
├── OutcomeUnknown    500   a vendor may have acted; sending again could pay twice
└── Unavailable       503   nothing was written or spent; try again later
"""

from __future__ import annotations

from typing import ClassVar

from providers.contract import Json


class ClientError(Exception):
    """`retry`: None leaves the SDK's own rule, False forbids and True asks for a resend (`x-should-retry`)."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str | None] = None
    retry: ClassVar[bool | None] = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_code = code or self.code
        self.param = param
        self.retry_after_s = retry_after_s
        self.headers = headers  # more of them, in lower case

    def body(self) -> dict[str, Json]:
        return {
            "error": {"message": self.message, "type": self.kind, "param": self.param, "code": self.error_code},
        }


class BadInput(ClientError):
    status = 400
    code = "invalid_value"


class NoKey(ClientError):
    status = 401


class WrongKey(ClientError):
    status = 401
    code = "invalid_api_key"


class Forbidden(ClientError):
    status = 403
    code = "permission_denied"


class Absent(ClientError):
    status = 404
    code = "not_found"


class WrongMethod(ClientError):
    status = 405
    code = "method_not_allowed"


class Conflict(ClientError):
    status = 409
    code = "conflict"
    retry = False


class Outdated(ClientError):
    """What was read is no more what counts."""

    status = 412
    code = "precondition_failed"
    retry = False


class TooLarge(ClientError):
    status = 413
    code = "request_too_large"


class KeyReused(ClientError):
    status = 422
    code = "idempotency_key_reused"
    retry = False


class RateLimited(ClientError):
    status = 429
    kind = "requests"
    code = "rate_limit_exceeded"


class QuotaGone(ClientError):
    status = 429
    kind = "insufficient_quota"
    code = "insufficient_quota"
    retry = False


class OutcomeUnknown(ClientError):
    status = 500
    kind = "server_error"
    code = "outcome_unknown"
    retry = False


class Unavailable(ClientError):
    status = 503
    kind = "service_unavailable_error"
    code = "service_unavailable"
