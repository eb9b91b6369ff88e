"""Redaction: finds credentials in any text and takes them out, for log lines, errors and what is shown."""

import re

# A name that tells a secret ends in one of these words, in headers, JSON, pairs, query strings and code alike.
_WORD = r"(?:keys?|token|secret|passw(?:or)?d|passphrase|verifier|credentials?|authorization|cookie|signature)"
_NAME = rf"(?<![\w.\-])[\w.\-]{{0,64}}?{_WORD}"
_QUOTE = r"""\\{0,3}["']"""  # also inside a text that was quoted before
_REST = r"(?:(?!\2)(?:\\.|.))+"  # up to the quote that opened the value
# A text that holds none of these has nothing to hide.
_MARKS = (
    *("key", "token", "secret", "pass", "verif", "cred", "auth", "cookie", "signature", "code", "state="),
    *("bearer", "sk-", "ccf_", "eyj", "://"),
)
_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"""(://[^\s:/@"']{0,256}:)[^\s/@"']+(?=@)""", r"\1***"),
        (rf"((?:{_NAME}|(?<![\w.\-])code){_QUOTE}\s*[:,]\s*b?)({_QUOTE}){_REST}", r"\1\2***"),
        (r"""((?<![\w.\-])(?:(?:set-)?cookie|(?:proxy-)?authorization)\s*[:=]\s*)[^\r\n"']+""", r"\1***"),
        (rf"({_NAME}\s*=\s*b?)(?:({_QUOTE}){_REST}|[^\s\"'&,;)}}\]]+)", r"\1\2***"),
        (r"""((?<![\w.\-])[\w.\-]{0,64}?api[_\-]?key\s*:\s*)[^\s"'&,;)}\]]+""", r"\1***"),
        (r"""([?&](?:code|state)=)[^\s&"'#]+""", r"\1***"),
        (r"""(\bbearer\s+)[^\s"',;\\]+""", r"\1***"),
        (r"(?<![A-Za-z0-9])(sk-ant-|sk-|ccf_)[A-Za-z0-9_\-]{4,}", r"\1***"),
        (r"\beyJ[A-Za-z0-9_\-]{5,}(?:\.[A-Za-z0-9_\-]*){1,4}", "***"),
    )
)


_KEYS = ("ccf_", "sk-")
"""What API keys begin with."""


def without_keys(text: str) -> str:
    """Return the text redacted if a key is in it; cheap for the many texts of a request that nearly never hold one."""
    return redact(text) if any(key in text for key in _KEYS) else text


def redact(text: str) -> str:
    """Return the text with every credential in it replaced by `***`."""
    lowered = text.lower()
    if not any(mark in lowered for mark in _MARKS):
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
