"""Rules that write to Kafka and to InfluxDB: librdkafka's own cluster, a real influxd, and what
stands between them and the rule."""

import contextlib
import http.server
import json
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from base64 import b64encode

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

import certificates
from harness import DEADLINE_S, Process
from mqtt_client import plain_client
from targets import ROLE, aws, make_rule, wait_for_status

VPC = {"vpcConfiguration": {"subnetIds": ["subnet-1"], "vpcId": "vpc-1", "roleArn": ROLE}}
ERRORS = {"republish": {"roleArn": ROLE, "topic": "errors"}}


class Cluster:
    """A Kafka cluster of librdkafka, which speaks the protocol but keeps nothing on disk."""

    def __init__(self):
        self.producer = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": 1})
        [broker] = self.producer.list_topics(timeout=DEADLINE_S).brokers.values()
        self.host, self.port = broker.host, broker.port
        self.servers = f"{broker.host}:{broker.port}"

    def make_topic(self, topic):
        """A topic comes to be when it is asked for; the number of its partitions."""
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            found = self.producer.list_topics(topic, timeout=DEADLINE_S).topics[topic]
            if found.error is None and found.partitions:
                return len(found.partitions)
        raise AssertionError(found.error)

    def records(self, topic, count):
        """So many records of a topic, from all its partitions."""
        partitions = self.make_topic(topic)
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "test"})
        consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])
        with contextlib.closing(consumer):
            got = []
            while len(got) < count:
                record = consumer.poll(DEADLINE_S)
                assert record is not None, f"{len(got)} of {count} records"
                assert record.error() is None, record.error()
                got.append(record)
            return got


@pytest.fixture(scope="module")
def cluster():
    return Cluster()


def enabled(server, configuration):
    """The ARN of a destination once it is enabled."""
    iot = server.client("iot")
    made = iot.create_topic_rule_destination(destinationConfiguration=configuration)
    arn = made["topicRuleDestination"]["arn"]
    wait_for_status(iot, arn, "ENABLED")
    return arn


def kafka(server, cluster, topic, properties=None, **more):
    plain = {"bootstrap.servers": cluster.servers, "security.protocol": "PLAINTEXT"}
    action = {
        "destinationArn": enabled(server, VPC),
        "topic": topic,
        "clientProperties": plain | (properties or {}),
        **more,
    }
    return {"kafka": action}


@pytest.mark.parametrize("compression", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_records_are_in_the_cluster(server, cluster, compression):
    topic = f"in-{compression}"
    headers = [{"key": "source", "value": "${clientid()}"}, {"key": "fix", "value": "x"}]
    action = kafka(
        server,
        cluster,
        topic.replace(compression, "${kind}"),
        {"compression.type": compression},
        key="${topic(2)}",
        headers=headers,
    )
    make_rule(server, "r", "SELECT t FROM 'in/+'", action)
    with plain_client(server, "device") as device:
        for t in range(3):
            device.publish(f"in/{t}", json.dumps({"t": t, "kind": compression, "pad": "x" * 99}))
    got = {record.key(): record for record in cluster.records(topic, 3)}
    assert sorted(got) == [b"0", b"1", b"2"]
    assert got[b"2"].value() == b'{"t":2}'
    assert sorted(got[b"2"].headers()) == [("fix", b"x"), ("source", b"device")]
    assert server.action("r")["request"]["method"] == "PRODUCE"


def test_a_key_has_the_partition_that_other_clients_give_it(server, cluster):
    partitions = cluster.make_topic("keyed")
    assert partitions > 1
    keys = [f"key-{number}" for number in range(12)]
    make_rule(server, "r", "SELECT * FROM 'in'", kafka(server, cluster, "keyed", key="${k}"))
    with plain_client(server, "device") as device:
        for key in keys:
            device.publish("in", json.dumps({"k": key}))
    ours = {record.key(): record.partition() for record in cluster.records("keyed", len(keys))}
    other = Producer({"bootstrap.servers": cluster.servers, "partitioner": "murmur2_random"})
    theirs = {}
    for key in keys:
        told = lambda _, record: theirs.update({record.key(): record.partition()})
        other.produce("keyed-2", key=key, value=b"", on_delivery=told)
    other.flush(DEADLINE_S)
    assert cluster.make_topic("keyed-2") == partitions
    assert ours == theirs
    assert len(set(ours.values())) > 1


def test_a_partition_can_be_chosen(server, cluster):
    cluster.make_topic("chosen")
    make_rule(server, "r", "SELECT p FROM 'in'", kafka(server, cluster, "chosen", partition="${p}"))
    with plain_client(server, "device") as device:
        for p in (0, 1, 1):
            device.publish("in", json.dumps({"p": p}))
    got = cluster.records("chosen", 3)
    assert [json.loads(record.value())["p"] for record in got] == [r.partition() for r in got]


def test_a_cluster_of_aws_is_replaced_by_an_endpoint(own_server, cluster):
    """A rule as it is deployed, with the broker on one's own machine."""
    server = own_server("--memory", AWS_ENDPOINT_URL_KAFKA=f"http://{cluster.servers}")
    deployed = {
        "bootstrap.servers": "b-1.iot.kafka.us-east-1.amazonaws.com:9096",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.scram.username": "u",
        "sasl.scram.password": "p",
    }
    make_rule(server, "r", "SELECT * FROM 'in'", kafka(server, cluster, "replaced", deployed))
    with plain_client(server, "device") as device:
        device.publish("in", b"binary \xff")
    [record] = cluster.records("replaced", 1)
    assert record.value() == b"binary \xff"


def test_a_cluster_that_is_away_runs_the_error_action(server, cluster):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        away = f"127.0.0.1:{nobody.getsockname()[1]}"
    action = kafka(server, cluster, "away", {"bootstrap.servers": away})
    make_rule(server, "r", "SELECT * FROM 'in'", action, errorAction=ERRORS)
    with plain_client(server, "device") as device:
        device.subscribe("errors")
        device.publish("in", b"{}")
        [failure] = json.loads(device.payload())["failures"]
    assert (failure["failedAction"], failure["failedResource"]) == ("KafkaAction", "away")
    assert re.search(r"^Failed to produce Kafka record\. .*refused", failure["errorMessage"])


class TlsDoor:
    """TLS before a cluster that has none: wants a client certificate, and says in the cluster's
    metadata that the broker is here."""

    def __init__(self, cluster, context):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cluster, self.context, self.clients = cluster, context, []

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                plain, _ = self.listener.accept()
                threading.Thread(target=self.connect, args=(plain,), daemon=True).start()

    def connect(self, plain):
        with contextlib.suppress(OSError):
            near = self.context.wrap_socket(plain, server_side=True)
            self.clients.append(near.getpeercert()["subject"][0][0][1])
            far = socket.create_connection((self.cluster.host, self.cluster.port))
            threading.Thread(target=self.copy, args=(near, far), daemon=True).start()
            host = self.cluster.host.encode()
            there = len(host).to_bytes(2, "big") + host + self.cluster.port.to_bytes(4, "big")
            here = len(host).to_bytes(2, "big") + b"localhost" + self.port.to_bytes(4, "big")
            assert len(there) == len(here)
            self.copy(far, near, lambda data: data.replace(there, here))

    def copy(self, source, sink, change=lambda data: data):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(change(data))
            sink.shutdown(socket.SHUT_WR)

    def __enter__(self):
        threading.Thread(target=self.serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()


def test_tls_with_a_client_certificate_from_secrets(own_server, moto, cluster, tmp_path):
    ca_key, server_key, client_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    ca = certificates.certificate("ca", "ca", ca_key, ca_key)
    own = certificates.server_certificate("localhost", "ca", server_key, ca_key)
    client = certificates.certificate("rule", "ca", client_key, ca_key)
    (tmp_path / "ca.pem").write_text(certificates.pem(ca))
    (tmp_path / "own.pem").write_text(certificates.pem(own) + certificates.key_pem(server_key))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "own.pem")
    store = pkcs12.serialize_key_and_certificates(
        b"rule", client_key, client, [ca], BestAvailableEncryption(b"secret")
    )
    secrets = aws("secretsmanager", moto)
    secrets.create_secret(Name="keystore", SecretBinary=store)
    secrets.create_secret(Name="password", SecretString='{"store":"secret"}')
    server = own_server("--memory", AWS_ENDPOINT_URL_SECRETS_MANAGER=moto)
    with TlsDoor(cluster, context) as door:
        secured = {
            "bootstrap.servers": f"localhost:{door.port}",
            "security.protocol": "SSL",
            "ssl.truststore": b64encode((tmp_path / "ca.pem").read_bytes()).decode(),
            "ssl.keystore": f"${{get_secret('keystore', 'SecretBinary', '{ROLE}')}}",
            "ssl.keystore.password": f"${{get_secret('password', 'SecretString', 'store', '{ROLE}')}}",
        }
        action = kafka(server, cluster, "secured", secured)
        make_rule(server, "r", "SELECT * FROM 'in'", action)
        with plain_client(server, "device") as device:
            device.publish("in", b'{"over":"tls"}')
            record = server.action("r")
        assert record["outcome"] == "success", record
        assert "secret" not in json.dumps(record)
        [record] = cluster.records("secured", 1)
        assert record.value() == b'{"over":"tls"}'
        assert set(door.clients) == {"rule"}


def test_a_vpc_destination_needs_a_role_that_may_use_the_network(own_server):
    server = own_server("--memory", "--iam", "strict")
    iot = server.client("iot")
    made = iot.create_topic_rule_destination(destinationConfiguration=VPC)["topicRuleDestination"]
    assert made["status"] == "IN_PROGRESS"
    failed = wait_for_status(iot, made["arn"], "ERROR")
    assert "does not exist" in failed["statusReason"]
    assert failed["vpcProperties"]["vpcId"] == "vpc-1"
    iam = server.client("iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    trust["Principal"] = {"Service": "iot.amazonaws.com"}
    document = {"Version": "2012-10-17", "Statement": [trust]}
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(document))
    allowed = {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}
    iam.put_role_policy(
        RoleName="r",
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allowed]}),
    )
    iot.update_topic_rule_destination(arn=made["arn"], status="IN_PROGRESS")
    wait_for_status(iot, made["arn"], "ENABLED")


class InfluxDoor:
    """The API of InfluxDB 2 and 3 before an InfluxDB 1: who comes without the token is sent away,
    and points go to the older one as they are, which reads the same line protocol."""

    def __init__(self, influx, token):
        self.token, self.paths, self.away = token, [], 0

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(handler):
                body = handler.rfile.read(int(handler.headers.get("content-length", 0)))
                self.paths.append(handler.path)
                status, said = self.answer(influx, handler, body)
                handler.send_response(status)
                handler.send_header("content-length", str(len(said)))
                handler.end_headers()
                handler.wfile.write(said)

            do_GET = do_POST = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def answer(self, influx, handler, body):
        url = urllib.parse.urlsplit(handler.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        version = 3 if url.path.startswith("/api/v3/") else 2
        scheme = {2: "Token", 3: "Bearer"}[version]
        if handler.headers.get("authorization") != f"{scheme} {self.token}":
            return 401, b'{"code":"unauthorized","message":"unauthorized access"}'
        if url.path in ("/api/v2/me", "/api/v3/configure/database"):
            return 200, b"{}"
        if self.away > 0:
            self.away -= 1
            return 503, b'{"code":"unavailable","message":"try later"}'
        assert handler.headers.get("content-type") == "text/plain; charset=utf-8"
        if version == 2:
            assert (url.path, query.pop("org")) == ("/api/v2/write", "org")
            database = query["bucket"]
        else:
            assert (url.path, query["accept_partial"]) == ("/api/v3/write_lp", "false")
            database = query["db"]
        # The older API has one letter for each unit.
        unit = {"us": "u", "ns": "n", "millisecond": "ms", "second": "s"}
        unit = unit.get(query["precision"], query["precision"])
        return influx.post(f"/write?db={database}&precision={unit}", body)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Influx:
    """An influxd with a folder of its own."""

    def __init__(self, url):
        self.url = url

    def post(self, path, body=b""):
        request = urllib.request.Request(self.url + path, data=body, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as failed:
            return failed.code, failed.read()

    def query(self, database, query):
        """Rows as objects, with times in milliseconds."""
        fields = {"db": database, "q": query, "epoch": "ms"}
        status, body = self.post(f"/query?{urllib.parse.urlencode(fields)}")
        assert status == 200, body
        series = json.loads(body)["results"][0].get("series", [])
        rows = [(one["columns"], row) for one in series for row in one["values"]]
        return [dict(zip(columns, row, strict=True)) for columns, row in rows]


@pytest.fixture(scope="module")
def influx(tmp_path_factory):
    folder = tmp_path_factory.mktemp("influx")
    binary = shutil.which("influxd")
    assert binary, "influxd is missing: test.sh installs it"
    # It cannot tell which port it chose, so one is chosen for it.
    with (
        socket.create_server(("127.0.0.1", 0)) as free,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        port, rpc = free.getsockname()[1], two.getsockname()[1]
    (folder / "influxd.conf").write_text(f"""
        reporting-disabled = true
        bind-address = "127.0.0.1:{rpc}"
        [meta]
        dir = "{folder}/meta"
        [data]
        dir = "{folder}/data"
        wal-dir = "{folder}/wal"
        query-log-enabled = false
        [monitor]
        store-enabled = false
        [http]
        bind-address = "127.0.0.1:{port}"
        log-enabled = false
    """)
    with Process(binary, "-config", folder / "influxd.conf") as process:
        process.line("Listening on HTTP")
        server = Influx(f"http://127.0.0.1:{port}")
        assert server.post("/query?q=CREATE+DATABASE+db")[0] == 200
        yield server


def influx_rule(own_server, moto, door, version, sql="SELECT * FROM 'in/+'", **more):
    """A server with a rule that writes through a door."""
    secrets = aws("secretsmanager", moto)
    secret = secrets.create_secret(
        Name=f"influx-{door.url.rsplit(':')[-1]}", SecretString=json.dumps({"token": door.token})
    )
    server = own_server("--memory", AWS_ENDPOINT_URL_SECRETS_MANAGER=moto)
    instance = {"endpoint": door.url, "influxDBVersion": version, "secretId": secret["ARN"]}
    arn = enabled(server, {"influxDBConfiguration": instance | {"secretKey": "token"}})
    action = {"destinationArn": arn, "roleArn": ROLE, "databaseName": "db", "organization": "org"}
    make_rule(server, "r", sql, {"influxDB": action | more}, errorAction=ERRORS)
    return server, secret["ARN"]


@pytest.mark.parametrize("version", ["V2", "V3"])
def test_points_are_in_influxdb(own_server, moto, influx, version):
    table = f"points {version}"
    payload = {
        "timestamp": 1700000000123,
        "celsius": 23.5,
        "count": 87,
        "on": True,
        "note": 'a "quoted", \\ text=1',
        "gone": None,
        "deep": {"a": [1, 2]},
        "large": 9223372036854775807,
    }
    with InfluxDoor(influx, "secret token") as door:
        tags = {"device": "${clientid()}", "place": "${topic(2)}, hall=1"}
        server, _ = influx_rule(own_server, moto, door, version, tableName=table, tags=tags)
        with plain_client(server, "device") as device:
            device.publish("in/h 1", json.dumps(payload))
            assert server.action("r")["outcome"] == "success"
    expected = {
        "time": 1700000000123,
        "celsius": 23.5,
        "count": 87,
        "on": True,
        "note": payload["note"],
        "deep": '{"a":[1,2]}',
        "large": 9223372036854775807,
        "device": "device",
        "place": "h 1, hall=1",
    }
    assert influx.query("db", f'SELECT * FROM "{table}"') == [expected]
    types = influx.query("db", f'SHOW FIELD KEYS FROM "{table}"')
    assert {row["fieldKey"]: row["fieldType"] for row in types} == {
        "celsius": "float",
        "count": "integer",
        "on": "boolean",
        "note": "string",
        "deep": "string",
        "large": "integer",
    }


def test_elements_and_batches_become_points(own_server, moto, influx):
    points = [{"kind": f"k{n % 2}", "room": str(n), "timestamp": n, "v": n} for n in range(6)]
    with InfluxDoor(influx, "token") as door:
        server, _ = influx_rule(
            own_server,
            moto,
            door,
            "V2",
            tableName="@{kind}",
            tags={"room": "@{room}"},
            batchConfig={"maxBatchSize": 6, "maxBatchOpenMs": 1000},
        )
        with plain_client(server, "device") as device:
            device.publish("in/a", json.dumps(points[:4]))
            device.publish("in/a", json.dumps(points[4:]))
            for _ in range(2):
                assert server.action("r")["outcome"] == "success"
        # One request for both messages.
        assert sum(path.startswith("/api/v2/write") for path in door.paths) == 1
    got = influx.query("db", "SELECT v, room FROM k0, k1")
    assert sorted((row["time"], row["v"], row["room"]) for row in got) == [
        (n, n, str(n)) for n in range(6)
    ]


def test_what_influxdb_refuses_runs_the_error_action(own_server, moto, influx):
    with InfluxDoor(influx, "old") as door:
        server, secret = influx_rule(own_server, moto, door, "V2", tableName="refused")
        last = 0

        def outcome(payload):
            nonlocal last
            device.publish("in/a", json.dumps(payload))
            record = server.action("r", after=last, action="influxDB")
            last = record["seq"]
            return record["outcome"], record["attempts"]

        with plain_client(server, "device") as device:
            device.subscribe("errors")
            assert outcome({"timestamp": 1, "v": 1.5}) == ("success", 1)
            # Another type than the field has: refused whole, and not tried again.
            assert outcome({"timestamp": 2, "v": "text"}) == ("failed", 1)
            failure = json.loads(device.payload())["failures"][0]
            assert (failure["failedAction"], failure["failedResource"]) == ("InfluxDBAction", "db")
            assert "field type conflict" in failure["errorMessage"]
            # Away for a while.
            door.away = 2
            assert outcome({"timestamp": 3, "v": 2.5}) == ("success", 3)
            # A new token is read when the old one is refused.
            door.token = "new"
            aws("secretsmanager", moto).put_secret_value(
                SecretId=secret, SecretString='{"token":"new"}'
            )
            assert outcome({"timestamp": 4, "v": 3.5}) == ("success", 2)
            door.token = "another"
            assert outcome({"timestamp": 5, "v": 4.5}) == ("failed", 2)
            assert (
                "unauthorized access" in json.loads(device.payload())["failures"][0]["errorMessage"]
            )
    assert [row["v"] for row in influx.query("db", "SELECT v FROM refused")] == [1.5, 2.5, 3.5]


def test_an_instance_that_does_not_know_the_token_is_not_enabled(own_server, moto, influx):
    aws("secretsmanager", moto).create_secret(Name="wrong", SecretString="wrong")
    server = own_server("--memory", AWS_ENDPOINT_URL_SECRETS_MANAGER=moto)
    iot = server.client("iot")
    with InfluxDoor(influx, "right") as door:
        instance = {"endpoint": door.url, "influxDBVersion": "V3", "secretId": "wrong"}
        made = iot.create_topic_rule_destination(
            destinationConfiguration={"influxDBConfiguration": instance}
        )["topicRuleDestination"]
        failed = wait_for_status(iot, made["arn"], "ERROR")
        assert "unauthorized access" in failed["statusReason"]
        assert door.paths == ["/api/v3/configure/database?format=json"]
        # The owner mends it.
        door.token = "wrong"
        iot.update_topic_rule_destination(arn=made["arn"], status="IN_PROGRESS")
        wait_for_status(iot, made["arn"], "ENABLED")


PROTO = """
syntax = "proto3";
package sensors;
message Reading {
  string device = 1;
  double celsius = 2;
  repeated int32 counts = 3;
  Kind kind = 4;
  map<string, Place> places = 5;
  bytes raw = 6;
  int64 large = 7;
}
message Place { string room = 1; optional uint32 floor = 2; }
enum Kind { UNKNOWN = 0; INDOOR = 1; }
"""
READING = """
device: "lamp" celsius: 21.5 counts: [1, -2, 3] kind: INDOOR
places { key: "a" value { room: "hall" floor: 0 } } raw: "\\377\\000" large: 9007199254740993
"""


def test_protobuf_is_decoded_by_a_schema_that_protoc_made(server, tmp_path):
    (tmp_path / "reading.proto").write_text(PROTO)

    def protoc(*arguments, **options):
        from protoc import PROTOC_EXE

        command = [PROTOC_EXE, "-I", str(tmp_path), *arguments, "reading.proto"]
        return subprocess.run(command, check=True, capture_output=True, **options).stdout

    protoc(f"--descriptor_set_out={tmp_path / 'schema.desc'}", "--include_imports")
    message = protoc("--encode=sensors.Reading", input=READING.encode())
    s3 = server.client("s3")
    s3.create_bucket(Bucket="schemas")
    s3.upload_file(str(tmp_path / "schema.desc"), "schemas", "sensors/schema.desc")
    schema = "'proto', 'schemas', 'sensors/schema.desc', 'reading.proto', 'Reading'"
    raw = {"republish": {"roleArn": ROLE, "topic": "raw"}}
    text = {"republish": {"roleArn": ROLE, "topic": "text"}}
    make_rule(server, "raw", f"SELECT VALUE decode(*, {schema}) FROM 'raw/in'", raw)
    make_rule(server, "text", f"SELECT decode(m, {schema}).places.a.room AS r FROM 'text/in'", text)
    with plain_client(server, "device") as device:
        device.subscribe("raw", "text")
        device.publish("raw/in", message)
        decoded = json.loads(device.payload())
        device.publish("text/in", json.dumps({"m": b64encode(message).decode()}))
        assert json.loads(device.payload()) == {"r": "hall"}
        # What is no such message fails the rule: nothing comes.
        device.publish("raw/in", b"\xff\xff")
        device.publish("text/in", json.dumps({"m": b64encode(message).decode()}))
        assert json.loads(device.payload()) == {"r": "hall"}
    assert decoded == {
        "device": "lamp",
        "celsius": 21.5,
        "counts": [1, -2, 3],
        "kind": "INDOOR",
        "places": {"a": {"room": "hall", "floor": 0}},
        "raw": "/wA=",
        "large": "9007199254740993",
    }
    assert json.loads(server.admin("rules/raw"))["failed"] == 1
