"""The error tree. A door turns these into its own shape; nothing else decides a status code."""

from collections.abc import Mapping


class CcflareError(Exception):
    """Base of every error that a door may show. `message` is safe to show: it holds no secret."""

    status = 500
    kind = "api_error"
    """Anthropic's `error.type` for the proxy door."""

    def __init__(
        self,
        message: str,
        *,
        details: Mapping[str, object] | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = dict(details or {})
        self.retry_after_s = retry_after_s


class StartFault(Exception):
    """Something without which the process must not start; the message says what to do."""

    may_pass = False
    """Whether a later start may succeed though nobody has done anything here."""


class InvalidInput(CcflareError):
    """What the caller sent is wrong; `details` names the field."""

    status = 400
    kind = "invalid_request_error"

    @classmethod
    def field(cls, name: str, message: str) -> "InvalidInput":
        """Return the error for one named field."""
        return cls.fields({name: message})

    @classmethod
    def fields(cls, faults: Mapping[str, object]) -> "InvalidInput":
        """Return the error for several fields: name -> what is wrong with it."""
        return cls("; ".join(f"{name}: {words}" for name, words in faults.items()), details=faults)

    @property
    def is_of_fields(self) -> bool:
        """Whether the message says no more than what is wrong with each field."""
        return bool(self.details) and self.message == InvalidInput.fields(self.details).message


class NotAuthenticated(CcflareError):
    """No valid credential came along."""

    status = 401
    kind = "authentication_error"


class NotAllowed(CcflareError):
    """The principal is known and may not do this."""

    status = 403
    kind = "permission_error"


class NotFound(CcflareError):
    """The named thing does not exist."""

    status = 404
    kind = "not_found_error"


class NoMethod(CcflareError):
    """The method cannot be used here."""

    status = 405
    kind = "invalid_request_error"


class Conflict(CcflareError):
    """The change collides with what is there, for example a name that is taken."""

    status = 409
    kind = "invalid_request_error"


class NoUpgrade(CcflareError):
    """The client wants another protocol than HTTP on a path that speaks HTTP alone."""

    status = 426
    kind = "invalid_request_error"


class TooSlow(CcflareError):
    """The client did not send its request in time."""

    status = 408
    kind = "invalid_request_error"


class TooLarge(CcflareError):
    """The request body is above the limit."""

    status = 413
    kind = "request_too_large"


class TooMany(CcflareError):
    """A limit of ours or of every account was reached."""

    status = 429
    kind = "rate_limit_error"


class Unavailable(CcflareError):
    """We cannot serve now: no account, draining, or the database is away."""

    status = 503
    kind = "api_error"


class UpstreamFailed(CcflareError):
    """The upstream could not be reached or broke before it answered. `phase` tells where."""

    status = 502
    kind = "api_error"

    def __init__(self, message: str, *, phase: str, sent: bool) -> None:
        super().__init__(message)
        self.phase = phase
        self.sent = sent
        """Whether request bytes may have reached the upstream."""
