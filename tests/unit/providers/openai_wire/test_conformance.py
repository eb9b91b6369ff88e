"""The table in docs/providers.md says what the translators do."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.providers.openai_wire.cases import cases, sides

SCRIPT = Path(__file__).parents[4] / "scripts" / "gen_conformance.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gen_conformance", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_in_the_document_is_current(script: ModuleType) -> None:
    assert script.table() in script.DOCUMENT.read_text(), "run scripts/gen_conformance.py"


def test_table_has_a_row_for_each_case(script: ModuleType) -> None:
    rows = [line for line in script.table().splitlines() if line.startswith("| ") and not line.startswith("| |")]
    assert len(rows) == sum(len(cases(side)) for side in sides())


def test_text_around_the_table_is_kept(script: ModuleType) -> None:
    document = f"# A\n\nbefore\n\n{script.BEGIN}\nold\n{script.END}\n\nafter\n"
    assert script.written(document, "new") == "# A\n\nbefore\n\nnew\n\nafter\n"
    assert script.written("# A\n", "new").endswith("\n\nnew\n")
