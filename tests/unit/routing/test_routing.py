"""What holds for every strategy."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.providers import PROVIDERS
from app.routing import STRATEGIES, Sticky, after_served, ineligible, plan, pool_for
from app.values import Candidate, Ineligible, ProxyRequest, Window

NOW = 1_785_500_000_000
HOUR = 3_600_000
ASKED = ProxyRequest(1, NOW, "POST", "/v1/messages", "/v1/messages", (), b"", "claude-opus-4-8", session_id="s")
STICKY = Sticky(5 * HOUR)

_TIMES = st.none() | st.integers(NOW - 6 * HOUR, NOW + 6 * HOUR)
_WINDOWS = st.builds(
    Window,
    kind=st.sampled_from(["5h", "7d", "7d_opus", "7d_oi", "requests"]),
    utilization=st.none() | st.floats(0, 1.2),
    reset_at=_TIMES,
    status=st.sampled_from([None, "allowed", "allowed_warning", "rejected"]),
    seen_at=st.just(NOW),
    source=st.sampled_from(["header", "poll"]),
)
_CANDIDATES = st.lists(
    st.builds(
        Candidate,
        id=st.integers(1, 9),
        name=st.text("abc", min_size=1, max_size=3),
        provider=st.sampled_from([*PROVIDERS, "gone"]),
        priority=st.integers(0, 3),
        model_mappings=st.sampled_from([{}, {"opus": ()}, {"opus": ("x",)}]),
        paused=st.booleans(),
        needs_reauth=st.sampled_from([False, False, False, True]),
        cooldown_until=_TIMES,
        cooldown_reason=st.sampled_from([None, "quota", "upstream"]),
        model_cooldowns=st.dictionaries(st.sampled_from(["opus", "haiku"]), st.integers(NOW - 1, NOW + 1)),
        windows=st.lists(_WINDOWS, max_size=3).map(tuple),
        overage_allowed=st.sampled_from([None, True, False]),
        session_start=_TIMES,
        session_reset_at=_TIMES,
    ),
    max_size=6,
    unique_by=(lambda candidate: candidate.id, lambda candidate: candidate.name),
)
_STICKY = st.builds(
    Sticky,
    session_duration_ms=st.just(5 * HOUR),
    pinned_account_id=st.none() | st.integers(1, 9),
    recent=st.dictionaries(st.integers(1, 9), st.integers(NOW - 1000, NOW)),
)
_STRATEGY = st.sampled_from(sorted(STRATEGIES))


def is_out(candidate: Candidate) -> bool:
    provider = PROVIDERS.get(candidate.provider)
    serves = provider is not None and provider.serves(ASKED.path, ASKED.model, candidate)
    return ineligible(candidate, serves, ASKED.model, NOW) is not None


@given(_STRATEGY, _CANDIDATES, _STICKY)
def test_order_holds_each_eligible_account_once_and_no_other(
    strategy: str, candidates: list[Candidate], sticky: Sticky
) -> None:
    made = plan(strategy, candidates, ASKED, NOW, sticky)
    eligible = [candidate for candidate in candidates if not is_out(candidate)]
    assert sorted(candidate.id for candidate in made.order) == sorted(candidate.id for candidate in eligible)
    refused = {candidate.id for candidate in candidates} - {candidate.id for candidate in eligible}
    assert {one.account_id for one in made.refused} == refused
    assert made.holder_id is None or made.holder_id in {candidate.id for candidate in made.order}


@given(_STRATEGY, _CANDIDATES, _STICKY, st.randoms(use_true_random=False))
def test_plan_depends_on_nothing_but_its_input(
    strategy: str, candidates: list[Candidate], sticky: Sticky, random: object
) -> None:
    made = plan(strategy, candidates, ASKED, NOW, sticky)
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    again = plan(strategy, shuffled, ASKED, NOW, sticky)
    assert (again.order, again.why, again.holder_id) == (made.order, made.why, made.holder_id)


@given(st.sampled_from(["session", "least-used"]), _CANDIDATES, _STICKY)
def test_no_account_goes_before_one_of_strictly_better_priority(
    strategy: str, candidates: list[Candidate], sticky: Sticky
) -> None:
    priorities = [candidate.priority for candidate in plan(strategy, candidates, ASKED, NOW, sticky).order]
    assert priorities == sorted(priorities)


@given(_STRATEGY, _CANDIDATES, _STICKY, st.data())
def test_what_is_remembered_makes_the_next_request_stick(
    strategy: str, candidates: list[Candidate], sticky: Sticky, data: st.DataObject
) -> None:
    made = plan(strategy, candidates, ASKED, NOW, sticky)
    if not made.order:
        return
    served = data.draw(st.sampled_from(made.order))
    change = after_served(strategy, made, served, ASKED, NOW)
    if change is None:
        return
    assert change.account_id == served.id
    if change.kind == "start":
        candidates = [
            replace(one, session_start=change.at, session_reset_at=None) if one is served else one for one in candidates
        ]
        is_newest = all((one.session_start or 0) < NOW for one in candidates if one.id != served.id)
        better = [one for one in made.order if one.priority < served.priority]
        if is_newest and not (strategy == "session" and better):
            assert plan(strategy, candidates, ASKED, NOW, sticky).order[0].id == served.id
    else:
        pinned = replace(sticky, pinned_account_id=change.account_id)
        assert plan(strategy, candidates, ASKED, NOW, pinned).order[0].id == served.id


def account(name: str, provider: str = "max", **more: object) -> Candidate:
    return replace(Candidate(ord(name), name, provider), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_forced_account_is_used_whatever_the_strategy(strategy: str) -> None:
    made = plan(strategy, [account("a"), account("b", priority=9)], replace(ASKED, forced_account="b"), NOW, STICKY)
    assert [candidate.name for candidate in made.order] == ["b"]
    assert made.refused == ()


@pytest.mark.parametrize(
    ("forced", "refused"),
    [
        pytest.param(account("b", paused=True), Ineligible(98, "b", "paused"), id="paused"),
        pytest.param(
            account("b", cooldown_until=NOW + 1, cooldown_reason="burst"),
            Ineligible(98, "b", "cooling down (burst)", NOW + 1, True),
            id="cooling down",
        ),
        pytest.param(account("c"), Ineligible(0, "b", "does not exist"), id="unknown"),
    ],
)
def test_forced_account_is_refused_with_its_reason_and_never_replaced(forced: Candidate, refused: Ineligible) -> None:
    made = plan("session", [account("a"), forced], replace(ASKED, forced_account="b"), NOW, STICKY)
    assert made.order == ()
    assert made.refused == (refused,)


def test_forced_request_leaves_no_trace_in_what_sticks() -> None:
    request = replace(ASKED, forced_account="a")
    made = plan("session", [account("a")], request, NOW, STICKY)
    assert after_served("session", made, made.order[0], request, NOW) is None


def test_account_of_an_unknown_provider_is_not_asked() -> None:
    pool = pool_for([account("a", "gone")], ASKED, NOW, STICKY)
    assert pool.eligible == ()
    assert [one.reason for one in pool.refused] == ["does not serve this path or model"]


def test_path_that_an_account_cannot_serve_goes_to_another() -> None:
    candidates = [account("a", "openai-compatible"), account("b")]
    made = plan("session", candidates, replace(ASKED, path="/v1/messages/batches"), NOW, STICKY)
    assert [candidate.name for candidate in made.order] == ["b"]


COUNT = replace(ASKED, path="/v1/messages/count_tokens")


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_account_that_can_count_tokens_goes_first_and_nothing_of_it_sticks(strategy: str) -> None:
    candidates = [account("a", "openai-compatible"), account("b", priority=9)]
    made = plan(strategy, candidates, COUNT, NOW, STICKY)
    assert ([candidate.name for candidate in made.order], made.is_aside) == (["b", "a"], True)
    assert after_served(strategy, made, made.order[0], COUNT, NOW) is None


@pytest.mark.parametrize("names", ["ab", "cd"])
def test_accounts_that_are_alike_keep_their_order(names: str) -> None:
    provider = "max" if names == "ab" else "openai-compatible"
    candidates = [account(names[0], provider, priority=1), account(names[1], provider)]
    made = plan("session", candidates, COUNT, NOW, STICKY)
    assert ([candidate.name for candidate in made.order], made.is_aside) == ([names[1], names[0]], False)


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/models"])
def test_accounts_of_either_shape_serve_either_client(path: str) -> None:
    candidates = [account("a", "openai-compatible"), account("b")]
    made = plan("session", candidates, replace(ASKED, path=path), NOW, STICKY)
    assert [candidate.name for candidate in made.order] == ["a", "b"]


@pytest.mark.parametrize("paused", [False, True])
def test_path_that_only_openai_has_is_not_asked_of_others_while_its_own_kind_exists(paused: bool) -> None:
    candidates = [account("a"), account("b", "openai-compatible", paused=paused)]
    asked = replace(ASKED, path="/v1/embeddings")
    assert [one.name for one in plan("session", candidates, asked, NOW, STICKY).order] == ([] if paused else ["b"])
    assert [one.name for one in plan("session", candidates[:1], asked, NOW, STICKY).order] == ["a"]


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
def test_empty_pool_gives_an_empty_plan(strategy: str) -> None:
    made = plan(strategy, [], ASKED, NOW, STICKY)
    assert (made.order, made.refused) == ((), ())


def test_default_strategy_is_first_and_names_are_keys() -> None:
    assert next(iter(STRATEGIES)) == "session"
    assert all(name == strategy.name for name, strategy in STRATEGIES.items())
