"""What is on disk is there after a restart."""

from harness import ALLOW_ALL
from mqtt_client import tls_client


def test_everything_survives_a_restart(own_server, tmp_path):
    server = own_server("--data-dir", tmp_path / "data")
    device = server.device(tmp_path, ALLOW_ALL, things=["lamp"])
    with tls_client(server, device, "sleeper", clean=False) as client:
        client.subscribe("test/topic")
    with tls_client(server, device, "publisher") as publisher:
        publisher.publish("test/topic", "while you slept")
        publisher.publish("kept/a", "state", retain=True)
    assert server.stop() == 0

    server.start()
    assert server.client("iot").describe_thing(thingName="lamp")["thingName"] == "lamp"
    with tls_client(server, device, "sleeper", clean=False) as client:
        assert client.session_present
        assert client.payload() == "while you slept"
        client.subscribe("kept/a")
        assert client.payload() == "state"
