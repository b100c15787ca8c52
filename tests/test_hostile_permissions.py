"""Permissions that must not be wider than they read: each case is a device with a policy, over mutual
TLS, and what somebody once got by. The letters and numbers are those of the list of attacks in
docs/testing.md."""

import json
import socket
import ssl

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from bytes_mqtt import V3, V5, VERSIONS
from harness import ALLOW_ALL, DEADLINE_S, Server, arn, policy
from raw_mqtt import Client, Will, client, publish_packet

NOT_AUTHORIZED = 0x87
CONNECT = ("iot:Connect", "*")
both = pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS.keys())


def context(device):
    tls = ssl.create_default_context(cafile=device.ca)
    tls.load_cert_chain(device.cert, device.key)
    return tls


def connected(server, device, client_id="c", version=V5, **options):
    return Client(server.mqtts_port, client_id, version, context(device), **options).accepted()


def refused(server, device, client_id="c", version=V5, **options):
    """The device is not let in; AWS tells MQTT 5 clients why."""
    try:
        denied = Client(server.mqtts_port, client_id, version, context(device), **options)
    except (ssl.SSLError, ConnectionError):
        return  # In the handshake.
    assert denied.connack is None or (version, denied.connack.reason) == (V5, NOT_AUTHORIZED)
    assert denied.closed() == []


def attached(server, device):
    """The name of the device's policy."""
    return server.client("iot").list_attached_policies(target=device.arn)["policies"][0][
        "policyName"
    ]


def withdraw(server, device, *left):
    """The device's policy becomes another one."""
    server.client("iot").create_policy_version(
        policyName=attached(server, device),
        policyDocument=json.dumps(policy(CONNECT, *left)),
        setAsDefault=True,
    )


# Which topics a grant is for: the case, the resource, and topics with what is decided. AWS's own
# limits of a topic hold for all of them.
PUBLISHES = [
    ("I03", "allowed", {"allowed": True, "allowed/secret": False, "allowedx": False}),
    ("I03", "a/b/*", {"a/b/c": True, "a/b/c/d": True, "a/b": False, "a/bc": False}),
    ("I04", "Topic/A", {"Topic/A": True, "topic/a": False, "TOPIC/A": False}),
    ("I05", "a/b", {"a/b": True, "/a/b": False, "a/b/": False, "a//b": False}),
    ("I06", "caf\u00e9", {"caf\u00e9": True, "cafe\u0301": False, "cafe": False}),
    ("I06", "a/b", {"\uff41/b": False, "\u0430/b": False, "a\u2215b": False}),
]


@pytest.mark.parametrize("case", PUBLISHES, ids=lambda case: f"{case[0]} {case[1]}")
def test_a_grant_is_for_the_topics_that_it_names(server, tmp_path, case):
    _, resource, topics = case
    device = server.device(tmp_path, policy(CONNECT, ("iot:Publish", arn("topic", resource))))
    met = {topic: connected(server, device).publish(topic) for topic in topics}
    assert met == {topic: 0 if may else NOT_AUTHORIZED for topic, may in topics.items()}
    for topic, may in topics.items():
        old = connected(server, device, version=V3)
        old.send(publish_packet(V3, topic, b"x", 1, mid=1))
        packet = old.next()
        assert (packet is not None) == may, topic


# The same for filters: their text is matched, and MQTT's wildcards in it are letters like others.
SUBSCRIBES = [
    ("I01", "a/*", {"a/#": True, "a/+": True, "#": False, "+/#": False, "+": False}),
    ("I02", "a/b", {"a/b": True, "a/+": False, "+/b": False, "a/#": False}),
    ("I02", "a/b/*", {"a/b/#": True, "a/#": False, "a/+/c": False}),
    ("I02", "a/+", {"a/+": True, "a/b": False}),
    ("I02", "+/secret", {"+/secret": True, "a/secret": False}),
    ("I09", "secret", {"secret": True, "$share/g/secret": False}),
    (
        "I09",
        "$share/g/secret",
        {"$share/g/secret": True, "$share/h/secret": False, "secret": False},
    ),
    ("I09", "$share/*", {"$share/g/a": True, "a": False}),
]


@pytest.mark.parametrize("case", SUBSCRIBES, ids=lambda case: f"{case[0]} {case[1]}")
def test_a_filter_is_granted_as_it_is_written(server, tmp_path, case):
    """And B39: each filter of a packet on its own."""
    _, resource, filters = case
    device = server.device(
        tmp_path, policy(CONNECT, ("iot:Subscribe", arn("topicfilter", resource)))
    )
    expected = [1 if may else NOT_AUTHORIZED for may in filters.values()]
    assert connected(server, device).subscribe(*filters) == expected
    # One at a time, and with MQTT 3.1.1 the end.
    for filter, may in filters.items():
        old = connected(server, device, version=V3)
        if may:
            assert old.subscribe(filter) == [1]
        else:
            with pytest.raises(AssertionError, match="closed"):
                old.subscribe(filter)


# I08: what a client is called is text, whatever it looks like to policies, and is not read again.
CLIENT_IDS = ["*", "?", "a*", "a/*", "a?c", "${iot:ClientId}x", "x${iot:ClientId}", "x${*}", "%2A"]


@pytest.mark.parametrize("client_id", CLIENT_IDS)
def test_a_client_id_in_a_variable_is_text(server, tmp_path, client_id):
    if client_id.startswith("$"):
        client_id = "y" + client_id  # AWS reserves those that begin with `$`.
    own = policy(CONNECT, ("iot:Publish", arn("topic", "up/${iot:ClientId}")))
    device = server.device(tmp_path, own)
    own_topic = f"up/{client_id}"
    for topic in ("up/a", "up/abc", "up/a/b", "up/", "up/xy", "up/x", f"{own_topic}/x"):
        with connected(server, device, client_id) as c:
            assert c.publish(topic) == NOT_AUTHORIZED, topic
    assert connected(server, device, client_id).publish(own_topic) == 0


@both
def test_a_filter_with_wildcards_does_not_bring_what_may_not_be_received(server, tmp_path, version):
    """I02, H05: each message is decided on its own, retained ones included."""
    free = client(server, "free")
    free.publish("a/b", "kept", retain=True)
    free.publish("a/no", "kept", retain=True)
    receives = policy(CONNECT, ("iot:Subscribe", "*"), ("iot:Receive", arn("topic", "a/b")))
    device = server.device(tmp_path, receives)
    with connected(server, device, version=version) as c:
        assert c.subscribe("a/b", "a/no", "a/+", "#", qos=0) == [0, 0, 0, 0]
        for topic in ("a/no", "a/b", "a/x"):
            free.publish(topic, "live", qos=0)
        free.publish("a/b", "end")
        got = []
        while not got or got[-1][1] != b"end":
            message = c.message()
            got.append((message.topic, message.payload))
    assert {topic for topic, _ in got} == {"a/b"}
    assert [payload for _, payload in got] == [b"kept", b"live", b"end"]


def test_a_retained_message_outlives_its_publisher_s_permission(server, tmp_path):
    """H05: as at AWS it stays until somebody clears it. H06: clearing needs the permission too."""
    device = server.device(
        tmp_path, policy(CONNECT, ("iot:Publish", "*"), ("iot:RetainPublish", arn("topic", "kept")))
    )
    with connected(server, device) as c:
        assert c.publish("kept", "x", retain=True) == 0
        assert c.publish("other", "x", retain=True) == NOT_AUTHORIZED
        withdraw(server, device, ("iot:Publish", "*"))
        assert c.publish("kept", "", retain=True) == NOT_AUTHORIZED
    late = client(server, "late")
    late.subscribe("kept")
    assert late.message().payload == b"x"


def test_an_alias_is_decided_by_the_topic_it_stands_for(server, tmp_path):
    """I11: set for one that is allowed, then for another, then used for what it stands for now."""
    device = server.device(tmp_path, policy(CONNECT, ("iot:Publish", arn("topic", "yes"))))
    watcher = client(server, "watcher")
    watcher.subscribe("yes", "no")
    with connected(server, device) as c:
        for topic, expected in (
            ("yes", 0),
            ("", 0),
            ("no", NOT_AUTHORIZED),
            ("", NOT_AUTHORIZED),
            ("yes", 0),
            ("", 0),
        ):
            assert c.publish(topic, topic, topic_alias=1) == expected, topic
        withdraw(server, device)
        assert c.publish("", "", topic_alias=1) == NOT_AUTHORIZED
    assert [message.topic for message in watcher.quiet()] == ["yes"] * 4


@both
def test_what_waits_is_decided_again_when_it_is_delivered(server, tmp_path, version):
    """I12, I13: messages for a client that is away, and its subscriptions."""
    all_of_a = [("iot:Subscribe", arn("topicfilter", "a/*")), ("iot:Receive", arn("topic", "a/*"))]
    device = server.device(tmp_path, policy(CONNECT, *all_of_a))
    stays = {"clean": False, **({"session_expiry": 3600} if version == V5 else {})}
    with connected(server, device, version=version, **stays) as c:
        assert c.subscribe("a/yes", "a/no", "a/also") == [1, 1, 1]
    free = client(server, "free")
    for topic in ("a/no", "a/yes"):
        free.publish(topic, "while away")
    withdraw(
        server,
        device,
        ("iot:Subscribe", arn("topicfilter", "a/yes")),
        ("iot:Receive", arn("topic", "a/yes")),
        ("iot:Receive", arn("topic", "a/also")),
    )
    with connected(server, device, version=version, **stays) as c:
        assert c.present
        for topic in ("a/no", "a/also", "a/yes"):
            free.publish(topic, "afterwards")
        got = [c.message(), c.message()]
        assert [(m.topic, m.payload) for m in got] == [
            ("a/yes", b"while away"),
            ("a/yes", b"afterwards"),
        ]
        assert c.quiet() == []


@both
def test_what_waits_for_the_window_is_decided_again(server, tmp_path, version):
    """I12: a client that is there and does not acknowledge."""
    receives = [("iot:Subscribe", "*"), ("iot:Receive", "*")]
    device = server.device(tmp_path, policy(CONNECT, *receives))
    with connected(server, device, version=version) as c:
        c.acknowledges = False
        c.subscribe("a/no", "a/yes")
        free = client(server, "free")
        for number in range(150):
            free.publish("a/no", f"{number}")
        free.publish("a/yes", "end")
        # The window is full.
        sent = [c.message() for _ in range(100)]
        withdraw(server, device, ("iot:Subscribe", "*"), ("iot:Receive", arn("topic", "a/yes")))
        # Time passes: what waits is looked at once a second.
        server.advance(2)
        for message in sent:
            c.send(ack(message.mid))
        assert c.message().topic == "a/yes"


@both
def test_what_is_sent_again_is_decided_again(server, tmp_path, version):
    """I12: a client that is there and does not acknowledge in time."""
    receives = [("iot:Subscribe", "*"), ("iot:Receive", "*")]
    device = server.device(tmp_path, policy(CONNECT, *receives))
    with connected(server, device, version=version) as c:
        c.acknowledges = False
        c.subscribe("a/no", "a/yes")
        free = client(server, "free")
        for topic in ("a/no", "a/yes"):
            free.publish(topic, "x")
        assert [c.message().topic for _ in range(2)] == ["a/no", "a/yes"]
        server.advance(32)
        assert [message.topic for message in c.quiet()] == ["a/no", "a/yes"]
        withdraw(server, device, ("iot:Subscribe", "*"), ("iot:Receive", arn("topic", "a/yes")))
        server.advance(32)
        assert [message.topic for message in c.quiet()] == ["a/yes"]


def ack(mid):
    return bytes([0x40, 2]) + mid.to_bytes(2, "big")


# I14: policies that allow nothing.
NOTHING = [
    (),
    (policy(("iot:Publish", "*")),),
    (policy(("iot:Connect", arn("client", "other"))),),
    (policy(("iot:connect*n", "*")),),
    ({"Version": "2012-10-17", "Statement": []},),
]


@both
@pytest.mark.parametrize("documents", NOTHING, ids=["none", "other", "client", "action", "empty"])
def test_without_an_allow_nothing_is_allowed(server, tmp_path, documents, version):
    try:
        device = server.device(tmp_path, *documents)
    except ClientError as error:
        # It is no policy to begin with.
        assert error.response["Error"]["Code"] == "MalformedPolicyException"
        return
    refused(server, device, version=version)


@pytest.mark.parametrize("text", ["{}", "[]", "", "null", '{"Version": "2012-10-17"}'])
def test_what_is_no_policy_is_none(server, text):
    """I14."""
    with pytest.raises(ClientError) as error:
        server.client("iot").create_policy(policyName="p", policyDocument=text or " ")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("order", [1, -1], ids=["allow first", "deny first"])
@pytest.mark.parametrize("apart", [False, True], ids=["one policy", "two policies"])
def test_a_deny_wins(server, tmp_path, order, apart):
    """I15."""
    allow = {"Effect": "Allow", "Action": "iot:*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": "iot:Publish", "Resource": arn("topic", "a/*")}
    version = {"Version": "2012-10-17"}
    both = [allow, deny][::order]
    documents = [version | {"Statement": [one]} for one in both]
    device = server.device(tmp_path, *(documents if apart else [version | {"Statement": both}]))
    with connected(server, device) as c:
        assert (c.publish("a/b"), c.publish("b")) == (NOT_AUTHORIZED, 0)


@both
@pytest.mark.parametrize("how", ["INACTIVE", "REVOKED", "detached"])
def test_who_is_let_in_no_more_is_not_left_in(server, tmp_path, how, version):
    """I16: the live connection ends with its certificate; without its policy it may do nothing."""
    device = server.device(tmp_path, ALLOW_ALL)
    iot = server.client("iot")
    with connected(server, device, version=version) as c:
        if how == "detached":
            iot.detach_policy(policyName=attached(server, device), target=device.arn)
            if version == V5:
                assert c.publish("a") == NOT_AUTHORIZED
            else:
                c.send(publish_packet(V3, "a", b"x", 1, mid=1))
                assert c.closed() == []
        else:
            iot.update_certificate(certificateId=device.id, newStatus=how)
            c.closed()
    refused(server, device, version=version)


@both
def test_who_may_not_have_a_client_id_does_not_disturb_who_has_it(server, tmp_path, version):
    """F10: neither the connection, nor the session, nor what waits in it."""
    owner = server.device(tmp_path, policy(("iot:*", "*")))
    thief = server.device(tmp_path, policy(("iot:Connect", arn("client", "thief-*"))))
    stays = {"clean": False, **({"session_expiry": 3600} if version == V5 else {})}
    with connected(server, owner, "owner", version, **stays) as c:
        assert c.subscribe("a") == [1]
        for options in ({}, stays):
            refused(server, thief, "owner", version, **options)
        client(server, "free").publish("a", "there")
        assert c.message().payload == b"there"
    client(server, "free").publish("a", "away")
    for options in ({}, stays):
        refused(server, thief, "owner", version, **options)
    with connected(server, owner, "owner", version, **stays) as c:
        assert c.present and c.message().payload == b"away"


@both
def test_a_will_is_decided_again_when_it_is_due(server, tmp_path, version):
    """G07; G06 is the same at the CONNECT."""
    watcher = client(server, "watcher")
    watcher.subscribe("will/#")
    device = server.device(tmp_path, policy(CONNECT, ("iot:Publish", arn("topic", "will/*"))))
    refused(server, device, version=version, will=Will("other"))
    for due in (True, False):
        c = connected(server, device, version=version, will=Will("will/c", b"gone"))
        if not due:
            withdraw(server, device)
        c.abort()
        # Its end is known when the next one with its id is let in.
        connected(server, device, version=version).disconnect()
        assert [m.payload for m in watcher.quiet()] == ([b"gone"] if due else [])


def request(server, device, target, body=b"x"):
    """The status of a POST over HTTPS with a path exactly as it is written."""
    with (
        socket.create_connection(("127.0.0.1", server.https_port), DEADLINE_S) as plain,
        context(device).wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        head = f"POST {target} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
        tls.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        return int(tls.recv(4096).split()[1])


# I07: a path of HTTP is decoded once, and nothing in it is tidied up.
PATHS = [
    ("a/b", 200),
    ("a%2Fb", 200),
    ("%61/b", 200),
    ("a%252Fb", 403),
    ("x/../a/b", 403),
    ("a/./b", 403),
    ("a/b/..", 403),
    ("a/b;x=1", 403),
    ("a/b%00", 400),
    ("a/b%FF", 400),
    ("a/b%", 403),
    ("a//b", 403),
    ("/a/b", 403),
    ("a/b/", 403),
    ("A/b", 403),
]


@pytest.mark.parametrize("path, status", PATHS)
def test_a_path_of_http_is_decoded_once(server, tmp_path, path, status):
    device = server.device(tmp_path, policy(("iot:Publish", arn("topic", "a/b"))))
    with client(server, "watcher") as watcher:
        watcher.subscribe("#")
        assert request(server, device, f"/topics/{path}?qos=1") == status
        assert [m.topic for m in watcher.quiet()] == (["a/b"] if status == 200 else [])


def test_basic_ingest_reaches_rules_alone(server, tmp_path):
    """I10: nothing else becomes of the topic behind the rule's name."""
    device = server.device(
        tmp_path, policy(CONNECT, ("iot:Publish", arn("topic", "$aws/rules/r/*")))
    )
    with client(server, "watcher") as watcher, connected(server, device) as c:
        watcher.subscribe("#", "secret")
        assert c.publish("$aws/rules/r/secret") == 0
        assert c.publish("$aws/rules/other/secret") == NOT_AUTHORIZED
        assert c.publish("secret") == NOT_AUTHORIZED
        assert watcher.quiet() == []


# I19: what AWS's SDKs put into the user name, and worse.
USERNAMES = [
    "?SDK=Python&Version=1",
    "bob?x-amz-customauthorizer-name=a&x-amz-customauthorizer-name=b",
    "?x-amz-customauthorizer-name=%",
    "?x-amz-customauthorizer-name=%ZZ%00",
    "?&&&===&?",
    "?SDK=" + "%41" * 2000,
    "?x-amz-customauthorizer-name",
    "*",
    "${iot:ClientId}",
    "?" * 3000,
    "",
]


@both
@pytest.mark.parametrize("username", USERNAMES, ids=range(len(USERNAMES)))
def test_a_user_name_does_not_change_who_one_is(server, tmp_path, username, version):
    """A client with a certificate is its certificate."""
    device = server.device(tmp_path, policy(CONNECT, ("iot:Publish", arn("topic", "yes"))))
    with connected(server, device, version=version, username=username) as c:
        assert c.publish("yes") == 0
        if version == V5:
            assert c.publish("no") == NOT_AUTHORIZED
    # Without one it is nobody.
    nobody = ssl.create_default_context(cafile=server.ca_file)
    try:
        c = Client(server.https_port, "c", version, nobody, username=username)
    except (ssl.SSLError, ConnectionError):
        return
    assert c.connack is None or c.connack.reason != 0


@pytest.fixture
def signed_only(tmp_path):
    """A server that verifies signatures, with a file of keys that is not tidy (I17)."""
    keys = tmp_path / "credentials"
    keys.write_text(
        "\n\n[good]\naws_access_key_id = GOOD\naws_secret_access_key = secret\n"
        "[empty]\naws_access_key_id =\naws_secret_access_key =\n"
        "[blank secret]\naws_access_key_id = BLANK\naws_secret_access_key =   \n"
        "[no secret]\naws_access_key_id = HALF\n"
        "[no key]\naws_secret_access_key = secret\n"
        "[broken\naws_access_key_id = BROKEN\n= = =\n\x00\n"
        "no section at all"
    )
    with Server(tmp_path / "s", "--memory", "--auth", "verify", "--credentials", keys) as server:
        yield server


@pytest.mark.parametrize(
    "key, secret, good",
    [
        ("GOOD", "secret", True),
        ("GOOD", "", False),
        ("GOOD", "other", False),
        ("", "", False),
        ("", "secret", False),
        ("BLANK", "", False),
        ("BLANK", "   ", False),
        ("HALF", "", False),
        ("HALF", "secret", False),
        ("BROKEN", "", False),
        ("*", "secret", False),
    ],
)
def test_what_is_no_key_lets_nobody_in(signed_only, key, secret, good):
    url = f"{signed_only.api_url}/things"
    ask = AWSRequest("GET", url)
    SigV4Auth(Credentials(key, secret), "iot", "us-east-1").add_auth(ask)
    status = requests.get(url, headers=dict(ask.headers), timeout=DEADLINE_S).status_code
    assert status == (200 if good else 403)
