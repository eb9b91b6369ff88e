"""The house rules that a reviewer would otherwise have to look for: layout, sizes, documents, locks, words."""

import ast
import hashlib
import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Context

from config import SETTINGS
from scripts import gen_docs

ROOT = Path(__file__).resolve().parent.parent
PRODUCT = sorted([*(ROOT / "app").rglob("*.py"), ROOT / "config.py", ROOT / "wsgi.py"])
TRACKED = [
    ROOT / name
    for name in subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    if (ROOT / name).is_file()
]
OURS = [
    path
    for path in TRACKED
    if "vendor" not in path.parts and path.suffix != ".png" and path != Path(__file__).resolve()
]
MODULE_MAX_LINES = 300
FUNCTION_MAX_LINES = 40
TABLES = {"config.py": 600}
"""Modules that are one long table, and their own budget."""


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


BRANCHES = (ast.If, ast.IfExp, ast.For, ast.While, ast.Try, ast.Match, ast.BoolOp, ast.comprehension)


def has_logic(tree: ast.Module) -> bool:
    """Whether a module does more than to define tables and values: some function of it branches or loops."""
    return any(isinstance(node, BRANCHES) for function in functions(tree) for node in ast.walk(function))


def test_imports_run_as_the_contracts_say() -> None:
    command = "from importlinter.cli import lint_imports_command as run; run()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_with_logic_has_a_namesake_test() -> None:
    missing = []
    for path in (path for path in PRODUCT if path.is_relative_to(ROOT / "app") and has_logic(tree_of(path))):
        room = path.relative_to(ROOT / "app").parent
        stem = path.parent.name if path.stem == "__init__" else path.stem
        places = [ROOT / "tests" / kind / room / f"test_{stem}.py" for kind in ("unit", "integration")]
        if not any(place.is_file() for place in places):
            missing.append(named(places[0]))
    assert missing == []


def test_modules_stay_small() -> None:
    lines = {named(path): len(path.read_text("utf-8").splitlines()) for path in PRODUCT}
    assert {name: count for name, count in lines.items() if count > TABLES.get(name, MODULE_MAX_LINES)} == {}


def test_functions_stay_small() -> None:
    lines = {
        f"{named(path)}:{function.name}": (function.end_lineno or 0) - function.lineno + 1
        for path in PRODUCT
        for function in functions(tree_of(path))
    }
    assert {name: count for name, count in lines.items() if count > FUNCTION_MAX_LINES} == {}


def test_modules_say_what_they_are_for() -> None:
    trees = {named(path): tree_of(path) for path in PRODUCT}
    assert [name for name, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []


def test_names_are_of_the_field() -> None:
    vague_modules = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "managers"}
    assert [named(path) for path in PRODUCT if path.stem in vague_modules] == []
    names = [f"{named(path)}:{function.name}" for path in PRODUCT for function in functions(tree_of(path))]
    overridden = {"app/answers.py:process_headers"}
    assert [name for name in names if re.search(r":_?(handle|process)_", name) and name not in overridden] == []


def test_only_config_reads_the_environment() -> None:
    reading = re.compile(r"\bgetenv\b|\bfrom os import .*environ|\bos\.environ\b(?!\[\w+\] = |\.pop\()")
    others = [path for path in PRODUCT if path.name != "config.py"]
    assert [named(path) for path in others if reading.search(path.read_text("utf-8"))] == []


def test_only_the_clock_reads_the_time() -> None:
    reading = re.compile(r"\btime\.time(_ns)?\(|\bdatetime\.(now|utcnow|today)\(|\bdate\.today\(")
    others = [path for path in PRODUCT if path.name != "clock.py"]
    assert [named(path) for path in others if reading.search(path.read_text("utf-8"))] == []


def test_every_setting_has_an_effect() -> None:
    readers = [*(path for path in PRODUCT if path.name != "config.py"), ROOT / "gunicorn.conf.py"]
    text = "\n".join(path.read_text("utf-8") for path in readers)
    assert [line.name for line in SETTINGS if not re.search(rf"\b{line.name}\b", text)] == []


def test_generated_pages_are_up_to_date() -> None:
    assert gen_docs.stale() == [], 'run "make docs"'


def test_every_command_is_documented() -> None:
    from app.cli import commands  # noqa: PLC0415 - the other rules shall hold without the application

    pages = "\n".join(path.read_text("utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
    names = commands.list_commands(Context(commands))
    missing = [name for name in names if not re.search(rf"\b(flask )?ccflare {re.escape(name)}\b", pages)]
    assert missing == []


@pytest.mark.parametrize(
    "name",
    ["README.md", "CHANGELOG.md", "LICENSE", "docs/architecture.md", "docs/configuration.md", "docs/decisions.md"],
)
def test_document_is_there(name: str) -> None:
    assert (ROOT / name).read_text("utf-8").strip()


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 150


def test_decisions_are_dated_and_short() -> None:
    _, *entries = re.split(r"^## ", (ROOT / "docs/decisions.md").read_text("utf-8"), flags=re.MULTILINE)
    assert entries
    for entry in entries:
        assert re.match(r"20\d\d-\d\d-\d\d [A-Za-z].+\n", entry), entry
        assert len([line for line in entry.splitlines()[1:] if line.strip()]) <= 8, entry


def test_links_between_documents_lead_somewhere() -> None:
    dead = []
    for page in (path for path in OURS if path.suffix == ".md"):
        targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", page.read_text("utf-8"))
        dead += [f"{named(page)}: {target}" for target in targets if not (page.parent / target).exists()]
    assert dead == []


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-postgres.txt", "requirements-dev.txt"])
def test_lock_pins_what_is_asked_for_with_hashes(lock: str) -> None:
    pins = pinned(lock)
    asked = (ROOT / lock).with_suffix(".in").read_text("utf-8").splitlines()
    names = [re.split(r"[\[;\s]", line)[0].lower() for line in asked if re.match(r"[A-Za-z]", line)]
    assert [name for name in names if name.replace(".", "-") not in pins] == []
    assert [name for name, (_, hashes) in pins.items() if not hashes] == []


def test_locks_agree_with_each_other() -> None:
    development = pinned("requirements-dev.txt")
    for lock in ("requirements.txt", "requirements-postgres.txt"):
        for name, (version, _) in pinned(lock).items():
            assert development[name][0] == version


def pinned(lock: str) -> dict[str, tuple[str, int]]:
    """Return name -> (version, number of hashes) of a lock file."""
    pins: dict[str, tuple[str, int]] = {}
    for block in re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text("utf-8")):
        if match := re.match(r"([a-z0-9\-]+)(?:\[[a-z,]+\])?==(\S+)", block):
            pins[match[1]] = (match[2], block.count("--hash=sha256:"))
    return pins


def test_nothing_runs_at_every_start_of_the_interpreter() -> None:
    """A stolen release of a dependency once came as a `.pth` file, which Python runs whatever is started."""
    known = {"distutils-precedence.pth", "_virtualenv.pth", "a1_coverage.pth"}
    assert {path.name for path in Path(sysconfig.get_path("purelib")).glob("*.pth")} <= known


def test_vendored_files_are_the_recorded_ones() -> None:
    vendor = ROOT / "static" / "vendor"
    recorded = {
        name: file["sha256"]
        for package in json.loads((vendor / "VENDORED.json").read_text("utf-8"))
        for name, file in package["files"].items()
    }
    present = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.iterdir()
        if path.name != "VENDORED.json"
    }
    assert present == recorded


def test_nothing_calls_itself_unfinished() -> None:
    words = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError|coming soon|placeholder for|not yet implemented")
    assert [named(path) for path in OURS if words.search(path.read_text("utf-8", "replace"))] == []


def test_no_path_of_one_machine_is_written_down() -> None:
    machine = re.compile(r"(?<![\w.])/(work|farm|root)/|/home/[a-z]")
    assert [named(path) for path in OURS if machine.search(path.read_text("utf-8", "replace"))] == []


def test_templates_need_no_exception_from_the_content_policy() -> None:
    forbidden = re.compile(
        r"""<style\b|\sstyle\s*=|\son[a-z]+\s*=\s*["']|javascript:"""
        r"""|<script\b(?![^>]*(\bsrc=|type="application/json"))|<(script|link|img)\b[^>]*(src|href)=["']https?:"""
    )
    templates = sorted((ROOT / "templates").rglob("*.html"))
    texts = {named(path): re.sub(r"\{#.*?#\}", "", path.read_text("utf-8"), flags=re.DOTALL) for path in templates}
    assert [name for name, text in texts.items() if forbidden.search(text)] == []
