"""The console, in a real browser."""

import json
import pathlib
import subprocess
import sys

import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from aws_clients import node
from browser_page import Console
from harness import DEADLINE_S, EXAMPLES, ROOT, arn, environment, policy
from mqtt_client import V5, plain_client, tls_client

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser():
    with Console() as page:
        yield page


@pytest.fixture
def console(browser):
    """A page that no test leaves with an error, a dialog, or a request to somebody else."""
    browser.fresh()
    yield browser
    assert browser.problems() == []


@pytest.fixture
def page(console, server):
    """The console of the shared server, connected."""
    console.open(server).connected()
    return console


# The tutorial.


def test_the_tutorial_is_watched_live(page, server, tutorial_device):
    assert page.subscribe("test/topic") == "Subscribed at QoS 1."
    done = subprocess.run(
        [
            *(sys.executable, EXAMPLES / "python" / "pubsub.py"),
            *("--endpoint", "localhost", "--port", str(server.mqtts_port)),
            *("--ca_file", tutorial_device.ca, "--cert", tutorial_device.cert),
            *("--key", tutorial_device.key, "--client_id", "test-1"),
            *("--topic", "test/topic", "--count", "10"),
        ],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = page.messages(10)
    expected = [f"Hello World! [{number}]" for number in range(10, 0, -1)]
    assert [text.strip('"') for text in shown] == expected
    assert set(page.texts("#messages .topic")) == {"test/topic"}
    assert page.text("#subscriptions .count") == "10"


def test_what_the_page_publishes_reaches_a_subscriber(page, server):
    with plain_client(server, "device", version=V5) as device:
        device.subscribe("to/device")
        page.click("#publish summary")
        page.fill("#publish [name=contentType]", "application/json")
        page.fill("#publish [name=responseTopic]", "to/page")
        page.fill("#publish [name=correlationData]", "42")
        page.fill("#publish [name=expiry]", "60")
        page.fill("#publish [name=userProperties]", "room: kitchen\nurl: http://a:1\nroom: hall")
        said = page.publish("to/device", '{"t": 1.50}', retain=True)
        assert said.startswith("Published to to/device at ") and said.endswith(": acknowledged.")
        message = device.message()
    assert (message.payload, message.qos, message.retain) == (b'{"t": 1.50}', 1, False)
    told = message.properties
    assert (told.ContentType, told.ResponseTopic) == ("application/json", "to/page")
    assert (told.CorrelationData, told.MessageExpiryInterval) == (b"42", 60)
    user = [("room", "kitchen"), ("url", "http://a:1"), ("room", "hall")]
    assert told.UserProperty == user
    # It was retained as well.
    page.subscribe("to/device")
    page.messages(1)
    assert page.texts("#messages .mark") == ["QoS 1", "retained"]


def test_a_message_is_shown_with_everything_about_it(page, server):
    page.subscribe("a/+", qos="0")
    properties = Properties(PacketTypes.PUBLISH)
    properties.ContentType = "text/plain"
    properties.ResponseTopic = "reply"
    properties.CorrelationData = b"\xff"
    properties.UserProperty = [("k", HOSTILE)]
    with plain_client(server, "device", version=V5) as device:
        device.publish("a/json", '{"id":12345678901234567890,"list":[1,{}]}')
        device.publish("a/text", "grüß dich", properties=properties)
        device.publish("a/bytes", b"\x00\xffA")
        device.publish("a/empty", b"")
    page.until("document.querySelectorAll('#messages > li').length === 4")
    assert page.texts("#messages .topic") == ["a/empty", "a/bytes", "a/text", "a/json"]
    binary, text, as_json = page.texts("#messages pre")
    assert binary.startswith("0000  00 ff 41 ") and binary.endswith(".A")
    assert text == "grüß dich"
    assert as_json == '{\n  "id": 12345678901234567890,\n  "list": [\n    1,\n    {}\n  ]\n}'
    cells = page.texts("#messages dl > *")
    assert cells[:4] == ["Content type", "text/plain", "Response topic", "reply"]
    assert cells[4] == "Correlation data" and cells[5].startswith("0000  ff")
    assert cells[6:] == ["k", HOSTILE]

    exported = page.download("#export")
    assert exported["name"] == "messages-a-.json"
    whole = json.loads(pathlib.Path(exported["path"]).read_text())
    assert whole["filter"] == "a/+"
    empty, binary, text, as_json = whole["messages"]
    assert (empty["payload_text"], binary["payload_base64"]) == ("", "AP9B")
    assert text["properties"]["userProperties"] == [["k", HOSTILE]]
    assert as_json["payload_text"].startswith('{"id":12345678901234567890')


# What the server refuses.

DEEP = "a/b/c/d/e/f/g/h/i"


@pytest.mark.parametrize(
    "filter, words",
    [
        (DEEP, f"Refused. {DEEP}: Topic filter invalid (0x8f)"),
        ("$aws/nothing", "Refused. $aws/nothing: "),
        # What is no filter at all ends the connection.
        ("a/#/b", "Not subscribed. Topic filter invalid (0x8f): "),
    ],
)
def test_a_refused_filter_is_told_in_words(page, filter, words):
    assert page.subscribe(filter).startswith(words)
    assert page.filters() == []
    page.connected()


@pytest.mark.parametrize(
    "topic, words",
    [
        (DEEP, "Topic name invalid (0x90)"),
        ("a/+", "Topic name invalid (0x90)"),
        ("$aws/nothing", "0x"),
    ],
)
def test_a_refused_topic_is_told_in_words(page, topic, words):
    said = page.publish(topic, "x")
    assert said.startswith("Not published. ") and words in said
    page.connected()


def test_a_publish_that_nothing_answers_is_told_in_words_too(page):
    """At QoS 0 there is no acknowledgement that could say no: the connection ends."""
    page.publish("a/+", "x", qos="0")
    notice = page.until("document.querySelector('#notice-text').textContent")
    assert notice.startswith("The server ended the connection at ")
    assert ": Topic name invalid (0x90): " in notice
    page.connected()


def test_eight_filters_at_once_and_shared_ones(page, server):
    filters = [f"f/{number}" for number in range(7)] + ["$share/group/sports/#"]
    assert page.subscribe(*filters) == "Subscribed at QoS 1."
    assert page.filters() == filters
    with plain_client(server, "device") as device:
        device.publish("sports/tennis", "15:40")
    page.click("#subscriptions li:last-child .select")
    assert page.messages(1) == ["15:40"]
    page.click("#subscriptions li:last-child [aria-label^=Unsubscribe]")
    page.until("document.querySelectorAll('#subscriptions li').length === 7")
    with plain_client(server, "device") as device:
        device.publish("sports/tennis", "30:40")
        device.publish("f/6", "seen")
    page.click("#subscriptions li:last-child .select")
    assert page.messages(1) == ["seen"]
    assert page.subscribe(*[f"{number}" for number in range(9)]).startswith("Not subscribed. ")


def test_a_keyboard_is_enough(page):
    page.fill("#subscribe [name=filters]", "first")
    page.press("#subscribe [name=filters]", "Enter")
    page.outcome("subscribe")
    page.subscribe("second")
    focused = "document.activeElement.textContent"
    page.press("#subscriptions li:first-child .select", "Enter")
    page.until("document.querySelector('#messages-title').textContent === 'first'")
    assert page.evaluate(focused) == "firstQoS 10"
    page.press("#subscriptions li:first-child [title=Unsubscribe]", "Enter")
    page.until("document.querySelectorAll('#subscriptions li').length === 1")
    assert page.evaluate(focused) == "secondQoS 10"
    page.fill("#publish [name=topic]", "second")
    page.press("#publish [name=payload]", "Control+Enter")
    page.outcome("publish")
    page.messages(1)


def test_nothing_is_wider_than_a_small_screen(page, server):
    page.size(360, 700)
    page.subscribe("#")
    page.subscribe("w" * 200)
    with plain_client(server, "device", version=V5) as device:
        device.publish("w" * 200, "x" * 2000)
        device.publish("w" * 200, bytes(range(256)))
    page.messages(2)
    page.click("#to-activity")
    page.event("w" * 200)
    page.click(".published summary")
    for view in ["client", "activity"]:
        page.click(f"#to-{view}")
        page.until(f"!document.querySelector('#{view}').hidden")
        assert page.evaluate("document.documentElement.scrollWidth") == 360


# Payloads of others.


def test_what_devices_say_is_text(page, server):
    page.subscribe("#")
    with plain_client(server, HOSTILE, version=V5) as device:
        device.publish(HOSTILE, f"<script>alert(2)</script>{HOSTILE}")
        page.messages(1)
        assert page.texts("#messages .topic") == [HOSTILE]
        page.click("#to-activity")
        page.event("message", HOSTILE, "<script>")
        page.event("connected", HOSTILE)
        page.click(".published summary")
        page.until("document.querySelector('.published pre').textContent.includes('<script>')")
    assert page.evaluate("document.querySelectorAll('img, main script').length") == 0


# Connections that end, and pages that are opened again.


def test_the_page_comes_back_with_its_subscriptions(console, own_server):
    server = own_server("--memory")
    client_id = console.open(server).connected()
    console.subscribe("kept/#", keep="7")
    console.subscribe("more")
    port = server.api_port
    assert server.stop() == 0
    console.until("document.querySelector('#state').textContent.includes('does not answer')")
    assert console.publish("kept/a", "x").startswith("Not published. there is no connection")
    server.start(api_port=port)
    assert console.connected() == client_id
    with plain_client(server, "device") as device:
        device.publish("kept/a", "after the restart")
    console.click("#subscriptions .select >> nth=0")
    assert console.messages(1) == ["after the restart"]

    console.reload()
    assert console.connected() != client_id
    assert console.filters() == ["kept/#", "more"]
    with plain_client(server, "device") as device:
        for number in range(9):
            device.publish("kept/a", f"{number}")
    assert console.messages(7) == [f"{number}" for number in range(8, 1, -1)]
    assert "9 received, the newest 7" in console.text("#messages-count")


def test_a_flood_leaves_the_page_usable(page, server):
    page.subscribe("flood/#")
    page.evaluate(
        "globalThis.most = 0; new MutationObserver(() => { globalThis.most = Math.max(globalThis.most,"
        " document.querySelectorAll('#messages > li').length) })"
        ".observe(document.querySelector('#messages'), {childList: true})"
    )
    count = 20_000
    with plain_client(server, "device") as device:
        for number in range(count):
            device.paho.publish("flood/a", f"{number}", 1)
        # It is used while they come.
        page.click("#pause")
        page.until("/Paused: [1-9]/.test(document.querySelector('#messages-count').textContent)")
        page.click("#pause")
        for _ in range(count):
            device.puback()
    # Each thousand has its deadline.
    seen = "Number(document.querySelector('#subscriptions .count').textContent.replace(',', ''))"
    for thousand in range(1000, count + 1, 1000):
        page.until(f"{seen} >= {thousand}")
    newest = page.messages(100)
    assert newest == [f"{number}" for number in range(count - 1, count - 101, -1)]
    assert page.evaluate("most") <= 100
    page.click("#clear")
    assert page.messages(0) == []


# Activity.


def test_the_activity_view_says_what_was_refused_and_why(page, server, tmp_path):
    document = policy(("iot:Connect", "*"), ("iot:Publish", arn("topic", "open/*")))
    deny = {"Sid": "NoSecrets", "Effect": "Deny", "Action": "iot:Publish"}
    document["Statement"].append({**deny, "Resource": arn("topic", "open/secret")})
    device = server.device(tmp_path, document)
    page.click("#to-activity")
    with tls_client(server, device, "device", version=V5) as client:
        assert client.publish("open/secret", "x") == 0x87
        assert client.publish("open/room", '{"t": 1}') == 0
    refused = page.event("iot:Publish on topic/open/secret")
    assert "from device" in refused and "NoSecrets" in refused
    message = page.event("open/room")
    assert "to nobody" in message and '{"t":1}' in message
    page.event("connected", "device", f"certificate {device.id[:12]}")
    page.event("left", "device")

    page.fill("#activity-filter [name=text]", "nosecrets")
    page.until("document.querySelectorAll('#events > li').length === 1")
    page.fill("#activity-filter [name=text]", "")
    page.check("#activity-filter [name=refused]", False)
    page.event("open/room")
    assert page.texts("#events .refused") == []


def test_the_activity_view_says_what_rule_actions_did(page, server):
    republish = {"republish": {"roleArn": "arn:aws:iam::000000000000:role/r", "topic": "hot"}}
    failing = {
        "s3": {"roleArn": republish["republish"]["roleArn"], "bucketName": "none", "key": "k"}
    }
    iot = server.client("iot")
    for name, action in {"good": republish, "failing": failing}.items():
        rule = {"sql": f"SELECT t FROM '{name}'", "actions": [action]}
        iot.create_topic_rule(ruleName=name, topicRulePayload=rule)
    page.click("#to-activity")
    with plain_client(server, "device") as device:
        device.publish("good", '{"t": 31.5}')
        device.publish("failing", '{"t": 32}')
    done = page.event("good: republish", "success")
    assert "PUBLISH hot" in done and '{"t":31.5}' in done
    assert "NoSuchBucket" in page.event("failing: s3", "failed")


# Signatures.


@pytest.fixture
def verifying(own_server, tmp_path):
    keys = tmp_path / "credentials"
    keys.write_text("[default]\naws_access_key_id = KEY\naws_secret_access_key = secret\n")
    return own_server("--memory", "--auth", "verify", "--credentials", keys)


def test_where_signatures_are_verified_the_page_signs(console, verifying):
    console.open(verifying)
    console.until("document.querySelector('#state').textContent.includes('access key is needed')")

    def enter(key, secret):
        console.fill("#keys [name=accessKey]", key)
        console.fill("#keys [name=secretKey]", secret)
        console.click("#keys .primary")

    for key, secret, words in [
        ("KEY", "wrong", "signature we calculated does not match"),
        ("OTHER", "secret", "security token included in the request is invalid"),
    ]:
        enter(key, secret)
        console.until(
            f"document.querySelector('#keys-outcome').textContent.includes({json.dumps(words)})"
        )
    enter("KEY", "secret")
    console.connected()
    assert console.subscribe("a") == "Subscribed at QoS 1."
    # The key is nowhere that outlives the page.
    assert (
        console.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])").count("secret")
        == 0
    )


# The modules that need no page.


def test_the_modules_of_the_page():
    tests = sorted((ROOT / "tests" / "js" / "console").glob("*.test.mjs"))
    done = subprocess.run(
        [node(), "--test", *tests], capture_output=True, text=True, timeout=2 * DEADLINE_S
    )
    assert done.returncode == 0, done.stdout + done.stderr
