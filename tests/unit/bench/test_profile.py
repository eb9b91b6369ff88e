"""The profile sums folded stacks."""

from bench.profile import tables

FOLDED = [
    "event loop;/x/site-packages/gunicorn/worker.py:run;/x/site-packages/flask/app.py:wsgi_app 30",
    "event loop;/x/site-packages/gunicorn/worker.py:run 10",
    "native threads;/usr/lib/python3.11/email/parser.py:parse 60",
]


def test_each_sample_counts_once_for_library_function_and_callers() -> None:
    text = tables(FOLDED)
    assert "60.0  native threads" in text
    assert "60.0  email\n" in text
    assert "30.0  flask/app.py:wsgi_app" in text
    assert "40.0  gunicorn/worker.py:run" in text
    assert "10.0  gunicorn/worker.py:run" in text
