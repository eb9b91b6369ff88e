"""Write the conformance table of the OpenAI translators into docs/providers.md, from the golden cases of the tests.

`--check` writes nothing, and exits 1 when the table in the document is not the one that the cases give.
"""

import sys
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.unit.providers.openai_wire.cases import Case, cases, run, sides  # noqa: E402

DOCUMENT = ROOT / "docs" / "providers.md"
BEGIN = "<!-- conformance: begin (written by scripts/gen_conformance.py) -->"
END = "<!-- conformance: end -->"
TITLES = {
    "account": "Anthropic client, OpenAI-compatible account",
    "chat": "Chat Completions client, Anthropic account",
    "responses": "Responses client, Anthropic account",
}
PARTS = {
    "request": "Request",
    "answer": "Answer",
    "stream": "Stream",
    "error": "Errors",
    "models": "Models",
}


def table() -> str:
    """Return the section between the marks, with a row for each golden case."""
    lines = [BEGIN]
    for client, parts in groupby(sides_by_client(), key=lambda side: side.split("/")[0]):
        lines += [
            "",
            f"### {TITLES[client]}",
            "",
            "| | What | Carried | Not carried, or carried otherwise |",
            "|---|---|---|---|",
        ]
        for side in parts:
            lines += [row(case) for case in cases(side)]
    return "\n".join([*lines, "", END])


def sides_by_client() -> list[str]:
    """Return the translators in the order of the titles and parts."""
    order = [f"{client}/{part}" for client in TITLES for part in PARTS]
    return sorted(sides(), key=order.index)


def row(case: Case) -> str:
    """Return one row, from what the translator makes of the case now."""
    output, losses = run(case)
    part = PARTS[case.side.split("/")[1]]
    refused = output.get("refused") or output.get("failed") if isinstance(output, dict) else None
    if refused:
        return f"| {part} | {case.feature} | refused | {cell(refused)} |"
    lost = "; ".join(cell(loss) for loss in losses)
    return f"| {part} | {case.feature} | {'in part' if lost else 'whole'} | {lost} |"


def cell(text: str) -> str:
    """Return text that cannot end a cell."""
    return text.replace("|", "\\|").replace("\n", " ")


def written(document: str, section: str) -> str:
    """Return the document with the section in its place, or behind everything where it has none yet."""
    if BEGIN in document and END in document:
        before, _, rest = document.partition(BEGIN)
        return before + section + rest.partition(END)[2]
    return f"{document.rstrip()}\n\n## What translation carries\n\n{section}\n".lstrip()


def main() -> int:
    """Write the table, or check it."""
    document = DOCUMENT.read_text() if DOCUMENT.exists() else "# Providers\n"
    made = written(document, table())
    if "--check" in sys.argv[1:]:
        return 0 if made == document else 1
    DOCUMENT.parent.mkdir(exist_ok=True)
    DOCUMENT.write_text(made)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
