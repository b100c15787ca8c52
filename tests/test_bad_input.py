"""What is wrong is refused with a message that says what to change."""

import json
import socket
import ssl

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from certificates import certificate, key_pem, pem
from harness import Device, thingcore
from mqtt_client import VERSIONS, Client

PORTS = {"--mqtts-port": 0, "--https-port": 0, "--api-port": 0}


@pytest.fixture
def stranger(server, tmp_path):
    """A device whose certificate another authority signed."""
    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    (tmp_path / "crt").write_text(pem(certificate("stranger", "Other CA", key, authority)))
    (tmp_path / "key").write_text(key_pem(key))
    return Device("", "", tmp_path / "crt", tmp_path / "key", server.ca_file)


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())
def test_a_certificate_of_another_authority_is_refused(server, stranger, version):
    client = Client("c", version=version).tls(stranger)
    try:
        client.start(server.mqtts_port)
    except (ssl.SSLError, ConnectionError):
        return  # Refused in the handshake.
    client.closed()
    assert client.connacks.empty()


def test_no_certificate_is_refused(server):
    client = Client("c").tls(ca=server.ca_file)
    try:
        client.start(server.mqtts_port)
    except (ssl.SSLError, ConnectionError):
        return
    client.closed()
    assert client.connacks.empty()


def test_an_inactive_certificate_is_refused_and_the_log_says_why(server, device):
    server.client("iot").update_certificate(certificateId=device.id, newStatus="INACTIVE")
    client = Client("c").tls(device).start(server.mqtts_port)
    client.closed()
    assert client.connacks.empty()
    assert "DEVICE_CERTIFICATE_INACTIVE" in server.logged()


def test_a_policy_that_is_not_json_is_malformed(server):
    done = server.aws_process(
        *("iot", "create-policy", "--policy-name", "P", "--policy-document", "{not json")
    )
    assert done.returncode == 255
    assert "An error occurred (MalformedPolicyException)" in done.stderr


@pytest.mark.parametrize(
    "sql, line, column",
    [
        ("SELECT * FORM 'a'", 1, 10),
        ("SELECT temperature FROM 'a' WHERE temperature >", 1, 48),
        ("SELECT *\nFROM 'a'\nWHERE a = = 1", 3, 11),
    ],
)
def test_a_rule_with_a_syntax_error_says_where(server, sql, line, column):
    payload = json.dumps({"sql": sql, "actions": []})
    done = server.aws_process(
        *("iot", "create-topic-rule", "--rule-name", "r", "--topic-rule-payload", payload)
    )
    assert done.returncode == 255
    assert "An error occurred (SqlParseException)" in done.stderr
    assert f"line {line}, column {column}" in done.stderr


def test_a_rule_that_calls_an_unknown_function_is_refused(server):
    payload = json.dumps({"sql": "SELECT nosuch(a) FROM 'a'", "actions": []})
    done = server.aws_process(
        *("iot", "create-topic-rule", "--rule-name", "r", "--topic-rule-payload", payload)
    )
    assert "SqlParseException" in done.stderr and "nosuch" in done.stderr


def serve(*flags, cwd, **ports):
    """A server that is not going to start; how it ended."""
    ports = [f"{flag}={port}" for flag, port in (PORTS | ports).items()]
    return thingcore("serve", *ports, *flags, cwd=cwd)


def error_line(done):
    """The one line that says what to change."""
    [line] = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    return line


def test_a_data_dir_of_a_newer_version_is_left_alone(own_server, tmp_path):
    data = tmp_path / "data"
    own_server("--data-dir", data).stop()
    [format] = data.rglob("format")
    format.write_text(f"{int(format.read_text()) + 1}\n")
    done = serve("--data-dir", data, cwd=tmp_path)
    assert done.returncode == 64
    assert "newer version of thingcore" in error_line(done)
    assert "--data-dir" in error_line(done)


def test_a_data_dir_in_use_is_left_alone(own_server, tmp_path):
    own_server("--data-dir", tmp_path / "data")
    done = serve("--data-dir", tmp_path / "data", cwd=tmp_path)
    assert done.returncode in (1, 64)
    assert str(tmp_path / "data") in error_line(done)


@pytest.mark.parametrize("flag", ["--mqtts-port", "--https-port", "--api-port"])
def test_a_port_in_use_is_named_with_its_flag(tmp_path, flag):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = serve("--memory", cwd=tmp_path, **{flag: port})
    assert done.returncode == 64
    assert str(port) in error_line(done) and flag in error_line(done)


@pytest.mark.parametrize(
    "flags, text",
    [
        (["--mqtts-prot=1"], "--mqtts-port"),
        (["--mqtt-port=http"], "--mqtt-port"),
        (["--account-id=12"], "twelve digits"),
        (["--config=missing.toml"], "missing.toml"),
    ],
)
def test_wrong_configuration_is_a_usage_error(tmp_path, flags, text):
    done = serve("--memory", *flags, cwd=tmp_path)
    assert done.returncode == 64
    assert text in error_line(done)


def test_an_unknown_key_of_the_configuration_file_is_named_with_the_nearest(tmp_path):
    (tmp_path / "thingcore.toml").write_text("mqtts-prot = 1\n")
    done = serve("--memory", "--config", "thingcore.toml", cwd=tmp_path)
    assert done.returncode == 64
    assert "did you mean `mqtts-port`?" in error_line(done)
