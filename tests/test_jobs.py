"""Jobs by MQTT and HTTP: what the vectors say, AWS's own jobs clients, and time."""

import json
import queue
import time
import uuid

import pytest
import requests
from awscrt import mqtt as crt
from awsiot import ServiceStreamOptions, V2ServiceException, iotjobs
from botocore.exceptions import ClientError

from device_sdk import OPTIONS, sdk, sdk5
from harness import DEADLINE_S, ROOT, Server, arn, policy
from mqtt_client import V5, plain_client, tls_client
from test_http import Alpn

VECTORS = json.loads((ROOT / "things" / "tests" / "data" / "jobs.json").read_text())["vectors"]
DOCUMENT = json.dumps({"op": "reboot"})
MINUTE_MS = 60_000


@pytest.fixture(scope="module", params=["memory", "disk"])
def world(request, tmp_path_factory):
    """A server and a client that hears what all things are told, in memory and on disk."""
    directory = tmp_path_factory.mktemp("jobs")
    flags = ["--memory"] if request.param == "memory" else ["--data-dir", directory / "data"]
    with Server(directory, *flags) as server, plain_client(server, "all", version=V5) as client:
        client.subscribe("$aws/things/+/jobs/#")
        yield server, client


class Names:
    """The names that stand for a vector's placeholders."""

    def __init__(self):
        unique = uuid.uuid4().hex[:12]
        self.thing = f"thing-{unique}"
        self.known = {"<thing>": self.thing, "<job>": f"j1-{unique}", "<job2>": f"j2-{unique}"}

    def fill(self, value):
        if isinstance(value, dict):
            return {key: self.fill(member) for key, member in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, str):
            for name, stands_for in self.known.items():
                value = value.replace(name, stands_for)
        return value


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_the_vectors(world, vector):
    server, client = world
    names = Names()
    for step in vector["steps"]:
        if step["op"] == "mqtt":
            ask(client, names, step)
        else:
            call(server, names, step)
        check_messages(step, heard(client, names), names)


def ask(client, names, step):
    raw = step.get("payload_raw")
    payload = raw if raw is not None else json.dumps(names.fill(step.get("payload", {})))
    suffix = names.fill(step["publish_suffix"])
    client.publish(f"$aws/things/{names.thing}/jobs/{suffix}", payload)


def call(server, names, step):
    method = "".join(f"_{c.lower()}" if c.isupper() else c for c in step["call"]).strip("_")
    expect = step["expect"]
    try:
        answer = getattr(server.client(step["service"]), method)(**names.fill(step["params"]))
    except ClientError as error:
        told = error.response
        assert told["Error"]["Code"] in expect.get("error", "").split("|"), told
        assert told["ResponseMetadata"]["HTTPStatusCode"] == expect.get("status")
        return
    assert "error" not in expect, answer
    for name, member in step.get("save", {}).items():
        names.known[f"${name}"] = answer[member]
    for path, wanted in names.fill(expect.get("contains_path", {})).items():
        found = answer
        for level in path.split("."):
            found = found[level]
        assert found == wanted, (path, answer)


def heard(client, names):
    """What the service has said until now, by the end of its topic."""
    base = f"$aws/things/{names.thing}/jobs/"
    marker = f"$aws/things/{names.thing}-marker/jobs/get"
    client.publish(marker)
    messages = []
    while (message := client.message()).topic != f"{marker}/rejected":
        assert message.topic.startswith(base), message.topic
        messages.append((message.topic.removeprefix(base), json.loads(message.payload)))
    return messages


def check_messages(step, messages, names):
    wanted = [(names.fill(m["topic_suffix"]), m) for m in step["expect_messages"]]
    found = sorted(topic for topic, _ in messages)
    assert found == sorted(topic for topic, _ in wanted), messages
    for topic, message in wanted:
        (body,) = (body for said, body in messages if said == topic)
        for name, value in names.fill(message["payload_subset"]).items():
            assert fits(value, body.get(name)), (name, message, body)
        for pointer in message.get("payload_absent", []):
            assert pointer.strip("/") not in body, (pointer, body)


def fits(wanted, found):
    if isinstance(wanted, str):
        if wanted == "<ts>":
            return isinstance(found, int) and abs(found - time.time()) < 60
        if wanted == "<int>":
            return isinstance(found, int)
        if wanted == "<any>":
            return found is not None
        if wanted.startswith("<oneof:"):
            return found in wanted[len("<oneof:") : -1].split("|")
    if isinstance(wanted, dict):
        same = isinstance(found, dict) and wanted.keys() == found.keys()
        return same and all(fits(wanted[key], found[key]) for key in wanted)
    if isinstance(wanted, list):
        same = isinstance(found, list) and len(wanted) == len(found)
        return same and all(fits(a, b) for a, b in zip(wanted, found, strict=True))
    return wanted == found


@pytest.fixture
def iot(server):
    return server.client("iot")


def things(iot, *names):
    return [iot.create_thing(thingName=name)["thingArn"] for name in names]


def advance(server, ms):
    url = f"{server.api_url}/_thingcore/clock"
    assert requests.post(url, json={"advance_ms": ms}, timeout=DEADLINE_S).ok


def refused(code, method, **params):
    with pytest.raises(ClientError) as error:
        method(**params)
    assert error.value.response["Error"]["Code"] == code
    return error.value.response["Error"]["Message"]


def status(iot, job, thing="lamp", **more):
    found = iot.describe_job_execution(jobId=job, thingName=thing, **more)
    return found["execution"]["status"]


def test_the_jobs_client_of_the_device_sdk(server, device, iot):
    """The order of its sample: subscribe, list, start what is next, report, hear of the next."""
    qos, answers, changes = crt.QoS.AT_LEAST_ONCE, queue.Queue(), queue.Queue()

    def subscribe(method, request, told=answers):
        subscribed, _ = method(request, qos, told.put)
        subscribed.result(DEADLINE_S)

    def next_of(kind, told=answers):
        answer = told.get(timeout=DEADLINE_S)
        assert isinstance(answer, kind), answer
        return answer

    target = things(iot, "lamp")
    iot.create_job(jobId="first", targets=target, document=DOCUMENT)
    with sdk(server, device, "lamp") as connection:
        jobs = iotjobs.IotJobsClient(connection)
        request = iotjobs.NextJobExecutionChangedSubscriptionRequest(thing_name="lamp")
        subscribe(jobs.subscribe_to_next_job_execution_changed_events, request, changes)
        request = iotjobs.StartNextPendingJobExecutionSubscriptionRequest(thing_name="lamp")
        subscribe(jobs.subscribe_to_start_next_pending_job_execution_accepted, request)
        subscribe(jobs.subscribe_to_start_next_pending_job_execution_rejected, request)
        request = iotjobs.GetPendingJobExecutionsSubscriptionRequest(thing_name="lamp")
        subscribe(jobs.subscribe_to_get_pending_job_executions_accepted, request)
        subscribe(jobs.subscribe_to_get_pending_job_executions_rejected, request)
        request = iotjobs.UpdateJobExecutionSubscriptionRequest(thing_name="lamp", job_id="+")
        subscribe(jobs.subscribe_to_update_job_execution_accepted, request)
        subscribe(jobs.subscribe_to_update_job_execution_rejected, request)

        request = iotjobs.GetPendingJobExecutionsRequest(thing_name="lamp")
        jobs.publish_get_pending_job_executions(request, qos).result(DEADLINE_S)
        pending = next_of(iotjobs.GetPendingJobExecutionsResponse)
        assert [job.job_id for job in pending.queued_jobs] == ["first"]
        assert pending.in_progress_jobs == []

        request = iotjobs.StartNextPendingJobExecutionRequest(thing_name="lamp")
        jobs.publish_start_next_pending_job_execution(request, qos).result(DEADLINE_S)
        started = next_of(iotjobs.StartNextJobExecutionResponse).execution
        assert (started.job_id, started.status) == ("first", "IN_PROGRESS")
        assert started.job_document == {"op": "reboot"}

        iot.create_job(jobId="second", targets=target, document=DOCUMENT)
        request = iotjobs.UpdateJobExecutionRequest(
            thing_name="lamp",
            job_id="first",
            execution_number=started.execution_number,
            status=iotjobs.JobStatus.SUCCEEDED,
            expected_version=started.version_number,
        )
        jobs.publish_update_job_execution(request, qos).result(DEADLINE_S)
        next_of(iotjobs.UpdateJobExecutionResponse)
        assert next_of(iotjobs.NextJobExecutionChangedEvent, changes).execution.job_id == "second"

        jobs.publish_update_job_execution(request, qos).result(DEADLINE_S)
        assert next_of(iotjobs.RejectedError).code == "VersionMismatch"
    assert iot.describe_job(jobId="first")["job"]["status"] == "COMPLETED"


def test_the_second_jobs_client_of_the_device_sdk(server, device, iot):
    with sdk5(server, device, "lamp") as client:
        jobs = iotjobs.IotJobsClientV2(client, OPTIONS)
        changes, opened = queue.Queue(), queue.Queue()
        options = ServiceStreamOptions(changes.put, opened.put)
        request = iotjobs.JobExecutionsChangedSubscriptionRequest(thing_name="lamp")
        stream = jobs.create_job_executions_changed_stream(request, options)
        stream.open()
        opened.get(timeout=DEADLINE_S)

        iot.create_job(jobId="j", targets=things(iot, "lamp"), document=DOCUMENT)
        told = changes.get(timeout=DEADLINE_S).jobs
        assert [job.job_id for job in told["QUEUED"]] == ["j"]
        request = iotjobs.GetPendingJobExecutionsRequest(thing_name="lamp")
        pending = jobs.get_pending_job_executions(request).result(DEADLINE_S)
        assert [job.job_id for job in pending.queued_jobs] == ["j"]
        request = iotjobs.StartNextPendingJobExecutionRequest(thing_name="lamp")
        started = jobs.start_next_pending_job_execution(request).result(DEADLINE_S)
        assert started.execution.status == "IN_PROGRESS"
        request = iotjobs.DescribeJobExecutionRequest(thing_name="lamp", job_id="j")
        described = jobs.describe_job_execution(request).result(DEADLINE_S)
        assert described.execution.job_document == {"op": "reboot"}
        done = iotjobs.UpdateJobExecutionRequest(
            thing_name="lamp", job_id="j", status=iotjobs.JobStatus.SUCCEEDED
        )
        jobs.update_job_execution(done).result(DEADLINE_S)
        assert changes.get(timeout=DEADLINE_S).jobs == {}
        with pytest.raises(V2ServiceException) as rejected:
            jobs.update_job_execution(done).result(DEADLINE_S)
        assert rejected.value.modeled_error.code == "InvalidStateTransition"


def test_policies_decide_who_may_ask_by_mqtt(server, tmp_path, iot):
    things(iot, "lamp")
    base = "$aws/things/lamp/jobs"
    may = policy(
        ("iot:Connect", "*"),
        ("iot:Publish", arn("topic", f"{base}/get")),
        ("iot:Receive", arn("topic", f"{base}/*")),
    )
    device = server.device(tmp_path, may)
    with tls_client(server, device, "lamp", version=V5) as client:
        assert client.publish(f"{base}/start-next", "{}") == 0x87
        client.publish(f"{base}/get", "{}")
        assert client.message().topic == f"{base}/get/accepted"


@pytest.mark.parametrize("prefix", ["iot", "iotjobsdata"])
def test_a_device_uses_its_jobs_over_https_with_its_certificate(server, tmp_path, iot, prefix):
    iot.create_job(jobId="j", targets=things(iot, "lamp"), document=DOCUMENT)
    device = server.device(
        tmp_path,
        policy(
            (f"{prefix}:GetPendingJobExecutions", arn("thing", "lamp")),
            (f"{prefix}:StartNextPendingJobExecution", arn("thing", "lamp")),
        ),
    )
    url = f"https://localhost:{server.https_port}/things/lamp/jobs"
    with requests.Session() as session:
        session.mount("https://", Alpn(device))
        options = {"verify": str(device.ca), "timeout": DEADLINE_S}
        pending = session.get(url, **options).json()
        assert [job["jobId"] for job in pending["queuedJobs"]] == ["j"]
        started = session.put(f"{url}/$next", json={}, **options).json()["execution"]
        assert json.loads(started["jobDocument"]) == {"op": "reboot"}
        denied = session.post(f"{url}/j", json={"status": "SUCCEEDED"}, **options)
        assert denied.status_code == 403


def test_jobs_and_templates_come_in_pages(iot):
    target = things(iot, "lamp", "door")
    for number in range(5):
        job = f"j{number}"
        iot.create_job(jobId=job, targets=target, document=DOCUMENT)
        iot.create_job_template(
            jobTemplateId=job, jobArn=f"{arn('job', job)}", description="from a job"
        )
    page = {"PaginationConfig": {"PageSize": 2}}

    def all_of(operation, member, **params):
        pages = iot.get_paginator(operation).paginate(**params, **page)
        found = [item for one in pages for item in one[member]]
        return found

    assert [job["jobId"] for job in all_of("list_jobs", "jobs")] == ["j4", "j3", "j2", "j1", "j0"]
    templates = all_of("list_job_templates", "jobTemplates")
    assert [it["jobTemplateId"] for it in templates] == ["j0", "j1", "j2", "j3", "j4"]
    of_thing = all_of("list_job_executions_for_thing", "executionSummaries", thingName="lamp")
    assert sorted(it["jobId"] for it in of_thing) == ["j0", "j1", "j2", "j3", "j4"]
    of_job = all_of("list_job_executions_for_job", "executionSummaries", jobId="j0")
    assert [it["thingArn"] for it in of_job] == [arn("thing", "door"), arn("thing", "lamp")]
    refused("InvalidRequestException", iot.list_jobs, nextToken="nonsense")


def test_refusals_have_the_classes_of_the_client(iot):
    target = things(iot, "lamp")
    iot.create_job(jobId="j", targets=target, document=DOCUMENT)
    errors = iot.exceptions
    with pytest.raises(errors.ResourceAlreadyExistsException) as there:
        iot.create_job(jobId="j", targets=target, document=DOCUMENT)
    assert there.value.response["resourceArn"] == arn("job", "j")
    with pytest.raises(errors.ResourceNotFoundException):
        iot.describe_job(jobId="nothing")
    with pytest.raises(errors.InvalidStateTransitionException):
        iot.delete_job(jobId="j")
    with pytest.raises(errors.VersionConflictException):
        iot.cancel_job_execution(jobId="j", thingName="lamp", expectedVersion=9)
    with pytest.raises(errors.ConflictException):
        for _ in range(2):
            iot.create_job_template(jobTemplateId="t", document=DOCUMENT, description="d")
    invalid = "InvalidRequestException"
    new = {"jobId": "k", "targets": target}
    source = "https://s3.amazonaws.com/none/doc.json"
    both = refused(invalid, iot.create_job, document="{}", documentSource=source, **new)
    assert both == "Job document and job document source cannot be specified at the same time."
    broken = refused(invalid, iot.create_job, document="{", **new)
    assert broken == "Job document located at request input is an invalid JSON document."
    schedule = {"startTime": "2030-01-01T00:00:00Z"}
    late = refused(invalid, iot.create_job, document="{}", schedulingConfig=schedule, **new)
    assert "must follow the format YYYY-MM-DDThh:mm." in late


def test_a_group_and_the_groups_below_it_get_a_job(server, iot):
    things(iot, "a", "b", "c")
    top = iot.create_thing_group(thingGroupName="top")["thingGroupArn"]
    iot.create_thing_group(thingGroupName="below", parentGroupName="top")
    iot.add_thing_to_thing_group(thingGroupName="top", thingName="a")
    iot.add_thing_to_thing_group(thingGroupName="below", thingName="b")
    job = {"targets": [top], "document": DOCUMENT}
    iot.create_job(jobId="once", **job)
    iot.create_job(jobId="always", targetSelection="CONTINUOUS", **job)
    iot.add_thing_to_thing_group(thingGroupName="below", thingName="c")
    iot.remove_thing_from_thing_group(thingGroupName="top", thingName="a")

    def executions(job):
        listed = iot.list_job_executions_for_job(jobId=job)["executionSummaries"]
        names = ((it["thingArn"].rsplit("/", 1)[1], it["jobExecutionSummary"]) for it in listed)
        return {name: summary["status"] for name, summary in names}

    assert executions("once") == {"a": "QUEUED", "b": "QUEUED"}
    assert executions("always") == {"a": "REMOVED", "b": "QUEUED", "c": "QUEUED"}
    iot.add_thing_to_thing_group(thingGroupName="top", thingName="a")
    assert status(iot, "always", "a") == "QUEUED"
    assert status(iot, "always", "a", executionNumber=1) == "REMOVED"


def test_a_dynamic_group_gets_a_continuous_job(iot):
    iot.update_indexing_configuration(thingIndexingConfiguration={"thingIndexingMode": "REGISTRY"})
    group = iot.create_dynamic_thing_group(thingGroupName="hot", queryString="attributes.hot:yes")
    iot.create_job(
        jobId="j",
        targets=[group["thingGroupArn"]],
        document=DOCUMENT,
        targetSelection="CONTINUOUS",
    )
    things(iot, "lamp")
    iot.update_thing(thingName="lamp", attributePayload={"attributes": {"hot": "yes"}})
    assert status(iot, "j") == "QUEUED"


def test_a_rollout_tells_so_many_things_in_a_minute(server, iot):
    target = things(iot, "a", "b", "c")
    rollout = {"maximumPerMinute": 2}
    iot.create_job(jobId="j", targets=target, document=DOCUMENT, jobExecutionsRolloutConfig=rollout)

    def told():
        return len(iot.list_job_executions_for_job(jobId="j")["executionSummaries"])

    job = iot.describe_job(jobId="j")["job"]
    assert (told(), job["isConcurrent"]) == (2, True)
    advance(server, MINUTE_MS)
    job = iot.describe_job(jobId="j")["job"]
    assert (told(), job["isConcurrent"]) == (3, False)


def test_executions_time_out_and_are_tried_again(server, iot):
    iot.create_job(
        jobId="j",
        targets=things(iot, "lamp"),
        document=DOCUMENT,
        timeoutConfig={"inProgressTimeoutInMinutes": 5},
        jobExecutionsRetryConfig={
            "criteriaList": [{"failureType": "TIMED_OUT", "numberOfRetries": 1}]
        },
    )
    data = server.client("iot-jobs-data")
    for number in (1, 2):
        started = data.start_next_pending_job_execution(thingName="lamp")["execution"]
        assert started["executionNumber"] == number
        assert 295 <= started["approximateSecondsBeforeTimedOut"] <= 300
        advance(server, 5 * MINUTE_MS)
        assert status(iot, "j", executionNumber=number) == "TIMED_OUT"
    job = iot.describe_job(jobId="j")["job"]
    assert job["status"] == "COMPLETED"
    assert job["jobProcessDetails"]["numberOfTimedOutThings"] == 1


def test_a_step_timer_ends_an_execution_before_its_job(server, iot):
    iot.create_job(
        jobId="j",
        targets=things(iot, "lamp"),
        document=DOCUMENT,
        timeoutConfig={"inProgressTimeoutInMinutes": 20},
    )
    data = server.client("iot-jobs-data")
    data.start_next_pending_job_execution(thingName="lamp", stepTimeoutInMinutes=7)
    advance(server, 5 * MINUTE_MS)
    update = {"jobId": "j", "thingName": "lamp", "status": "IN_PROGRESS"}
    data.update_job_execution(stepTimeoutInMinutes=30, **update)
    advance(server, 7 * MINUTE_MS)
    assert status(iot, "j") == "IN_PROGRESS"
    data.update_job_execution(stepTimeoutInMinutes=1, **update)
    advance(server, MINUTE_MS)
    assert status(iot, "j") == "TIMED_OUT"
    with pytest.raises(data.exceptions.InvalidStateTransitionException):
        data.update_job_execution(**update)
    with pytest.raises(data.exceptions.TerminalStateException):
        data.describe_job_execution(jobId="j", thingName="lamp")


def test_a_job_that_fails_too_often_is_called_off(server, iot):
    target = things(iot, "a", "b", "c", "d")
    criteria = {
        "failureType": "FAILED",
        "action": "CANCEL",
        "thresholdPercentage": 50.0,
        "minNumberOfExecutedThings": 4,
    }
    iot.create_job(
        jobId="j", targets=target, document=DOCUMENT, abortConfig={"criteriaList": [criteria]}
    )
    data = server.client("iot-jobs-data")
    data.start_next_pending_job_execution(thingName="d")
    for thing, then in (("a", "IN_PROGRESS"), ("b", "CANCELED")):
        data.update_job_execution(jobId="j", thingName=thing, status="FAILED")
        assert iot.describe_job(jobId="j")["job"]["status"] == then
    assert iot.describe_job(jobId="j")["job"]["reasonCode"] == "ABORT_CANCEL"
    assert [status(iot, "j", thing) for thing in "cd"] == ["CANCELED", "IN_PROGRESS"]


def test_a_job_begins_and_ends_when_it_is_scheduled(server, iot):
    now = requests.get(f"{server.api_url}/_thingcore/clock", timeout=DEADLINE_S).json()["now_ms"]

    def at(minutes):
        return time.strftime("%Y-%m-%dT%H:%M", time.gmtime(now / 1000 + minutes * 60))

    schedule = {"startTime": at(40), "endTime": at(80), "endBehavior": "CANCEL"}
    iot.create_job(
        jobId="j", targets=things(iot, "lamp"), document=DOCUMENT, schedulingConfig=schedule
    )
    assert iot.describe_job(jobId="j")["job"]["status"] == "SCHEDULED"
    assert iot.list_job_executions_for_job(jobId="j")["executionSummaries"] == []
    advance(server, 40 * MINUTE_MS)
    assert status(iot, "j") == "QUEUED"
    advance(server, 40 * MINUTE_MS)
    assert status(iot, "j") == "CANCELED"
    assert iot.describe_job(jobId="j")["job"]["status"] == "CANCELED"


def test_events_tell_of_jobs_and_executions(server, iot):
    kinds = {kind: {"Enabled": True} for kind in ("JOB", "JOB_EXECUTION")}
    iot.update_event_configurations(eventConfigurations=kinds)
    target = things(iot, "lamp", "door")
    with plain_client(server, "listener") as client:
        client.subscribe("$aws/events/job/#", "$aws/events/jobExecution/#")

        def events(*topics):
            for topic in topics:
                message = client.message()
                assert message.topic == f"$aws/events/{topic}"
                yield json.loads(message.payload)

        iot.create_job(jobId="j", targets=target, document=DOCUMENT, description="d")
        data = server.client("iot-jobs-data")
        data.update_job_execution(jobId="j", thingName="lamp", status="SUCCEEDED")
        (done,) = events("jobExecution/j/succeeded")
        assert done["eventType"] == "JOB_EXECUTION"
        assert (done["thingArn"], done["status"]) == (target[0], "SUCCEEDED")
        iot.cancel_job_execution(jobId="j", thingName="door")
        canceled, completed = events("jobExecution/j/canceled", "job/j/completed")
        assert canceled["operation"] == "canceled"
        assert (completed["status"], completed["description"]) == ("COMPLETED", "d")
        assert completed["jobProcessDetails"]["numberOfSucceededThings"] == 1
        iot.create_job(jobId="k", targets=target[:1], document=DOCUMENT)
        iot.cancel_job(jobId="k", comment="no longer wanted")
        begun, _, ended = events(
            "job/k/cancellation_in_progress", "jobExecution/k/canceled", "job/k/canceled"
        )
        assert (begun["status"], ended["status"]) == ("CANCELLATION_IN_PROGRESS", "CANCELED")
        assert ended["comment"] == "no longer wanted"
        iot.delete_job(jobId="k")
        topics = "job/k/deletion_in_progress", "jobExecution/k/deleted", "job/k/deleted"
        assert [event["operation"] for event in events(*topics)][-1] == "deleted"


def test_documents_come_from_s3_and_links_in_them_are_signed(server, iot):
    s3 = server.client("s3")
    s3.create_bucket(Bucket="firmware")
    s3.put_object(Bucket="firmware", Key="v1/image.bin", Body=b"image")
    link = "https://s3.us-east-1.amazonaws.com/firmware/v1/image.bin"
    document = json.dumps({"from": f"${{aws:iot:s3-presigned-url:{link}}}"})
    s3.put_object(Bucket="firmware", Key="job.json", Body=document.encode())
    new = {
        "targets": things(iot, "lamp"),
        "documentSource": "https://firmware.s3.amazonaws.com/job.json",
    }
    refused("InvalidRequestException", iot.create_job, jobId="j", **new)
    presigned = {"roleArn": "arn:aws:iam::000000000000:role/reader", "expiresInSec": 120}
    iot.create_job(jobId="j", presignedUrlConfig=presigned, **new)
    assert iot.describe_job(jobId="j")["documentSource"] == new["documentSource"]
    assert iot.get_job_document(jobId="j")["document"] == document
    data = server.client("iot-jobs-data")
    offered = data.describe_job_execution(jobId="$next", thingName="lamp")["execution"]
    signed = json.loads(offered["jobDocument"])["from"]
    assert "X-Amz-Expires=120" in signed
    local = signed.replace("//localhost:", "//127.0.0.1:")
    assert requests.get(local, timeout=DEADLINE_S).content == b"image"


def test_templates_fill_in_what_a_job_leaves_open(iot):
    made = iot.create_job_template(
        jobTemplateId="reboot",
        document=DOCUMENT,
        description="reboots",
        timeoutConfig={"inProgressTimeoutInMinutes": 9},
        tags=[{"Key": "team", "Value": "a"}],
    )
    target = things(iot, "lamp")
    iot.create_job(jobId="j", targets=target, jobTemplateArn=made["jobTemplateArn"])
    job = iot.describe_job(jobId="j")["job"]
    assert job["jobTemplateArn"] == made["jobTemplateArn"]
    assert job["timeoutConfig"] == {"inProgressTimeoutInMinutes": 9}
    assert iot.get_job_document(jobId="j")["document"] == DOCUMENT
    tags = iot.list_tags_for_resource(resourceArn=made["jobTemplateArn"])["tags"]
    assert tags == [{"Key": "team", "Value": "a"}]
    described = iot.describe_job_template(jobTemplateId="reboot")
    assert described["description"] == "reboots"
    iot.delete_job_template(jobTemplateId="reboot")
    refused("ResourceNotFoundException", iot.describe_job_template, jobTemplateId="reboot")


def test_a_managed_template_is_filled_in_by_the_job(iot):
    listed = iot.get_paginator("list_managed_job_templates").paginate(
        PaginationConfig={"PageSize": 3}
    )
    names = [it["templateName"] for page in listed for it in page["managedJobTemplates"]]
    assert len(names) == len(set(names)) == 8
    managed = iot.describe_managed_job_template(templateName="AWS-Download-File")
    new = {
        "jobId": "j",
        "targets": things(iot, "lamp"),
        "jobTemplateArn": managed["templateArn"],
    }
    values = {"downloadUrl": "https://example.com/a", "filePath": "/tmp/a"}
    refused("InvalidRequestException", iot.create_job, **new)
    iot.create_job(documentParameters=values, **new)
    assert iot.describe_job(jobId="j")["job"]["documentParameters"] == values
    document = json.loads(iot.get_job_document(jobId="j")["document"])
    assert document["steps"][0]["action"]["input"]["args"] == list(values.values())
    before = iot.get_job_document(jobId="j", beforeSubstitution=True)["document"]
    assert before == managed["document"]


def test_a_job_has_tags_as_long_as_it_is_there(iot):
    target = things(iot, "lamp")
    tags = [{"Key": "team", "Value": "a"}]
    made = iot.create_job(jobId="j", targets=target, document=DOCUMENT, tags=tags)["jobArn"]
    iot.tag_resource(resourceArn=made, tags=[{"Key": "room", "Value": "b"}])
    keys = {tag["Key"] for tag in iot.list_tags_for_resource(resourceArn=made)["tags"]}
    assert keys == {"team", "room"}
    iot.delete_job(jobId="j", force=True)
    assert iot.list_tags_for_resource(resourceArn=made)["tags"] == []
    refused("ResourceNotFoundException", iot.tag_resource, resourceArn=made, tags=tags)


def test_jobs_survive_a_kill_and_not_a_reset(own_server, tmp_path):
    server = own_server("--data-dir", tmp_path / "data")
    iot = server.client("iot")
    target = things(iot, "lamp", "door", "gate")
    iot.create_job(
        jobId="j",
        targets=target,
        document=DOCUMENT,
        jobExecutionsRolloutConfig={"maximumPerMinute": 2},
        timeoutConfig={"inProgressTimeoutInMinutes": 1},
    )
    server.client("iot-jobs-data").update_job_execution(
        jobId="j", thingName="door", status="IN_PROGRESS", statusDetails={"step": "1"}
    )
    server.kill()
    server.start()
    iot = server.client("iot")
    execution = iot.describe_job_execution(jobId="j", thingName="door")["execution"]
    assert execution["statusDetails"] == {"detailsMap": {"step": "1"}}
    assert (execution["status"], execution["versionNumber"]) == ("IN_PROGRESS", 2)
    refused("ResourceNotFoundException", iot.describe_job_execution, jobId="j", thingName="lamp")
    advance(server, MINUTE_MS)
    assert status(iot, "j", "lamp") == "QUEUED"
    assert status(iot, "j", "door") == "TIMED_OUT"
    server.reset()
    assert server.client("iot").list_jobs()["jobs"] == []
