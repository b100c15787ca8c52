"""Fixtures: one server for the whole run, emptied for each test, and devices for it."""

import contextlib
import sys

import pytest

from aws_clients import CLIENTS
from harness import ALLOW_ALL, Process, Server, environment, tutorial_policy

MOTO = """
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print("listening", server.get_host_and_port()[1], flush=True)
__import__("threading").Event().wait()
"""


@pytest.fixture(scope="session")
def running(tmp_path_factory):
    with Server(tmp_path_factory.mktemp("server"), "--memory") as server:
        yield server


@pytest.fixture
def server(running):
    """The shared server, empty."""
    running.reset()
    yield running
    assert running.process.poll() is None, f"the server died: {running.logged()}"


@pytest.fixture(scope="session")
def aws_clients(running):
    """Makes AWS's clients for the shared server, each once; they live as long as it does."""
    with contextlib.ExitStack() as stack:
        made = {}

        def client(kind):
            if kind not in made:
                made[kind] = stack.enter_context(kind(running))
            return made[kind]

        yield client


@pytest.fixture(params=CLIENTS, ids=lambda kind: kind.name)
def aws_client(request, server, aws_clients):
    """Each of AWS's clients in turn."""
    return aws_clients(request.param)


@pytest.fixture
def own_server(tmp_path):
    """Starts servers with settings of their own: `own_server("--data-dir", path, AWS_X="...")`."""
    with contextlib.ExitStack() as stack:

        def start(*flags, name="server", **env):
            return stack.enter_context(Server(tmp_path / name, *flags, **env))

        yield start


@pytest.fixture
def device(server, tmp_path):
    """A device that may do everything."""
    return server.device(tmp_path, ALLOW_ALL)


@pytest.fixture
def tutorial_device(server, tmp_path):
    """A device with the tutorial's policy."""
    return server.device(tmp_path, tutorial_policy(), things=["MyThing"])


@pytest.fixture(scope="module")
def moto():
    """moto's server, which is somebody else's AWS services."""
    with Process(sys.executable, "-c", MOTO, env=environment()) as process:
        yield f"http://127.0.0.1:{process.line('listening').split()[1]}"
