"""Model mappings of an account as people write them: `FROM=TO`, several targets for one model in order."""

import json
import re
from collections.abc import Iterable, Mapping

from app.errors import InvalidInput

Mappings = Mapping[str, tuple[str, ...]]

_MODEL = re.compile(r"[\x21-\x3c\x3e-\x7e]{1,200}", re.ASCII)
_MAX_MODELS = 200
_MAX_TARGETS = 20


def parse_mappings(pairs: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return the mappings that `FROM=TO` texts mean; `FROM=A,B` or a repeated FROM gives several targets.

    `FROM=` says that the account does not serve the model. Raises InvalidInput.
    """
    found: dict[str, tuple[str, ...]] = {}
    for pair in pairs:
        model, separator, targets = pair.partition("=")
        if not separator or not model.strip():
            raise InvalidInput.field("model_mapping", f"{pair!r} is not of the form FROM=TO")
        names = tuple(name.strip() for name in targets.split(",") if name.strip())
        found[model.strip()] = (*found.get(model.strip(), ()), *names)
    return found


def checked_mappings(mappings: Mappings) -> str | None:
    """Return the stored text of mappings; None when there are none. Raises InvalidInput."""
    if len(mappings) > _MAX_MODELS:
        raise InvalidInput.field("model_mappings", f"give at most {_MAX_MODELS} models")
    for model, targets in mappings.items():
        if len(targets) > _MAX_TARGETS:
            raise InvalidInput.field("model_mappings", f"give at most {_MAX_TARGETS} targets for {model}")
        for name in (model, *targets):
            if not _MODEL.fullmatch(name):
                raise InvalidInput.field("model_mappings", f"{name[:200]!r} is no name of a model")
    if not mappings:
        return None
    return json.dumps({model: list(dict.fromkeys(targets)) for model, targets in mappings.items()})
