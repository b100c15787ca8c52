#!/usr/bin/env python3
"""Runs Eclipse Paho's interoperability tests on thingcore, from the folder `interoperability` of
eclipse/paho.mqtt.testing:

    THINGCORE_BIN=target/debug/thingcore tests/suites/paho.py ../paho.mqtt.testing/interoperability

Each of the two programs gets a server of its own. The exit status is 1 if a test fails."""

import functools
import json
import os
import pathlib
import runpy
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from harness import NOSUBSCRIBE, Server  # noqa: E402

PROGRAMS = ["client_test.py", "client_test5.py"]


def run(program, port):
    """Runs one of them in its folder. client_test.py leaves its own flags to unittest, which knows
    none of them."""
    sys.path.insert(0, os.getcwd())
    sys.argv = [program, "--port", port]
    unittest.main = functools.partial(unittest.main, argv=[program, "--verbose"])
    runpy.run_path(program, run_name="__main__")


def main(folder):
    failed = False
    with tempfile.TemporaryDirectory() as directory:
        for program in PROGRAMS:
            place = pathlib.Path(directory) / program
            place.mkdir()
            policy = place / "policy.json"
            policy.write_text(json.dumps(NOSUBSCRIBE))
            flags = ["--memory", "--profile", "mqtt", "--mqtt", "denied-subscribe=0x80"]
            with Server(place, *flags, "--anonymous-policy", policy) as server:
                command = [sys.executable, str(HERE / "paho.py"), "--run", program]
                done = subprocess.run([*command, str(server.mqtt_port)], cwd=folder)
            failed |= done.returncode != 0
    sys.exit(failed)


if __name__ == "__main__":
    if sys.argv[1] == "--run":
        run(*sys.argv[2:])
    else:
        os.environ["THINGCORE_BIN"] = str(pathlib.Path(os.environ["THINGCORE_BIN"]).resolve())
        main(sys.argv[1])
