"""mosquitto's command-line clients, with the same certificates as AWS's SDKs."""

import shutil
import subprocess

import pytest

from harness import DEADLINE_S, Process
from mqtt_client import plain_client

both = pytest.mark.parametrize("version", ["mqttv311", "mqttv5"])


@pytest.fixture
def options(server, device):
    return [
        *("-h", "localhost", "-p", server.mqtts_port, "--cafile", device.ca),
        *("--cert", device.cert, "--key", device.key, "-q", "1"),
    ]


def publish(options, version, *more):
    command = ["mosquitto_pub", *options, "-V", version, *more]
    done = subprocess.run(map(str, command), capture_output=True, text=True, timeout=DEADLINE_S)
    assert done.returncode == 0, done.stderr


def subscribing(options, version, *more):
    """mosquitto_sub, once it is subscribed."""
    by_line = ["stdbuf", "-oL"] if shutil.which("stdbuf") else []
    sub = Process(*by_line, "mosquitto_sub", *options, "-d", "-V", version, *more)
    sub.line("Subscribed (mid:")
    return sub


@both
def test_a_message_passes(options, version):
    with subscribing(
        options, version, "-i", "sub", "-t", "test/topic", "-F", "got %t %p", "-C", 1
    ) as sub:
        publish(options, version, "-i", "pub", "-t", "test/topic", "-m", "hello")
        sub.line("got test/topic hello")
        assert sub.wait() == 0


@both
def test_a_retained_message_reaches_who_comes_later(options, version):
    publish(options, version, "-t", "kept/a", "-m", "state", "-r")
    format = "got %t %r %p"
    with subscribing(options, version, "-t", "kept/a", "-F", format, "-C", 1) as sub:
        sub.line("got kept/a 1 state")
    publish(options, version, "-t", "kept/a", "-n", "-r")
    with subscribing(options, version, "-t", "kept/a", "-F", format, "-C", 1) as sub:
        publish(options, version, "-t", "kept/a", "-m", "live")
        sub.line("got kept/a 0 live")


@both
def test_a_will_is_published_when_the_client_is_killed(server, options, version):
    will = ("--will-topic", "lost/a", "--will-payload", "gone", "--will-qos", 1)
    with plain_client(server, "watcher") as watcher:
        watcher.subscribe("lost/#")
        with subscribing(options, version, "-i", "doomed", "-t", "x", *will) as sub:
            sub.kill()
        assert watcher.payload() == "gone"


@both
def test_a_will_is_dropped_when_the_client_says_goodbye(server, options, version):
    will = ("--will-topic", "lost/a", "--will-payload", "gone", "--will-qos", 1)
    with plain_client(server, "watcher") as watcher:
        watcher.subscribe("lost/#")
        with subscribing(options, version, "-i", "polite", "-t", "x", "-C", 1, *will) as sub:
            watcher.publish("x", "go")
            assert sub.wait() == 0
        watcher.publish("lost/end")
        assert watcher.message().topic == "lost/end"


@both
def test_a_persistent_session_keeps_what_was_missed(options, version):
    session = ["-i", "sleeper", "-c", "-t", "test/topic"]
    session += ["-x", 3600] if version == "mqttv5" else []
    with subscribing(options, version, *session, "-E") as sub:
        assert sub.wait() == 0
    for text in ("one", "two", "three"):
        publish(options, version, "-t", "test/topic", "-m", text)
    with Process("mosquitto_sub", *options, "-V", version, *session, "-C", 3) as sub:
        assert sub.rest() == ["one", "two", "three"]
        assert sub.wait() == 0


def test_mqtt5_properties_pass(options):
    properties = ["-D", "publish", "content-type", "text/plain"]
    properties += ["-D", "publish", "response-topic", "answers/1"]
    properties += ["-D", "publish", "correlation-data", "7"]
    properties += ["-D", "publish", "user-property", "unit", "celsius"]
    format = "got %C|%R|%D|%P|%p"
    with subscribing(options, "mqttv5", "-t", "test/topic", "-F", format, "-C", 1) as sub:
        publish(options, "mqttv5", "-t", "test/topic", "-m", "21", *properties)
        assert sub.line("got") == "got text/plain|answers/1|7|unit:celsius|21"


@both
def test_versions_meet(options, version):
    other = {"mqttv311": "mqttv5", "mqttv5": "mqttv311"}[version]
    with subscribing(options, version, "-t", "test/topic", "-F", "got %p", "-C", 1) as sub:
        publish(options, other, "-t", "test/topic", "-m", "across")
        sub.line("got across")
