"""Settings over the API: every value with its origin, and those that can change while the server runs."""

from dataclasses import dataclass
from typing import Annotated, get_args

from flask import Blueprint

from app import preferences
from app.api.operations import operation
from app.api.rules import Between, Chars
from app.errors import InvalidInput
from app.gate.visitors import actor
from app.runtime import runtime
from config import SettingRow, StorePayloads, StrategyName

settings = Blueprint("settings", __name__)

Text = Annotated[str, Chars(1, 10_000)]
Days = Annotated[int, Between(1, 3650)]


@dataclass(frozen=True, slots=True)
class Configuration:
    """Every setting with its value in force and where that comes from; secrets are masked. `warnings`: what looks like
    a mistake."""

    settings: tuple[SettingRow, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewValue:
    """A value as an operator would type it into the environment."""

    value: Text


@dataclass(frozen=True, slots=True)
class Strategy:
    """How the account is chosen."""

    strategy: StrategyName


@dataclass(frozen=True, slots=True)
class Retention:
    """How many days bodies and records are kept, and which requests keep their bodies."""

    payload_days: int
    request_days: int
    store_payloads: StorePayloads


@dataclass(frozen=True, slots=True)
class NewRetention:
    """What of it is to change; at least one."""

    payload_days: Days | None = None
    request_days: Days | None = None
    store_payloads: StorePayloads | None = None


_RETENTION = {
    "payload_days": "data_retention_days",
    "request_days": "request_retention_days",
    "store_payloads": "store_payloads",
}


@settings.get("/strategies")
@operation()
def strategies() -> tuple[StrategyName, ...]:
    """List the strategies by which an account can be chosen."""
    return get_args(StrategyName)


@settings.get("/config")
@operation()
def configuration() -> Configuration:
    """Show every setting."""
    present = preferences.present(runtime().settings)
    return Configuration(present.rows(), present.warnings)


@settings.get("/config/strategy")
@operation()
def strategy() -> Strategy:
    """Show how the account is chosen."""
    return Strategy(preferences.present(runtime().settings).lb_strategy)


@settings.post("/config/strategy")
@operation(errors=(409,))
def set_strategy(body: Strategy) -> Strategy:
    """Choose accounts in another way, at once and in every worker."""
    preferences.change(runtime().settings, "lb_strategy", body.strategy, actor())
    return body


@settings.get("/config/retention")
@operation()
def retention() -> Retention:
    """Show how long bodies and records are kept."""
    return _retention()


@settings.post("/config/retention")
@operation(errors=(409,))
def set_retention(body: NewRetention) -> Retention:
    """Change how long bodies and records are kept; all of it, or nothing."""
    given = {name: getattr(body, field) for field, name in _RETENTION.items()}
    texts = {name: str(value) for name, value in given.items() if value is not None}
    if not texts:
        raise InvalidInput("Give at least one of payloadDays, requestDays, storePayloads.")
    preferences.change_all(runtime().settings, texts, actor())
    return _retention()


@settings.get("/config/settings/<name>")
@operation(errors=(404,))
def setting(name: str) -> SettingRow:
    """Show one setting, by its name or that of its variable."""
    return preferences.row_of(runtime().settings, name)


@settings.put("/config/settings/<name>")
@operation(errors=(404, 409))
def change_setting(name: str, body: NewValue) -> SettingRow:
    """Change a setting, at once and in every worker. What the environment says stays above it: 409."""
    return preferences.change(runtime().settings, name, body.value, actor())


@settings.delete("/config/settings/<name>")
@operation(errors=(404, 409))
def reset_setting(name: str) -> SettingRow:
    """Give a setting its default back."""
    return preferences.reset(runtime().settings, name, actor())


def _retention() -> Retention:
    present = preferences.present(runtime().settings)
    return Retention(*(getattr(present, name) for name in _RETENTION.values()))
