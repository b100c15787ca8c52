"""The tutorial's set-up, by the AWS CLI."""

import hashlib
import json
import ssl

from harness import EXAMPLES, arn

POLICY = f"file://{EXAMPLES}/tutorial/policy.json"


def test_thing_certificate_and_policy_are_made_and_joined(server, tmp_path):
    thing = server.aws("iot", "create-thing", "--thing-name", "MyThing")
    assert thing["thingName"] == "MyThing"
    assert thing["thingArn"] == arn("thing", "MyThing")

    cert, public, private = (tmp_path / name for name in ("crt", "public", "private"))
    made = server.aws(
        *("iot", "create-keys-and-certificate", "--set-as-active"),
        *("--certificate-pem-outfile", cert),
        *("--public-key-outfile", public),
        *("--private-key-outfile", private),
    )
    der = ssl.PEM_cert_to_DER_cert(cert.read_text())
    assert made["certificateId"] == hashlib.sha256(der).hexdigest()
    assert made["certificateArn"] == arn("cert", made["certificateId"])
    assert private.read_text().startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert public.read_text().startswith("-----BEGIN PUBLIC KEY-----")

    name = ("--policy-name", "MyPolicy")
    policy = server.aws("iot", "create-policy", *name, "--policy-document", POLICY)
    assert policy["policyVersionId"] == "1"
    assert policy["policyArn"] == arn("policy", "MyPolicy")

    server.aws("iot", "attach-policy", *name, "--target", made["certificateArn"])
    principal = ("--principal", made["certificateArn"])
    server.aws("iot", "attach-thing-principal", "--thing-name", "MyThing", *principal)

    attached = server.aws("iot", "list-attached-policies", "--target", made["certificateArn"])
    assert [policy["policyName"] for policy in attached["policies"]] == ["MyPolicy"]
    principals = server.aws("iot", "list-thing-principals", "--thing-name", "MyThing")
    assert principals["principals"] == [made["certificateArn"]]


def test_the_endpoint_is_a_host_name_that_the_certificate_has(server):
    answer = server.aws("iot", "describe-endpoint", "--endpoint-type", "iot:Data-ATS")
    assert answer == {"endpointAddress": "localhost"}


def test_the_caller_is_told_who_he_is(server):
    assert server.aws("sts", "get-caller-identity")["Account"] == "000000000000"


def test_errors_are_shown_as_those_of_aws(server):
    done = server.aws_process("iot", "describe-thing", "--thing-name", "nobody")
    assert done.returncode == 255
    assert "(ResourceNotFoundException) when calling the DescribeThing operation" in done.stderr

    server.aws("iot", "create-policy", "--policy-name", "P", "--policy-document", POLICY)
    done = server.aws_process(
        "iot", "create-policy", "--policy-name", "P", "--policy-document", POLICY
    )
    assert "(ResourceAlreadyExistsException)" in done.stderr


def test_policies_have_versions(server):
    iot = server.client("iot")
    first = (EXAMPLES / "tutorial" / "policy.json").read_text()
    second = first.replace("test-*", "other-*")
    iot.create_policy(policyName="P", policyDocument=first)
    made = iot.create_policy_version(policyName="P", policyDocument=second, setAsDefault=True)
    assert (made["policyVersionId"], made["isDefaultVersion"]) == ("2", True)
    assert json.loads(iot.get_policy(policyName="P")["policyDocument"]) == json.loads(second)
    versions = iot.list_policy_versions(policyName="P")["policyVersions"]
    assert {(v["versionId"], v["isDefaultVersion"]) for v in versions} == {
        ("1", False),
        ("2", True),
    }
    iot.set_default_policy_version(policyName="P", policyVersionId="1")
    iot.delete_policy_version(policyName="P", policyVersionId="2")
    assert json.loads(iot.get_policy(policyName="P")["policyDocument"]) == json.loads(first)


def test_a_certificate_is_made_from_a_request(server):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "from-a-request")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    made = server.client("iot").create_certificate_from_csr(
        certificateSigningRequest=request.public_bytes(serialization.Encoding.PEM).decode(),
        setAsActive=True,
    )
    certificate = x509.load_pem_x509_certificate(made["certificatePem"].encode())
    assert certificate.public_key() == key.public_key()
    assert certificate.subject == name
    described = server.client("iot").describe_certificate(certificateId=made["certificateId"])
    assert described["certificateDescription"]["status"] == "ACTIVE"


def test_a_job_goes_through_the_commands_of_both_of_its_services(server):
    thing = server.aws("iot", "create-thing", "--thing-name", "lamp")["thingArn"]
    document = ("--document", '{"op": "reboot"}')
    made = server.aws("iot", "create-job", "--job-id", "j", "--targets", thing, *document)
    assert made == {"jobArn": arn("job", "j"), "jobId": "j"}
    name = ("--thing-name", "lamp")
    started = server.aws("iot-jobs-data", "start-next-pending-job-execution", *name)
    assert started["execution"]["jobDocument"] == '{"op":"reboot"}'
    report = ("--job-id", "j", *name, "--status", "SUCCEEDED", "--include-job-execution-state")
    done = server.aws("iot-jobs-data", "update-job-execution", *report)
    assert done["executionState"] == {"status": "SUCCEEDED", "versionNumber": 3}
    job = server.aws("iot", "describe-job", "--job-id", "j")["job"]
    assert job["status"] == "COMPLETED"
    assert job["jobProcessDetails"]["numberOfSucceededThings"] == 1
    listed = server.aws("iot", "list-job-executions-for-job", "--job-id", "j")
    assert len(listed["executionSummaries"]) == 1
