"""`count_tokens` for an account whose upstream cannot count: an estimate made here, and labelled as one."""

from app.providers.openai_wire.estimate import estimate_tokens
from app.proxy.opened import Opened, Shown
from app.proxy.question import plain_body
from app.values import Headers, ProxyRequest

LABEL = ("x-ccflare-estimate", "tokens")
LOSS = "count_tokens: estimated here, since the account's upstream cannot count"


class OwnAnswer:
    """Stands for the upstream's answer where there is none; it has ended."""

    status = 200
    headers: Headers = (LABEL,)
    is_done = True

    def read(self) -> bytes:
        """Return that there is nothing to come."""
        return b""

    def close(self) -> None:
        """There is nothing to give up."""


def estimated(request: ProxyRequest) -> Opened:
    """Return the answer to a count_tokens request. Raises InvalidInput when its body cannot be read."""
    opened = Opened(OwnAnswer())
    body = b'{"input_tokens":%d}' % estimate_tokens(plain_body(request))
    opened.shown = Shown(200, "application/json", (LOSS,), body)
    return opened
