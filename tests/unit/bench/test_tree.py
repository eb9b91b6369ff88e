"""The bench counts the CPU and memory of whole process trees."""

import os
import subprocess
import sys

from bench import tree

BURN = "import time\nend = time.process_time() + 0.15\nwhile time.process_time() < end: pass\n"
WAIT = "print(flush=True); import sys; sys.stdin.read()"
PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}])\n{WAIT}"


def test_reaped_child_still_counts() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        assert tree.cpu_s(parent.pid) >= 0.15
        parent.communicate()


def test_children_are_members() -> None:
    with subprocess.Popen([sys.executable, "-c", WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert {os.getpid(), child.pid} <= set(tree.members(os.getpid()))
        child.communicate()


def test_shared_pages_make_the_proportional_size_the_smaller_one() -> None:
    seen = tree.memory(os.getpid())
    assert 0 < seen.pss_bytes <= seen.rss_bytes
