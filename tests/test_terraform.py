"""Terraform's AWS provider: the calls of its resources, replayed, and the program itself where it is
installed."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

import vectors
from aws_clients import Boto3
from harness import ROOT, environment
from vectors import Values

FOLDER = ROOT / "tests" / "data" / "terraform"
RESOURCES = json.loads((FOLDER / "calls.json").read_text())["resources"]

PLUGINS = [
    os.environ.get("TERRAFORM_PLUGIN_DIR", ""),
    pathlib.Path.home() / ".terraform.d" / "plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
    "/opt/tf-plugins",
]
"""Where a copy of the provider may be; the tests load nothing from a registry."""

WHOLE_S = 300
"""How long a run of Terraform may take; the provider alone takes seconds to start."""


class Replay:
    """One resource's calls."""

    def __init__(self, server, resource):
        self.client, self.resource = Boto3(server), resource
        self.values = Values(server.client("iot"))

    def call(self, phase):
        for step in self.resource.get(phase, []):
            for _ in range(step.get("repeat", 1)):
                self.run([{"expect": {}, **step}])

    def run(self, steps):
        return [outcome.body for _, outcome in vectors.run(self.client, steps, self.values)]

    def read(self, state):
        """Refreshes twice: what the provider keeps of the resource is right, and stays."""
        expected = self.resource[state]
        reads = [step for step in self.resource["read"] if step["op"] in expected]
        steps = [{**step, "expect": expected[step["op"]]} for step in reads]
        first, second = self.run(steps), self.run(steps)
        for body in (*first, *second):
            body.pop("ResponseMetadata")
        assert first == second


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource["type"])
def test_the_calls_of_a_resource(server, resource):
    replay = Replay(server, resource)
    replay.call("before")
    replay.call("create")
    replay.read("created")
    # A resource whose every member makes it anew has no update.
    if "update" in resource:
        replay.call("update")
        replay.read("updated")
    replay.call("delete")
    replay.read("gone")


@pytest.fixture
def terraform(server, tmp_path):
    """Runs Terraform on the configuration here against the server; its exit status."""
    program = shutil.which("terraform")
    if not program:
        pytest.skip("terraform is missing")
    provider = "registry.terraform.io/hashicorp/aws"
    plugins = [place for place in map(pathlib.Path, PLUGINS) if (place / provider).is_dir()]
    if not plugins:
        pytest.skip(f"{provider} is missing: set TERRAFORM_PLUGIN_DIR to a folder that has it")
    shutil.copy(FOLDER / "main.tf", tmp_path)
    (tmp_path / "rc").touch()
    env = environment(
        TF_VAR_url=server.api_url,
        TF_CLI_CONFIG_FILE=tmp_path / "rc",
        TF_DATA_DIR=tmp_path / "data",
        CHECKPOINT_DISABLE="1",
    )

    def run(command, *arguments):
        done = subprocess.run(
            [program, command, "-no-color", "-input=false", *arguments],
            cwd=tmp_path,
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=WHOLE_S,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    run("init", f"-plugin-dir={plugins[0]}")
    return run


LISTS = {
    "list_things": "things",
    "list_thing_types": "thingTypes",
    "list_thing_groups": "thingGroups",
    "list_billing_groups": "billingGroups",
    "list_certificates": "certificates",
    "list_policies": "policies",
    "list_topic_rules": "rules",
    "list_role_aliases": "roleAliases",
    "list_authorizers": "authorizers",
}


@pytest.mark.timeout(2 * WHOLE_S)
def test_terraform_creates_changes_and_removes_without_drift(server, terraform):
    iot = server.client("iot")
    for stage in (1, 2):
        variable = f"-var=stage={stage}"
        terraform("apply", "-auto-approve", variable)
        for operation, name in LISTS.items():
            assert len(getattr(iot, operation)()[name]) == 1, operation
        assert iot.describe_thing(thingName="thing")["version"] == stage
        # Fails where something would have to be changed.
        assert "No changes." in terraform("plan", "-detailed-exitcode", variable)
    terraform("destroy", "-auto-approve", "-var=stage=2")
    for operation, name in LISTS.items():
        assert getattr(iot, operation)()[name] == [], operation
