"""AWS's own clients, unmodified: boto3, the CLI and the SDK for JavaScript make the same calls, see
the same answers page by page, and throw what they have for AWS's errors."""

import json

import pytest

import vectors
from aws_clients import Boto3
from harness import ACCOUNT, REGION, ROOT
from vectors import Values

TABLE = json.loads((ROOT / "tests" / "data" / "clients.json").read_text())
COUNT, PAGE = 5, 2


def test_getting_started_from_the_first_thing_to_the_last_removal(server, aws_client):
    values = Values(server.client("iot"))
    for _ in vectors.run(aws_client, TABLE["getting_started"], values):
        pass
    assert server.client("iot").list_things()["things"] == []


def test_errors_arrive_as_the_clients_own_exceptions(server, aws_client):
    values = Values(server.client("iot"))
    for step, outcome in vectors.run(aws_client, TABLE["errors"], values):
        if outcome.error:
            assert outcome.exception == outcome.expected == step["expect"]["error"], outcome


def filled(value, number=None):
    """A value with its placeholders `{n}` and `{arn}` filled in."""
    text = json.dumps(value).replace("{arn}", f"arn:aws:iot:{REGION}:{ACCOUNT}")
    return json.loads(text if number is None else text.replace("{n}", str(number)))


def make(server, case):
    """Makes what the case lists; COUNT of them."""
    values = Values(server.client("iot"))
    calls = [filled(call) for call in case.get("once", [])]
    calls += [filled(call, number) for number in range(COUNT) for call in case["make"]]
    for operation, params in calls:
        service, _, operation = operation.rpartition(":")
        outcome = Boto3(server).call(service or "iot", operation, values.fill(params))
        assert outcome.error is None, outcome


@pytest.mark.parametrize(
    "case", TABLE["pages"], ids=lambda case: "-".join([case["op"], *case.get("params", {})])
)
def test_lists_are_read_page_by_page(server, aws_client, case):
    make(server, case)
    params = filled(case.get("params", {}))
    pages = aws_client.pages(case.get("service", "iot"), case["op"], params, PAGE)
    items, _, name = case["of"].partition(".")
    sizes = [len(page[items]) for page in pages]
    assert max(sizes) <= PAGE and sum(sizes) == COUNT, sizes
    listed = [item[name] if name else item for page in pages for item in page[items]]
    assert sorted(listed) == [filled(case["names"], number) for number in range(COUNT)]
