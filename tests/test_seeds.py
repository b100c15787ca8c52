"""Seeds: a file at the start, the admin path, and back again."""

import json

import pytest
import requests

from harness import ALLOW_ALL, DEADLINE_S, Device, thingcore
from mqtt_client import Client

SEED = """
policies:
  - policyName: device
    policyDocument: {Version: 2012-10-17, Statement: {Effect: Allow, Action: "iot:*", Resource: "*"}}
things:
  - {thingName: lamp, attributes: {room: kitchen}, shadow: {desired: {on: true}}}
certificates:
  - {certs: devices/lamp, policies: device, things: lamp}
"""


def device_in(folder, server):
    files = [folder / name for name in ("device.pem.crt", "private.pem.key")]
    return Device("", "", *files, server.ca_file)


def test_a_server_begins_with_its_seed_and_begins_again_with_it(own_server, tmp_path):
    seed = tmp_path / "seed.yaml"
    seed.write_text(SEED)
    server = own_server("--data-dir", tmp_path / "data", "--seed", seed)
    device = device_in(tmp_path / "devices" / "lamp", server)
    for _ in range(2):
        with Client("lamp").tls(device).connect(server.mqtts_port) as client:
            client.subscribe("$aws/things/lamp/shadow/get/accepted")
            client.publish("$aws/things/lamp/shadow/get")
            assert json.loads(client.payload())["state"]["delta"] == {"on": True}
        assert len(server.client("iot").list_certificates()["certificates"]) == 1
        server.stop()
        server.start()


def test_a_wrong_seed_is_refused_with_its_place(tmp_path):
    seed = tmp_path / "seed.yaml"
    seed.write_text("things: [{thingName: lamp, thingTypeName: none}]")
    done = thingcore(
        "serve",
        "--memory",
        "--api-port=0",
        "--https-port=0",
        "--mqtts-port=0",
        "--seed",
        seed,
        cwd=tmp_path,
    )
    assert done.returncode == 64
    assert "`things` entry 1: ResourceNotFoundException: Thing Type" in done.stderr


def test_a_seed_by_http_and_its_export(server):
    def post(body):
        url = f"{server.api_url}/_thingcore/seed"
        return requests.post(url, data=body, timeout=DEADLINE_S)

    seed = {
        "policies": [{"policyName": "device", "policyDocument": ALLOW_ALL}],
        "things": {"lamp": {"attributes": {"room": "kitchen"}}},
        "certificates": [{"name": "lamp", "policies": ["device"], "things": ["lamp"]}],
    }
    answer = post(json.dumps(seed)).json()
    (made,) = answer["certificates"]
    assert made["keyPair"]["PrivateKey"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    exported = json.loads(server.admin("export"))
    server.reset()
    assert json.loads(server.admin("export")) == {}
    assert post(json.dumps(exported)).status_code == 200
    assert json.loads(server.admin("export")) == exported
    (kept,) = server.client("iot").list_thing_principals(thingName="lamp")["principals"]
    assert kept == made["certificateArn"]
    refused = post("things: 5")
    assert refused.status_code == 400
    assert refused.json()["message"].startswith("`things`: a section must be")


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_cloudformation_template_is_a_seed(own_server, tmp_path, form):
    template = {
        "Resources": {
            "Thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "lamp"}},
            "Group": {"Type": "AWS::IoT::ThingGroup", "DependsOn": "Thing"},
        }
    }
    seed = tmp_path / "seed"
    if form == "json":
        seed.write_text(json.dumps(template))
    else:
        seed.write_text(
            "Resources:\n  Thing:\n    Type: AWS::IoT::Thing\n    Properties:\n"
            "      ThingName: lamp\n  Group: {Type: AWS::IoT::ThingGroup, DependsOn: Thing}\n"
        )
    iot = own_server("--memory", "--seed", seed).client("iot")
    assert iot.describe_thing(thingName="lamp")["thingName"] == "lamp"
    assert iot.describe_thing_group(thingGroupName="Group")["thingGroupName"] == "Group"
