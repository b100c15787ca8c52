"""Provisioning: templates, devices with a claim, hooks, and certificates of one's own CA."""

import json
import queue
import subprocess

import pytest
from awscrt import mqtt as crt
from awsiot import V2ServiceException, iotidentity
from botocore import xform_name
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from certificates import key_pem
from device_sdk import OPTIONS, sdk, sdk5
from harness import ACCOUNT, DEADLINE_S, REGION, ROOT, Device, arn, policy, thingcore
from mqtt_client import V5, Client, plain_client, tls_client

VECTORS = json.loads((ROOT / "broker" / "tests" / "data" / "provisioning.json").read_text())
ROLE = f"arn:aws:iam::{ACCOUNT}:role/provision"
CERTIFICATE = {
    "Type": "AWS::IoT::Certificate",
    "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}, "Status": "Active"},
}
DEVICE_POLICY = policy(
    ("iot:Connect", arn("client", "${iot:Connection.Thing.ThingName}")),
    ("iot:Publish", arn("topic", "devices/${iot:Connection.Thing.ThingName}")),
)


def body(name=None, **sections):
    """A template of a thing whose name is a parameter, its certificate and its policy."""
    name = name or {"Fn::Join": ["", ["lamp-", {"Ref": "SerialNumber"}]]}
    return json.dumps(
        {
            "Parameters": {"SerialNumber": {"Type": "String"}},
            "Resources": {
                "certificate": CERTIFICATE,
                "thing": {
                    "Type": "AWS::IoT::Thing",
                    "Properties": {
                        "ThingName": name,
                        "AttributePayload": {"serial": {"Ref": "SerialNumber"}},
                    },
                },
                "policy": {
                    "Type": "AWS::IoT::Policy",
                    "Properties": {"PolicyDocument": DEVICE_POLICY},
                },
            },
        }
        | sections
    )


@pytest.fixture
def template(server):
    """A template for lamps; its name."""
    server.client("iot").create_provisioning_template(
        templateName="lamps", templateBody=body(), provisioningRoleArn=ROLE, enabled=True
    )
    return "lamps"


def written(folder, certificate_pem, key, server, id=""):
    """A device with these credentials in files."""
    folder.mkdir(exist_ok=True)
    (folder / "crt").write_text(certificate_pem)
    (folder / "key").write_text(key)
    return Device(id, arn("cert", id), folder / "crt", folder / "key", server.ca_file)


@pytest.fixture
def claim(server, template, tmp_path):
    """A device with a claim for the template."""
    made = server.client("iot").create_provisioning_claim(templateName=template)
    pem, key = made["certificatePem"], made["keyPair"]["PrivateKey"]
    return written(tmp_path / "claim", pem, key, server, made["certificateId"])


def signing_request():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "device")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    return key, request.public_bytes(serialization.Encoding.PEM).decode()


# The vectors, with boto3 and paho.


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["id"])
def test_the_vectors(server, vector):
    _, csr = signing_request()
    names = {"<tpl>": "tpl", "<thing>": "thing-1", '"<csr>"': json.dumps(csr)}
    saved = {}
    with plain_client(server, "device", version=V5) as client:
        for step in vector["steps"]:
            step = filled(step, names, saved)
            if step["op"] == "api":
                answer = call(server, step)
            else:
                answer = ask(client, step)
            for name, path in step.get("save", {}).items():
                saved[f"${name}"] = member(answer, path)


def filled(step, names, saved):
    text = json.dumps(step)
    for name, value in names.items():
        text = text.replace(name, value)
    for name, value in saved.items():
        text = text.replace(json.dumps(name), json.dumps(value))
    return json.loads(text)


def member(value, path):
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def call(server, step):
    answer = getattr(server.client("iot"), xform_name(step["call"]))(**step["params"])
    for path, wanted in step["expect"].get("contains_path", {}).items():
        assert member(answer, path) == wanted, (path, answer)
    return answer


def ask(client, step):
    payload = step.get("payload_raw") or json.dumps(step["payload"])
    assert client.publish(f"$aws/{step['publish_suffix']}", payload) == 0
    (wanted,) = step["expect_messages"]
    message = client.message()
    found = json.loads(message.payload)
    assert message.topic == f"$aws/{wanted['topic_suffix']}", found
    for name, value in wanted["payload_subset"].items():
        assert fits(value, found.get(name)), (name, found)
    for pointer in wanted.get("payload_absent", []):
        assert pointer.strip("/") not in found
    return found


def fits(wanted, found):
    kinds = {
        "<any>": lambda: found is not None,
        "<hex64>": lambda: len(bytes.fromhex(found)) == 32,
        "<pem>": lambda: x509.load_pem_x509_certificate(found.encode()),
        "<key>": lambda: serialization.load_pem_private_key(found.encode(), None),
    }
    return kinds[wanted]() if str(wanted) in kinds else wanted == found


# AWS's device SDK, with a claim over mutual TLS.


def test_the_identity_client_of_the_device_sdk(server, template, claim, tmp_path):
    """The sequence of its fleet provisioning sample: keys, thing, and a new connection."""
    qos, heard = crt.QoS.AT_LEAST_ONCE, queue.Queue()
    hear = heard.put

    def subscribe(method, request):
        subscribed, _ = method(request=request, qos=qos, callback=hear)
        subscribed.result(DEADLINE_S)

    def next_of(kind):
        answer = heard.get(timeout=DEADLINE_S)
        assert isinstance(answer, kind), answer
        return answer

    with sdk(server, claim, "factory") as connection:
        identity = iotidentity.IotIdentityClient(connection)
        keys = iotidentity.CreateKeysAndCertificateSubscriptionRequest()
        subscribe(identity.subscribe_to_create_keys_and_certificate_accepted, keys)
        subscribe(identity.subscribe_to_create_keys_and_certificate_rejected, keys)
        register = iotidentity.RegisterThingSubscriptionRequest(template_name=template)
        subscribe(identity.subscribe_to_register_thing_accepted, register)
        subscribe(identity.subscribe_to_register_thing_rejected, register)

        request = iotidentity.CreateKeysAndCertificateRequest()
        identity.publish_create_keys_and_certificate(request, qos).result(DEADLINE_S)
        made = next_of(iotidentity.CreateKeysAndCertificateResponse)

        request = iotidentity.RegisterThingRequest(template_name=template)
        identity.publish_register_thing(request, qos).result(DEADLINE_S)
        rejected = next_of(iotidentity.ErrorResponse)
        assert (rejected.status_code, rejected.error_code, rejected.error_message) == (
            400,
            "InvalidCertificateOwnershipToken",
            "Certificate ownership token cannot be empty.",
        )

        request = iotidentity.RegisterThingRequest(
            template_name=template,
            certificate_ownership_token=made.certificate_ownership_token,
            parameters={"SerialNumber": "7"},
        )
        identity.publish_register_thing(request, qos).result(DEADLINE_S)
        done = next_of(iotidentity.RegisterThingResponse)
        assert (done.thing_name, done.device_configuration) == ("lamp-7", {})

        # A token is good once.
        identity.publish_register_thing(request, qos).result(DEADLINE_S)
        assert next_of(iotidentity.ErrorResponse).error_code == "InvalidCertificateOwnershipToken"

    found = server.client("iot").describe_thing(thingName="lamp-7")
    assert found["attributes"] == {"serial": "7"}
    device = written(tmp_path / "device", made.certificate_pem, made.private_key, server)
    with tls_client(server, device, "lamp-7", version=V5) as client:
        assert client.publish("devices/lamp-7", "on") in (0, 0x10)
        assert client.publish("devices/lamp-8", "on") == 0x87
    assert heard.empty()


def test_the_second_identity_client_of_the_device_sdk(server, template, claim, tmp_path):
    """It subscribes by itself; the key never leaves the device."""
    with sdk5(server, claim, "factory") as connection:
        identity = iotidentity.IotIdentityClientV2(connection, OPTIONS)
        key, csr = signing_request()

        request = iotidentity.CreateCertificateFromCsrRequest(
            certificate_signing_request="nonsense"
        )
        with pytest.raises(V2ServiceException) as refused:
            identity.create_certificate_from_csr(request).result(DEADLINE_S)
        error = refused.value.modeled_error
        assert (error.status_code, error.error_message) == (400, "CSR violates constraints")

        request = iotidentity.CreateCertificateFromCsrRequest(certificate_signing_request=csr)
        made = identity.create_certificate_from_csr(request).result(DEADLINE_S)

        register = {
            "template_name": template,
            "certificate_ownership_token": made.certificate_ownership_token,
        }
        with pytest.raises(V2ServiceException) as refused:
            request = iotidentity.RegisterThingRequest(**register)
            identity.register_thing(request).result(DEADLINE_S)
        assert refused.value.modeled_error.error_code == "InvalidParameters"
        request = iotidentity.RegisterThingRequest(**register, parameters={"SerialNumber": "8"})
        assert identity.register_thing(request).result(DEADLINE_S).thing_name == "lamp-8"

    device = written(tmp_path / "device", made.certificate_pem, key_pem(key), server)
    with tls_client(server, device, "lamp-8", version=V5) as client:
        assert client.publish("devices/lamp-8", "on") in (0, 0x10)


# What a claim may, and who hears the answers.


def test_a_claim_is_good_for_its_own_template_and_for_a_few_minutes(server, claim):
    with tls_client(server, claim, "any", version=V5) as client:
        assert client.publish("$aws/provisioning-templates/other/provision/json", "{}") == 0x87
        assert client.publish("a", "x") == 0x87
        assert client.subscribe("a") == [0x87]
        assert client.publish("$aws/certificates/create/json") == 0
        assert client.message().topic == "$aws/certificates/create/json/accepted"
    server.advance(301)
    try:
        Client("late").tls(claim).start(server.mqtts_port).closed()
    except OSError:
        pass
    iot = server.client("iot")
    assert iot.describe_certificate(certificateId=claim.id)
    assert claim.id not in str(iot.list_certificates())
    server.advance(300)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_certificate(certificateId=claim.id)


def test_answers_go_to_who_asked_and_to_nobody_else(server, template):
    with plain_client(server, "other") as other, plain_client(server, "device") as device:
        other.subscribe("$aws/certificates/create/json/accepted", "last")
        device.subscribe("$aws/certificates/create/json/accepted")
        device.publish("$aws/certificates/create/json")
        assert device.message().topic == "$aws/certificates/create/json/accepted"
        device.publish("last", "x")
        assert other.message().topic == "last"
        assert device.messages.empty()


def test_policies_decide_who_may_ask_and_who_may_hear(server, template, tmp_path):
    create = "$aws/certificates/create/json"
    may = policy(("iot:Connect", "*"), ("iot:Publish", arn("topic", create)))
    deaf = server.device(tmp_path, may)
    hears = server.device(tmp_path, may, policy(("iot:Receive", arn("topic", f"{create}/*"))))
    with tls_client(server, deaf, "deaf", version=V5) as client:
        assert client.publish(f"$aws/provisioning-templates/{template}/provision/json") == 0x87
        assert client.publish(create) == 0
    with tls_client(server, hears, "hears", version=V5) as client:
        assert client.publish(create) == 0
        assert client.message().topic == f"{create}/accepted"
    assert client.messages.empty()


def test_a_certificate_that_is_not_provisioned_within_an_hour_goes(server):
    iot = server.client("iot")
    with plain_client(server, "device") as client:
        client.publish("$aws/certificates/create/json")
        made = json.loads(client.payload())
    found = iot.describe_certificate(certificateId=made["certificateId"])
    assert found["certificateDescription"]["status"] == "PENDING_ACTIVATION"
    server.advance(3600)
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_certificate(certificateId=made["certificateId"])


# Hooks and roles.

HOOK = """
def handler(event, context):
    print(event)
    serial = event["parameters"]["SerialNumber"]
    if serial == "broken":
        raise ValueError(serial)
    assert event["claimCertificateId"] and event["clientId"] == "factory"
    assert event["certificatePem"].startswith("-----BEGIN CERTIFICATE")
    assert len(event["certificateId"]) == 64
    assert event["templateArn"].endswith(":provisioningtemplate/hooked")
    if serial == "odd":
        return ["odd"]
    return {"allowProvisioning": serial != "stolen", "parameterOverrides": {"SerialNumber": "x" + serial}}
"""


def test_a_hook_says_who_is_provisioned_and_as_what(server, tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    (code / "app.py").write_text(HOOK)
    options = ["--handler", "app.handler", "--runtime", "python3", "--url", server.api_url]
    assert thingcore("function", "add", "hook", "--code", code, *options).returncode == 0
    iot = server.client("iot")
    hook = {
        "payloadVersion": "2020-04-01",
        "targetArn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hook",
    }
    template = {"templateBody": body(), "provisioningRoleArn": ROLE, "enabled": True}
    iot.create_provisioning_template(templateName="hooked", **template, preProvisioningHook=hook)
    described = iot.describe_provisioning_template(templateName="hooked")
    assert described["preProvisioningHook"] == hook
    made = iot.create_provisioning_claim(templateName="hooked")
    pem, key = made["certificatePem"], made["keyPair"]["PrivateKey"]
    claim = written(tmp_path / "claim", pem, key, server)
    with tls_client(server, claim, "factory") as client:
        client.publish("$aws/certificates/create/json")
        token = json.loads(client.payload())["certificateOwnershipToken"]

        def register(serial):
            parameters = {"SerialNumber": serial}
            request = {"certificateOwnershipToken": token, "parameters": parameters}
            topic = "$aws/provisioning-templates/hooked/provision/json"
            client.publish(topic, json.dumps(request))
            return json.loads(client.payload())

        def refused(serial):
            answer = register(serial)
            return answer["statusCode"], answer["errorCode"]

        assert refused("stolen") == (403, "AccessDenied")
        assert refused("broken") == (400, "InvocationError")
        assert refused("odd") == (400, "InvalidResult")
        assert register("1")["thingName"] == "lamp-x1"


def test_the_provisioning_role_must_allow_it(server, template):
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "iot.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
    iam = server.client("iam")
    iam.create_role(RoleName="provision", AssumeRolePolicyDocument=json.dumps(trust))
    with plain_client(server, "device") as client:
        client.publish("$aws/certificates/create/json")
        token = json.loads(client.payload())["certificateOwnershipToken"]
        request = {"certificateOwnershipToken": token, "parameters": {"SerialNumber": "1"}}
        topic = f"$aws/provisioning-templates/{template}/provision/json"
        client.publish(topic, json.dumps(request))
        answer = json.loads(client.payload())
        assert (answer["statusCode"], answer["errorCode"]) == (403, "AccessDenied")
        assert "iot:CreateThing" in answer["errorMessage"]
        registration = "arn:aws:iam::aws:policy/service-role/AWSIoTThingsRegistration"
        iam.attach_role_policy(RoleName="provision", PolicyArn=registration)
        client.publish(topic, json.dumps(request))
        assert json.loads(client.payload())["thingName"] == "lamp-1"


# Certificates of one's own CA.


class OwnAuthority:
    """A CA made with openssl."""

    def __init__(self, folder):
        self.folder = folder
        self.run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "ca.key")
        ca = ["-new", "-x509", "-key", "ca.key", "-out", "ca.pem", "-days", "3650"]
        self.run("req", *ca, "-subj", "/O=Factory/CN=Factory CA")

    def run(self, *arguments):
        command = ["openssl", *arguments]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)

    def sign(self, name, subject):
        self.run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", f"{name}.key")
        self.run("req", "-new", "-key", f"{name}.key", "-out", f"{name}.csr", "-subj", subject)
        by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650"]
        self.run("x509", "-req", "-in", f"{name}.csr", *by, "-out", f"{name}.pem")

    def text(self, file):
        return (self.folder / file).read_text()

    def register(self, iot, **config):
        self.sign("proof", f"/CN={iot.get_registration_code()['registrationCode']}")
        return iot.register_ca_certificate(
            caCertificate=self.text("ca.pem"),
            verificationCertificate=self.text("proof.pem"),
            setAsActive=True,
            allowAutoRegistration=True,
            **config,
        )


@pytest.fixture
def authority(tmp_path):
    folder = tmp_path / "authority"
    folder.mkdir()
    return OwnAuthority(folder)


def mosquitto_pub(server, authority, name, *arguments):
    address = ["-h", "localhost", "-p", str(server.mqtts_port), "--cafile", str(server.ca_file)]
    files = [str(authority.folder / f"{name}.{kind}") for kind in ("pem", "key")]
    credentials = ["--cert", files[0], "--key", files[1]]
    command = ["mosquitto_pub", *address, *credentials, "-q", "1", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)


JITP_BODY = json.dumps(
    {
        "Parameters": {
            f"AWS::IoT::Certificate::{name}": {"Type": "String"}
            for name in ("CommonName", "SerialNumber", "Country", "Id")
        },
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {
                    "ThingName": {"Ref": "AWS::IoT::Certificate::CommonName"},
                    "AttributePayload": {
                        "serial": {"Ref": "AWS::IoT::Certificate::SerialNumber"},
                        "country": {"Ref": "AWS::IoT::Certificate::Country"},
                    },
                },
            },
            "certificate": CERTIFICATE | {"OverrideSettings": {"Status": "DO_NOTHING"}},
            "policy": {
                "Type": "AWS::IoT::Policy",
                "Properties": {"PolicyDocument": json.dumps(DEVICE_POLICY)},
            },
        },
    }
)


@pytest.mark.parametrize("by", ["body", "name"])
def test_a_device_of_one_s_own_authority_is_provisioned_by_connecting(server, authority, by):
    iot = server.client("iot")
    config = {"templateBody": JITP_BODY, "roleArn": ROLE}
    if by == "name":
        iot.create_provisioning_template(
            templateName="jitp",
            templateBody=JITP_BODY,
            provisioningRoleArn=ROLE,
            enabled=True,
            type="JITP",
        )
        config = {"templateName": "jitp"}
    ca = authority.register(iot, registrationConfig=config)
    described = iot.describe_ca_certificate(certificateId=ca["certificateId"])
    assert described["registrationConfig"] == config
    authority.sign("pump", "/C=NL/O=Factory/serialNumber=77/CN=pump-7")
    message = ["-i", "pump-7", "-t", "devices/pump-7", "-m", "hello"]
    with plain_client(server, "listener") as listener:
        listener.subscribe(
            "devices/#", f"$aws/events/certificates/registered/{ca['certificateId']}"
        )
        # The first connection registers and provisions, and ends.
        assert mosquitto_pub(server, authority, "pump", *message).returncode != 0
        event = json.loads(listener.payload())
        assert event["certificateStatus"] == "PENDING_ACTIVATION"
        # openssl makes certificates of X.509 version 1, whose keys both versions of TLS verify.
        for tls in ("tlsv1.2", "tlsv1.3"):
            done = mosquitto_pub(server, authority, "pump", "--tls-version", tls, *message)
            assert done.returncode == 0, done.stderr
            assert listener.payload() == "hello"
    thing = iot.describe_thing(thingName="pump-7")
    assert thing["attributes"] == {"serial": "77", "country": "NL"}
    (principal,) = iot.list_thing_principals(thingName="pump-7")["principals"]
    assert principal.endswith(event["certificateId"])
    found = iot.describe_certificate(certificateId=event["certificateId"])
    assert found["certificateDescription"]["status"] == "ACTIVE"
    # Another client than mosquitto's.
    folder = authority.folder
    device = Device("", principal, folder / "pump.pem", folder / "pump.key", server.ca_file)
    with tls_client(server, device, "pump-7", version=V5) as client:
        assert client.publish("devices/pump-8", "x") == 0x87


def test_a_subject_that_lacks_something_waits_for_somebody_else(server, authority):
    iot = server.client("iot")
    ca = authority.register(iot, registrationConfig={"templateBody": JITP_BODY, "roleArn": ROLE})
    authority.sign("pump", "/CN=pump-7")
    topic = f"$aws/events/certificates/registered/{ca['certificateId']}"
    with plain_client(server, "listener") as listener:
        listener.subscribe(topic)
        for _ in range(2):
            assert mosquitto_pub(server, authority, "pump", "-t", "a", "-m", "b").returncode != 0
            event = json.loads(listener.payload())
            assert event["certificateStatus"] == "PENDING_ACTIVATION"
    with pytest.raises(iot.exceptions.ResourceNotFoundException):
        iot.describe_thing(thingName="pump-7")
    iot.update_certificate(certificateId=event["certificateId"], newStatus="ACTIVE")
    server.allow(arn("cert", event["certificateId"]), policy(("iot:*", "*")))
    assert mosquitto_pub(server, authority, "pump", "-t", "a", "-m", "b").returncode == 0


def test_without_a_template_certificates_are_registered_and_wait(server, authority):
    iot = server.client("iot")
    ca = authority.register(iot)
    authority.sign("pump", "/CN=pump-7")
    with plain_client(server, "listener") as listener:
        listener.subscribe(f"$aws/events/certificates/registered/{ca['certificateId']}")
        assert mosquitto_pub(server, authority, "pump", "-t", "a", "-m", "b").returncode != 0
        event = json.loads(listener.payload())
    (found,) = iot.list_certificates_by_ca(caCertificateId=ca["certificateId"])["certificates"]
    assert (found["certificateId"], found["status"]) == (
        event["certificateId"],
        "PENDING_ACTIVATION",
    )


# The control plane.


def test_templates_come_in_pages_and_errors_in_their_classes(server):
    iot = server.client("iot")
    template = {"templateBody": body(), "provisioningRoleArn": ROLE}
    for name in "dbcae":
        iot.create_provisioning_template(templateName=name, **template, tags=[{"Key": "k"}])
    pages = iot.get_paginator("list_provisioning_templates").paginate(
        PaginationConfig={"PageSize": 2}
    )
    listed = [row["templateName"] for page in pages for row in page["templates"]]
    assert listed == list("abcde")
    assert iot.list_tags_for_resource(resourceArn=arn("provisioningtemplate", "a"))["tags"]
    with pytest.raises(iot.exceptions.ResourceAlreadyExistsException) as there:
        iot.create_provisioning_template(templateName="a", **template)
    assert there.value.response["message"] == "Template with name a already exists"
    for _ in range(4):
        iot.create_provisioning_template_version(templateName="a", templateBody=body())
    with pytest.raises(iot.exceptions.VersionsLimitExceededException):
        iot.create_provisioning_template_version(templateName="a", templateBody=body())
    pages = iot.get_paginator("list_provisioning_template_versions").paginate(
        templateName="a", PaginationConfig={"PageSize": 2}
    )
    versions = [row for page in pages for row in page["versions"]]
    assert [row["versionId"] for row in versions] == [1, 2, 3, 4, 5]
    assert [row["isDefaultVersion"] for row in versions] == [True, False, False, False, False]
    iot.update_provisioning_template(templateName="a", defaultVersionId=5, description="five")
    found = iot.describe_provisioning_template(templateName="a")
    assert (found["defaultVersionId"], found["description"], found["enabled"]) == (5, "five", False)
    version = iot.describe_provisioning_template_version(templateName="a", versionId=5)
    assert (version["isDefaultVersion"], version["templateBody"]) == (True, body())
    iot.delete_provisioning_template_version(templateName="a", versionId=1)
    for name in (iot.describe_provisioning_template, iot.delete_provisioning_template):
        with pytest.raises(iot.exceptions.ResourceNotFoundException):
            name(templateName="none")
    with pytest.raises(iot.exceptions.InvalidRequestException) as invalid:
        iot.create_provisioning_template(
            templateName="f", templateBody="{}", provisioningRoleArn=ROLE
        )
    assert invalid.value.response["message"] == (
        "The template body is invalid: Template must have certificate resource."
    )


def test_a_caller_registers_a_thing_with_a_signing_request(server, tmp_path):
    iot = server.client("iot")
    key, csr = signing_request()
    request = {"Type": "String"}
    certificate = {
        "Type": "AWS::IoT::Certificate",
        "Properties": {"CertificateSigningRequest": {"Ref": "CSR"}},
    }
    document = json.loads(body())
    document["Parameters"]["CSR"] = request
    document["Resources"]["certificate"] = certificate
    parameters = {"SerialNumber": "1", "CSR": csr}
    done = iot.register_thing(templateBody=json.dumps(document), parameters=parameters)
    assert sorted(done["resourceArns"]) == ["certificate", "policy", "thing"]
    assert done["resourceArns"]["thing"] == arn("thing", "lamp-1")
    device = written(tmp_path / "device", done["certificatePem"], key_pem(key), server)
    with tls_client(server, device, "lamp-1", version=V5) as client:
        assert client.publish("devices/lamp-1", "on") in (0, 0x10)
    with pytest.raises(ClientError) as refused:
        iot.register_thing(templateBody=json.dumps(document), parameters={})
    assert refused.value.response["Error"]["Code"] == "InvalidRequestException"
