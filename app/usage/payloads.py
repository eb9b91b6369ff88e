"""The stored form of one request's headers and bodies: redacted, compressed, sealed."""

import json
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from app.redaction import without_keys
from app.usage.capture import Capture, join
from app.values import Headers
from app.vault import Vault

SECRET_HEADERS = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "x-api-key",
        "api-key",
        "cookie",
        "set-cookie",
        "x-goog-api-key",
        "x-amz-security-token",
    }
)
"""Headers that are nothing but a credential, in lower case."""
_REDACTED = "[redacted]"
_MAX_VALUE = 4096
_LENGTH = struct.Struct("<I")
_SMALL_BYTES = 16384
_TINY_BYTES = 2048
_JSON = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class StoredPayload:
    """Headers and bodies of one request as they were relayed, credentials redacted.

    `*_dropped` counts the bytes above the size limit that were not kept. Bodies keep their content coding.
    """

    request_headers: Headers
    request_body: bytes
    request_dropped: int
    answer_headers: Headers
    answer_body: bytes
    answer_dropped: int


def _compressed(data: bytes) -> bytes:
    """Compress; small texts with a small window, because setting up a full one costs ten times the work itself.

    The smallest go without a code of their own, which costs as much as all the rest.
    """
    if len(data) > _SMALL_BYTES:
        return zlib.compress(data, 1)
    strategy = zlib.Z_FIXED if len(data) <= _TINY_BYTES else zlib.Z_DEFAULT_STRATEGY
    packer = zlib.compressobj(1, zlib.DEFLATED, 13, 6, strategy)
    return packer.compress(data) + packer.flush()


def redact_headers(headers: Headers) -> list[tuple[str, str]]:
    """Return the header fields with the values of credentials replaced."""
    return [(name, _REDACTED if name.lower() in SECRET_HEADERS else _bounded(value)) for name, value in headers]


def _bounded(value: str) -> str:
    """Return a value without keys, and no more of it than anybody wants to read."""
    value = without_keys(value)
    return value if len(value) <= _MAX_VALUE else f"{value[:_MAX_VALUE]}…"


def place(request_id: int) -> str:
    """Return the place that a request's payload is sealed for."""
    return f"payloads:content:{request_id}"


def seal(
    vault: Vault,
    request_id: int,
    request_headers: Headers,
    request_body: bytes,
    answer_headers: Headers,
    answer: Capture,
    limit: int,
) -> bytes:
    """Return the sealed payload of one request."""
    request = Capture(limit)
    request.add(request_body)
    packed, loose = request.parts()
    packed_answer, loose_answer = answer.parts()
    head = {
        "rh": redact_headers(request_headers),
        "rd": request.dropped,
        "rs": [len(part) for part in packed],
        "rl": len(loose),
        "ah": redact_headers(answer_headers),
        "ad": answer.dropped,
        "as": [len(part) for part in packed_answer],
        "al": len(loose_answer),
    }
    text = _JSON.encode(head).encode()
    # One stream for all that is small: a compressor costs more to set up than to run.
    lead = _compressed(b"".join((_LENGTH.pack(len(text)), text, loose, loose_answer)))
    return vault.seal(b"".join((_LENGTH.pack(len(lead)), lead, *packed, *packed_answer)), place(request_id))


def open_payload(vault: Vault, request_id: int, sealed: bytes) -> StoredPayload:
    """Open what `seal` made. Raises VaultError."""
    content = vault.open(sealed, place(request_id))
    (size,) = _LENGTH.unpack_from(content)
    at = _LENGTH.size + size
    lead = zlib.decompress(content[_LENGTH.size : at])
    (size,) = _LENGTH.unpack_from(lead)
    loose = lead[_LENGTH.size + size :]
    head: dict[str, Any] = json.loads(lead[_LENGTH.size : _LENGTH.size + size])
    bodies = []
    for sizes, length in ((head["rs"], head["rl"]), (head["as"], head["al"])):
        packed = []
        for part in sizes:
            packed.append(content[at : at + part])
            at += part
        bodies.append(join(packed, loose[:length]))
        loose = loose[length:]
    return StoredPayload(
        request_headers=tuple((name, value) for name, value in head["rh"]),
        request_body=bodies[0],
        request_dropped=head["rd"],
        answer_headers=tuple((name, value) for name, value in head["ah"]),
        answer_body=bodies[1],
        answer_dropped=head["ad"],
    )
