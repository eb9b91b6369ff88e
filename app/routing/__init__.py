"""Whom to ask, in which order: pure decisions on frozen accounts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from app.providers import PROVIDERS
from app.providers.openai_compatible import COUNT_TOKENS
from app.routing.affinity import AFFINITY
from app.routing.drain_soonest import DRAIN_SOONEST
from app.routing.eligible import ineligible, tried
from app.routing.least_used import LEAST_USED
from app.routing.nobody import answer_when_nobody_left
from app.routing.plan import Plan, Pool, Sticky, StickyChange, Strategy
from app.routing.session import SESSION
from app.values import Candidate, Ineligible, ProxyRequest

__all__ = [
    "STRATEGIES",
    "Plan",
    "Sticky",
    "StickyChange",
    "after_served",
    "answer_when_nobody_left",
    "ineligible",
    "plan",
    "pool_for",
    "tried",
]

STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {strategy.name: strategy for strategy in (SESSION, AFFINITY, LEAST_USED, DRAIN_SOONEST)}
)
"""Name -> strategy, the default first."""

MAIN_PATHS = frozenset({"/v1/messages", "/v1/chat/completions", "/v1/responses"})
"""Paths that every account can be asked for, by translation where its upstream speaks another shape."""


def plan(strategy: str, candidates: Sequence[Candidate], request: ProxyRequest, now_ms: int, sticky: Sticky) -> Plan:
    """Return whom to ask for a request, in which order, and why each other account is not asked.

    A forced account is used or refused, never replaced.
    """
    pool = pool_for(candidates, request, now_ms, sticky)
    if request.forced_account is not None:
        return _forced(pool, request.forced_account)
    if not pool.eligible:
        return Plan((), pool.refused, "no account can be asked")
    made = STRATEGIES[strategy].order(pool)
    return made if request.path in MAIN_PATHS else _natives_first(made, request.path)


def after_served(
    strategy: str, made: Plan, served: Candidate, request: ProxyRequest, now_ms: int
) -> StickyChange | None:
    """Return what to write once an answer was served in full or has begun; None when nothing changes."""
    if request.forced_account is not None or made.is_aside:
        return None
    return STRATEGIES[strategy].after_served(made, served, request, now_ms)


def pool_for(candidates: Sequence[Candidate], request: ProxyRequest, now_ms: int, sticky: Sticky) -> Pool:
    """Return the accounts with those set apart that may not be asked for this request."""
    eligible: list[Candidate] = []
    refused: list[Ineligible] = []
    path = request.path
    needs_native = path not in MAIN_PATHS and path != COUNT_TOKENS and any(_answers(one, path) for one in candidates)
    for candidate in candidates:
        provider = PROVIDERS.get(candidate.provider)
        serves = provider is not None and provider.serves(path, request.model, candidate)
        if needs_native and serves:
            serves = _answers(candidate, path)
        reason = ineligible(candidate, serves, request.model, now_ms)
        if reason is None:
            eligible.append(candidate)
        else:
            refused.append(reason)
    return Pool(tuple(candidates), tuple(eligible), tuple(refused), request, now_ms, sticky)


def _answers(candidate: Candidate, path: str) -> bool:
    provider = PROVIDERS.get(candidate.provider)
    return provider is not None and provider.serves(path, None, candidate) and provider.answers(path)


def _natives_first(made: Plan, path: str) -> Plan:
    """Put accounts whose upstream knows the path itself before those for which an answer is only made up here."""
    natives = [candidate for candidate in made.order if _answers(candidate, path)]
    order = (*natives, *(candidate for candidate in made.order if candidate not in natives))
    return made if order == made.order else replace(made, order=order, is_aside=True)


def _forced(pool: Pool, name: str) -> Plan:
    chosen = tuple(candidate for candidate in pool.eligible if candidate.name == name)
    if chosen:
        return Plan(chosen, (), "the request names it")
    refused = tuple(one for one in pool.refused if one.name == name)
    return Plan((), refused or (Ineligible(0, name, "does not exist"),), "the account that the request names")
