"""MQTT.js, as JavaScript's programs and web pages use it: in Node.js and in a real browser."""

import json
import shutil
import subprocess

import pytest

from aws_clients import node, node_env
from harness import DEADLINE_S, REGION, ROOT, environment

VERSIONS = {"v3.1.1": 4, "v5": 5}
both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())
MESSAGES = {"topic": "test/topic", "count": 10, "qos": 1}
WHOLE = {"granted": [1], "received": [f"{number}" for number in range(10)]}


def run(program, url, options, **more):
    """What a program of tests/js reports."""
    done = subprocess.run(
        [
            *(node(), ROOT / "tests" / "js" / program),
            json.dumps({"url": url, "options": options, **MESSAGES, **more}),
        ],
        env=node_env(environment()),
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def over_tls(server, device, client_id, version, **more):
    files = {"ca": str(device.ca), "cert": str(device.cert), "key": str(device.key)}
    options = {"clientId": client_id, "protocolVersion": version, **files}
    return run("mqtt.cjs", f"mqtts://localhost:{server.mqtts_port}", options, **more)


def signature(**more):
    keys = {"accessKeyId": "test", "secretAccessKey": "test"}
    return {"service": "iotdevicegateway", "region": REGION, **keys, **more}


@both
def test_mutual_tls(server, tutorial_device, version):
    assert over_tls(server, tutorial_device, "test-1", version) == WHOLE


@both
def test_a_client_id_outside_the_policy_is_refused(server, tutorial_device, version):
    refused = over_tls(server, tutorial_device, "other-1", version)["error"]
    told = {4: "Couldn't connect to server", 5: "Connection refused: Not authorized"}
    assert refused["message"] == told[version]


def test_a_topic_outside_the_policy_is_refused(server, tutorial_device):
    refused = over_tls(server, tutorial_device, "test-1", 5, topic="test/other")["error"]
    assert refused["message"] == "Subscribe error: Not authorized"


@both
@pytest.mark.parametrize("token", [{}, {"sessionToken": "a/token+="}], ids=["key", "session"])
def test_secure_websocket_with_signature(server, version, token):
    options = {"clientId": "page-1", "protocolVersion": version, "ca": server.ca_file}
    url = f"wss://localhost:{server.https_port}/mqtt"
    assert run("mqtt.cjs", url, options, sign=signature(**token)) == WHOLE


@both
@pytest.mark.parametrize("scheme", ["wss", "ws"])
def test_a_page_in_a_browser(server, tmp_path, version, scheme):
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        pytest.skip("chromium is missing: install it (Debian: apt-get install chromium)")
    port = {"wss": server.https_port, "ws": server.api_port}[scheme]
    options = {"clientId": "page-1", "protocolVersion": version}
    browser = {"chromium": program, "profile": str(tmp_path / "profile")}
    url = f"{scheme}://localhost:{port}/mqtt"
    assert run("browser.cjs", url, options, sign=signature(), **browser) == WHOLE
