"""Account rows as routing sees them."""

import pytest

from app.accounts.candidates import candidate_of, read_mappings, window_of
from app.accounts.models import Account, AccountWindow
from app.values import Candidate, Window

WINDOW = Window("5h", 0.4, 9_000, "allowed", 1_000, "header")
BASE_URLS = {"max": "https://upstream.test"}


def row(**columns: object) -> Account:
    return Account(**({"id": 7, "name": "work", "provider": "max", "priority": 3, "created_at": 5} | columns))


def of(given: Account) -> Candidate:
    return candidate_of(given, (), {}, BASE_URLS)


def test_fresh_account_is_free_to_be_asked() -> None:
    expected = Candidate(7, "work", "max", priority=3, endpoint="https://upstream.test")
    assert of(row()) == expected


def test_state_of_the_row_is_taken_over() -> None:
    given = row(
        paused_at=1,
        paused_by="user:ada",
        pause_reason="overage",
        needs_reauth_at=2,
        cooldown_until=50,
        cooldown_reason="quota",
        model_mappings='{"opus": ["a", "b"]}',
        overage_allowed=False,
        session_start=10,
        session_reset_at=20,
    )
    assert candidate_of(given, [WINDOW], {"opus": 99}, {}) == Candidate(
        id=7,
        name="work",
        provider="max",
        priority=3,
        model_mappings={"opus": ("a", "b")},
        paused=True,
        pause_reason="overage",
        paused_by="user:ada",
        needs_reauth=True,
        cooldown_until=50,
        cooldown_reason="quota",
        model_cooldowns={"opus": 99},
        windows=(WINDOW,),
        overage_allowed=False,
        session_start=10,
        session_reset_at=20,
    )


def test_pause_and_ended_log_in_at_the_epoch_still_count() -> None:
    candidate = of(row(paused_at=0, needs_reauth_at=0))
    assert (candidate.paused, candidate.needs_reauth) == (True, True)


@pytest.mark.parametrize(
    ("provider", "own", "endpoint"),
    [
        ("max", "https://own.test", "https://own.test"),
        ("max", None, "https://upstream.test"),
        ("zai", None, None),
    ],
    ids=["its own", "that of the settings", "the provider's"],
)
def test_own_endpoint_comes_before_that_of_the_settings(provider: str, own: str | None, endpoint: str | None) -> None:
    assert of(row(provider=provider, endpoint=own)).endpoint == endpoint


def test_candidate_does_not_change_with_the_cool_downs_it_was_made_of() -> None:
    cooldowns = {"opus": 99}
    candidate = candidate_of(row(), (), cooldowns, {})
    cooldowns.clear()
    assert candidate.model_cooldowns == {"opus": 99}


def test_candidate_holds_no_secret() -> None:
    assert "sealed" not in repr(of(row(api_key=b"sealed", access_token=b"sealed", refresh_token=b"sealed")))


@pytest.mark.parametrize("text", [None, ""])
def test_no_mappings_are_an_empty_table(text: str | None) -> None:
    assert read_mappings(text) == {}


def test_targets_of_a_mapping_keep_their_order() -> None:
    assert read_mappings('{"opus": ["b", "a"], "haiku": []}') == {"opus": ("b", "a"), "haiku": ()}


def test_stored_source_is_read_back() -> None:
    assert [window_of(AccountWindow(source=text)).source for text in ("poll", "header", "other")] == [
        "poll",
        "header",
        "header",
    ]
