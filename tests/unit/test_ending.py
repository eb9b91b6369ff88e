import subprocess
import sys

import pytest

from app.ending import status_of
from tests.integration.server import ROOT

_ENDS = """
import atexit, sys, threading
from app import ending

class Witness:
    def __del__(self):
        sys.stderr.write("taken apart")

witness = Witness()
atexit.register(sys.stdout.write, "registered")
threading.Thread(target=threading.Event().wait).start()
ending.leave(7)
"""


def test_process_ends_at_once_and_whole_though_a_thread_waits() -> None:
    ended = subprocess.run([sys.executable, "-c", _ENDS], cwd=ROOT, capture_output=True, text=True, timeout=30)
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "registered", "")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(None, 0, id="nothing raised"),
        pytest.param(SystemExit(), 0, id="no status"),
        pytest.param(SystemExit(0), 0, id="zero"),
        pytest.param(SystemExit(3), 3, id="a number"),
        pytest.param(SystemExit(-1), 255, id="a negative number"),
        pytest.param(SystemExit("why"), 1, id="a text"),
        pytest.param(KeyboardInterrupt(), 1, id="another error"),
    ],
)
def test_status_is_the_one_that_the_interpreter_would_end_with(error: BaseException | None, status: int) -> None:
    assert status_of(error) == status
