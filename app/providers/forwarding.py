"""What of a client's request goes up: which headers, with which codings, and to which URL."""

import re
from enum import Enum
from functools import lru_cache

from app.errors import InvalidInput
from app.values import Headers

READABLE_CODINGS = frozenset({"gzip", "deflate", "br", "zstd", "identity"})
"""Content codings that the meter can decode."""

_DROPPED = frozenset(
    {
        # RFC 9110 7.6.1, and what belongs to the client's own connection.
        "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "http2-settings",
        "host", "content-length", "expect",
        # The client's credentials.
        "authorization", "x-api-key", "cookie",
    }
)  # fmt: skip
_DROPPED_PREFIXES = ("proxy-", "x-ccflare-")
_FORWARDING = frozenset(
    {
        *("forwarded", "via", "x-forwarded", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip"),
        *("cf-connecting-ip", "cf-connecting-ipv6", "fastly-client-ip", "x-original-forwarded-for"),
    }
)
_KEY_MARK = "ccf_"
"""In whatever field a key of ours comes along, it goes no further."""

_DOT_SEGMENT = re.compile(r"(?:[/\\]|%2f|%5c)(?:\.|%2e){1,2}(?=[/\\?]|%2f|%5c|$)", re.IGNORECASE)
_NOT_IN_A_TARGET = re.compile(r"[\x00-\x20\x7f#\\]|[^\x00-\x7f]")


class _Fate(Enum):
    KEEP = 1
    DROP = 2
    CONNECTION = 3
    CODINGS = 4


def passed_up(headers: Headers) -> list[tuple[str, str]]:
    """Return the client's headers that go upstream, in order, with their case and repeats.

    `accept-encoding` keeps what the meter can read, and says `identity` when nothing of it is left.
    """
    kept: list[tuple[str, str]] = []
    named = ""
    asks_coding = False
    for pair in headers:
        fate = _fate(pair[0])
        if fate is _Fate.KEEP:
            if _KEY_MARK not in pair[1]:
                kept.append(pair)
        elif fate is _Fate.CODINGS:
            codings = readable_codings(pair[1])
            if codings:
                kept.append((pair[0], codings))
                asks_coding = True
        elif fate is _Fate.CONNECTION:
            named = f"{named},{pair[1]}"
    if named:
        hop_by_hop = named_by_connection(named)
        if hop_by_hop:
            kept = [pair for pair in kept if pair[0].lower() not in hop_by_hop]
            asks_coding = asks_coding and "accept-encoding" not in hop_by_hop
    if not asks_coding:
        kept.append(("accept-encoding", "identity"))
    return kept


@lru_cache(maxsize=512)
def readable_codings(value: str) -> str:
    """Return an `accept-encoding` value less the codings that the meter cannot decode; unchanged if it reads all."""
    codings = [item.strip() for item in value.split(",")]
    kept = [item for item in codings if item.partition(";")[0].strip().lower() in READABLE_CODINGS]
    return value if len(kept) == len(codings) else ", ".join(kept)


def is_forwarding(name: str) -> bool:
    """Whether a header field, its name in lower case, tells that a proxy stands in front, and for whom."""
    return name in _FORWARDING or name.startswith("x-forwarded-")


@lru_cache(maxsize=512)
def joined_url(base: str, target: str) -> str:
    """Return the URL of a raw request target below a base URL; a path in the base is kept, `/v1` is never doubled.

    Raises InvalidInput when the target could leave the base: dot segments, a fragment, a missing first slash.
    """
    path = target.partition("?")[0]
    if not path.startswith("/") or _NOT_IN_A_TARGET.search(target) or _DOT_SEGMENT.search(path):
        raise InvalidInput.field("path", "is not a plain absolute path")
    return api_root(base) + target


@lru_cache(maxsize=512)
def api_root(base: str) -> str:
    """Return the base URL as the place that `/v1` hangs from, however much of the path was entered with it."""
    root = base.strip().rstrip("/")
    return root.removesuffix("/v1/messages").removesuffix("/v1").rstrip("/")


@lru_cache(maxsize=512)
def _fate(name: str) -> _Fate:
    folded = name.lower()
    if folded == "connection":
        return _Fate.CONNECTION
    if folded == "accept-encoding":
        return _Fate.CODINGS
    # Where the request came from is nobody's business upstream.
    if folded in _DROPPED or folded.startswith(_DROPPED_PREFIXES) or is_forwarding(folded):
        return _Fate.DROP
    return _Fate.KEEP


@lru_cache(maxsize=128)
def named_by_connection(value: str) -> frozenset[str]:
    """Return the fields that a `Connection` field names as its connection's own, in lower case."""
    options = {item.strip().lower() for item in value.split(",")}
    return frozenset(options - {"", "keep-alive", "close"})
