"""`--auth verify`: commands sign with the credentials file, and a device's credentials are held to
their role at the services inside."""

import json

import boto3
import botocore.exceptions
import pytest
import requests

from harness import DEADLINE_S, REGION, arn, policy, thingcore
from test_http import Alpn

KEYS = (
    "[other]\naws_access_key_id = other\naws_secret_access_key = secret\n"
    "[default]\naws_access_key_id = test\naws_secret_access_key = test\n"
)
PORTS = ("--mqtts-port=0", "--https-port=0", "--api-port=0")


@pytest.fixture
def keys(tmp_path):
    """A credentials file; boto3 and the CLI sign with its profile `default` here."""
    path = tmp_path / "keys"
    path.write_text(KEYS)
    return path


@pytest.fixture
def verifying(own_server, keys):
    return own_server("--memory", "--auth", "verify", "--credentials", keys)


def test_thing_create_signs_with_the_credentials_file(verifying, keys, tmp_path):
    def create(name, file):
        where = ("--certs", tmp_path / name, "--url", verifying.api_url)
        return thingcore("thing", "create", name, *where, "--credentials", file)

    unknown = tmp_path / "unknown"
    unknown.write_text(KEYS.replace("= test", "= unknown"))
    refused = create("a", unknown)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "UnrecognizedClientException" in refused.stderr
    made = create("b", keys)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "b" / "private.pem.key").exists()
    things = verifying.client("iot").list_things()["things"]
    assert [thing["thingName"] for thing in things] == ["b"]


def test_a_credentials_file_without_keys_is_wrong_usage(tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    for file in (empty, tmp_path / "missing"):
        certs = tmp_path / "certs"
        done = thingcore("thing", "create", "a", "--certs", certs, "--credentials", file)
        assert done.returncode == 64
        assert len(done.stderr.splitlines()) == 1 and str(file) in done.stderr


def test_quickstart_signs_with_the_credentials_file(keys, tmp_path):
    verify = ("--auth", "verify", "--credentials", keys)
    done = thingcore("quickstart", *PORTS, *verify, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "10 messages" in done.stdout


def device_credentials(server, folder, document):
    """What the credentials endpoint gives a device for a role with this policy."""
    iot, iam = server.client("iot"), server.client("iam")
    trust = policy()
    trust["Statement"] = {
        "Effect": "Allow",
        "Principal": {"Service": "credentials.iot.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    role = iam.create_role(RoleName="camera", AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName="camera", PolicyName="may", PolicyDocument=json.dumps(document))
    iot.create_role_alias(roleAlias="camera", roleArn=role["Role"]["Arn"])
    may = policy(("iot:AssumeRoleWithCertificate", arn("rolealias", "camera")))
    device = server.device(folder, may)
    with requests.Session() as session:
        session.mount("https://", Alpn(device))
        url = f"https://localhost:{server.https_port}/role-aliases/camera/credentials"
        return session.get(url, verify=str(device.ca), timeout=DEADLINE_S).json()["credentials"]


def client(server, service, given):
    return boto3.client(
        service,
        endpoint_url=server.api_url,
        region_name=REGION,
        aws_access_key_id=given["accessKeyId"],
        aws_secret_access_key=given["secretAccessKey"],
        aws_session_token=given["sessionToken"],
    )


MAY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:GetObject"],
            "Resource": "arn:aws:s3:::films/camera/*",
        },
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::films",
            "Condition": {"StringLike": {"s3:prefix": "camera/*"}},
        },
        {
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": "arn:aws:lambda:us-east-1:000000000000:function:mine",
        },
    ],
}

S3_CALLS = [
    ("put_object", {"Key": "camera/1", "Body": b"x"}, None),
    ("get_object", {"Key": "camera/1"}, None),
    ("head_object", {"Key": "camera/1"}, None),
    ("copy_object", {"Key": "camera/2", "CopySource": "films/camera/1"}, None),
    ("list_objects_v2", {"Prefix": "camera/"}, None),
    ("list_objects_v2", {"Prefix": "other/"}, "s3:ListBucket"),
    ("list_objects_v2", {}, "s3:ListBucket"),
    ("put_object", {"Key": "other/1", "Body": b"x"}, "s3:PutObject"),
    ("copy_object", {"Key": "camera/2", "CopySource": "films/other/1"}, "s3:GetObject"),
    ("get_object", {"Key": "other/<1>"}, "s3:GetObject"),
    ("delete_object", {"Key": "camera/1"}, "s3:DeleteObject"),
    ("delete_objects", {"Delete": {"Objects": [{"Key": "camera/1"}]}}, "s3:DeleteObject"),
    ("create_multipart_upload", {"Key": "other/2"}, "s3:PutObject"),
    ("create_bucket", {}, "s3:CreateBucket"),
    ("delete_bucket", {}, "s3:DeleteBucket"),
]


@pytest.mark.parametrize("flags", [[], ["verify"]], ids=["accept", "verify"])
def test_credentials_of_a_device_are_held_to_their_role(own_server, keys, tmp_path, flags):
    verify = ["--auth", "verify", "--credentials", keys] if flags else []
    server = own_server("--memory", *verify)
    server.client("s3").create_bucket(Bucket="films")
    given = device_credentials(server, tmp_path, MAY)
    s3, functions = client(server, "s3", given), client(server, "lambda", given)
    for operation, params, denied in S3_CALLS:
        where = (operation, params)
        try:
            getattr(s3, operation)(Bucket="films", **params)
        except botocore.exceptions.ClientError as error:
            told = error.response["Error"]
            assert denied and told["Code"] == "AccessDenied", (where, told)
            assert f"is not authorized to perform: {denied} on resource: " in told["Message"]
        else:
            assert denied is None, where
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="mine")
    for call in (lambda: functions.invoke(FunctionName="other"), functions.list_functions):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == "AccessDeniedException"
    # The account's own keys may do everything.
    server.client("s3").delete_object(Bucket="films", Key="camera/1")
