"""What to do about a failure, in one sentence."""

import pytest

from app.usage.advice import advice


@pytest.mark.parametrize(
    ("status", "outcome", "reason", "words"),
    [
        pytest.param(429, "refused", "quota", "add an account", id="quota"),
        pytest.param(200, "client_gone", "served", "client left", id="client gone, though served"),
        pytest.param(502, "upstream_broke", None, "cut the answer short", id="broke"),
        pytest.param(401, "refused", None, "give it one from Keys", id="no key"),
        pytest.param(503, "refused", None, "No account could take it", id="nobody left"),
        pytest.param(429, "refused", None, "each account's reason", id="limit of a key, or of all accounts"),
        pytest.param(400, "complete", None, "refused the request itself", id="client error"),
        pytest.param(None, "complete", None, "doctor", id="nothing known"),
    ],
)
def test_advice_fits_the_cause(status: int | None, outcome: str, reason: str | None, words: str) -> None:
    assert words in advice(status, outcome, reason)
