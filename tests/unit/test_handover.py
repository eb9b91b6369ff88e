import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

from app import handover
from tests.integration.server import ROOT


def is_any_starting(worker: Any) -> bool:
    """Whether a worker that is told to leave would wait."""
    return b"\1" in worker.starting[:]


def worker(server: Any, age: int) -> Any:
    one = SimpleNamespace(age=age, alive=True)
    handover.begins(server, one)
    return one


def server() -> Any:
    made = SimpleNamespace()
    handover.prepare(made)
    return made


def test_worker_that_was_forked_before_sees_the_start_and_the_end_of_another_one() -> None:
    master = server()
    old = worker(master, 1)
    handover.is_over(old)
    assert not is_any_starting(old)
    new = worker(master, 2)
    assert is_any_starting(old)
    child = os.fork()
    if child == 0:
        handover.is_over(new)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert not is_any_starting(old)


_TOLD_TO_LEAVE = """
import gevent, logging, os, signal
from gevent.event import Event
from types import SimpleNamespace
from app import handover

master = SimpleNamespace()
handover.prepare(master)
old, new = (SimpleNamespace(age=age, alive=True) for age in (1, 2))
handover.begins(master, old)
handover.serve_on(old)
handover.is_over(old)
handover.begins(master, new)
is_told = Event()
told = logging.getLogger("app.handover")
told.setLevel("INFO")
told.addFilter(lambda record: bool(is_told.set()))
os.kill(os.getpid(), signal.SIGTERM)
is_told.wait(20)
print(old.alive)
handover.is_over(new)
while old.alive:
    gevent.sleep(0.01)
print(old.alive)
"""


def test_worker_leaves_when_nobody_is_starting_any_more() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _TOLD_TO_LEAVE], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert (ended.stdout.split(), ended.stderr) == (["True", "False"], "")
