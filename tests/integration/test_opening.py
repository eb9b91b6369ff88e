"""A server that others can reach opens only when it is safe."""

from pathlib import Path

from tests.integration.server import Server


def test_unsafe_start_is_refused_before_a_port_is_open(tmp_path: Path) -> None:
    server = Server(tmp_path, HOST="0.0.0.0")
    server.launch()
    assert server.wait() == 1
    assert "There is no admin yet" in server.log()
    assert "Listening at" not in server.log()
    assert "Traceback" not in server.log()
    server.stop()


def test_safe_start_goes_on(tmp_path: Path) -> None:
    server = Server(tmp_path, HOST="0.0.0.0", CCFLARE_BEHIND_PROXY="1")
    assert server.cli("create-user", "ann", "--password-stdin", input="a long password 1").code == 0
    with server:
        assert server.is_ready()
