"""What is on disk is there after a restart."""

from harness import ALLOW_ALL
from mqtt_client import tls_client


def test_the_control_plane_survives_a_restart(own_server, tmp_path):
    server = own_server("--data-dir", tmp_path / "data")
    device = server.device(tmp_path, ALLOW_ALL, things=["lamp"])
    rule = {"sql": "SELECT * FROM 'a'", "actions": []}
    server.client("iot").create_topic_rule(ruleName="r", topicRulePayload=rule)
    server.client("s3").create_bucket(Bucket="readings")
    server.client("s3").put_object(Bucket="readings", Key="a", Body=b"kept")
    assert server.stop() == 0

    server.start()
    iot, s3 = server.client("iot"), server.client("s3")
    assert iot.list_thing_principals(thingName="lamp")["principals"] == [device.arn]
    assert iot.get_topic_rule(ruleName="r")["rule"]["sql"] == rule["sql"]
    assert s3.get_object(Bucket="readings", Key="a")["Body"].read() == b"kept"
    # The certificate and the CA are the same, and its policy is still attached.
    with tls_client(server, device, "lamp") as client:
        assert client.publish("test/topic") == 0


def test_sessions_and_retained_messages_survive_a_restart(own_server, tmp_path):
    server = own_server("--data-dir", tmp_path / "data")
    device = server.device(tmp_path, ALLOW_ALL)
    with tls_client(server, device, "sleeper", clean=False) as client:
        client.subscribe("test/topic")
    with tls_client(server, device, "publisher") as publisher:
        publisher.publish("test/topic", "while you slept")
        publisher.publish("kept/a", "state", retain=True)
    assert server.stop() == 0

    server.start()
    with tls_client(server, device, "sleeper", clean=False) as client:
        assert client.session_present
        assert client.payload() == "while you slept"
        client.subscribe("kept/a")
        assert client.payload() == "state"


def test_what_was_acknowledged_survives_a_kill(own_server, tmp_path):
    server = own_server("--data-dir", tmp_path / "data")
    device = server.device(tmp_path, ALLOW_ALL)
    with tls_client(server, device, "sleeper", clean=False) as client:
        client.subscribe("test/topic")
    with tls_client(server, device, "publisher") as publisher:
        for number in range(50):
            publisher.publish("test/topic", f"{number}")
        publisher.publish("kept/a", "state", retain=True)
        server.kill()

    server.start()
    kept = server.client("iot-data").get_retained_message(topic="kept/a")
    assert kept["payload"] == b"state"
    with tls_client(server, device, "sleeper", clean=False) as client:
        assert client.session_present
        assert [client.payload() for _ in range(50)] == [f"{number}" for number in range(50)]
