#!/usr/bin/env python3
"""Runs mosquitto's own broker tests on thingcore, from a source tree of mosquitto:

    THINGCORE_BIN=target/debug/thingcore tests/suites/mosquitto.py ../mosquitto-2.1.2 [WORD...]

Both kinds are run: the scripts of `test/broker/test.py`, and the packet sequences in
`test/broker/data`. Words choose those with one of them in the name. The outcome of each is compared
with `mosquitto_known.txt`, which gives for each difference from mosquitto its reason; one that is
not in there, or is there and no longer differs, makes the exit status 1."""

import argparse
import ast
import collections
import concurrent.futures
import contextlib
import fnmatch
import importlib
import io
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass

HERE = pathlib.Path(__file__).resolve().parent
KNOWN = HERE / "mosquitto_known.txt"
PORTS_EACH = 4
FIRST_PORT = 21_900
SCRIPT_S = 120
"""How long a script may take."""
OTHER_TESTS = ["apps", "c", "client", "data", "lib", "mock", "old", "random", "unit"]
"""Folders of mosquitto's tests that those of the broker do not need."""

PASSED, FAILED, ELSEWHERE = "passed", "failed", "not asked"


def scripts(broker):
    """Name, count of ports and arguments of each script that mosquitto runs."""
    tree = ast.parse((broker / "test.py").read_text())
    assignment = next(node for node in tree.body if isinstance(node, ast.Assign))
    for entry in ast.literal_eval(assignment.value):
        ports, path, *arguments = entry
        yield path.removeprefix("./"), ports, [a for a in arguments if isinstance(a, str)]


def run_script(broker, root, slot, name, ports, arguments):
    """The outcome of a script, and why."""
    first = FIRST_PORT + slot * PORTS_EACH
    numbers = [str(first + n) for n in range(ports)]
    # Scripts leave files beside themselves: each gets a folder of its own.
    with tempfile.TemporaryDirectory(dir=root, ignore_cleanup_errors=True) as folder:
        copy = pathlib.Path(folder) / "test"
        shutil.copytree(broker.parent, copy, ignore=shutil.ignore_patterns(*OTHER_TESTS))
        arguments = [a.replace("persist_sqlite", "persist_thingcore") for a in arguments]
        command = [sys.executable, str(HERE / "mosquitto_one.py"), name, *arguments, *numbers]
        script = subprocess.Popen(
            command,
            cwd=copy / "broker",
            env=os.environ | {"BUILD_ROOT": str(root)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            said, _ = script.communicate(timeout=SCRIPT_S)
        except subprocess.TimeoutExpired:
            said = f"not done in {SCRIPT_S} s"
        finally:
            # The script and the servers that it left.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(script.pid, signal.SIGKILL)
    if script.returncode == 0:
        return PASSED, ""
    if missing := re.search(r"unsupported: ([^ \\\n]+)", said):
        return ELSEWHERE, missing[1]
    return FAILED, said


def installed(root):
    """Puts the shim where mosquitto's tests look for the broker."""
    (root / "src").mkdir()
    program = root / "src" / "mosquitto"
    # A test that does not wait for the server to listen may end it before it has said what it does
    # not support: the shim takes no signal until then.
    run = f'exec "{sys.executable}" "{HERE}/mosquitto_broker.py" "$@"'
    program.write_text(f"#!/bin/sh\ntrap '' TERM\n{run}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def sequences(broker, root, words):
    """Name, outcome and reason of each packet sequence, on one server."""
    sys.path[:0] = [str(broker), str(broker.parent)]
    import mosquitto_packets

    os.environ["BUILD_ROOT"] = str(root)
    module = importlib.import_module("msg_sequence_test")
    base = module.MsgSequence
    outcomes = {}

    class Sequence(base):
        """mosquitto's, with its packets compared as those of the scripts are, and asked for in one
        piece however they arrive."""

        __slots__ = ()

        def _recv_message(self, sock, msg):
            came = b""
            while len(came) < len(msg.message) and (part := sock.recv(len(msg.message))):
                came += part
            if not mosquitto_packets.same(came, msg.message):
                raise ValueError(f"got {came.hex(' ')}, not {msg.message.hex(' ')}")

        def _disconnected_check(self, sock):
            came = b""
            with contextlib.suppress(ConnectionResetError, TimeoutError):
                while part := sock.recv(64):
                    came += part
                if came and self.expect_disconnect:
                    raise ValueError(f"got {came.hex(' ')} before the end")
                return
            if self.expect_disconnect and came:
                raise ValueError(f"got {came.hex(' ')} and no end")

        def process_all(self, sock):
            if words and not any(word in self.name for word in words):
                return
            # Names occur more than once.
            name = self.name
            while name in outcomes:
                name += "'"
            outcomes[name] = PASSED, ""
            try:
                super().process_all(sock)
            except (OSError, ValueError, module.mosq_test.TestError) as error:
                # The module gives up at a time-out; the others are wanted too.
                outcomes[name] = FAILED, f"{type(error).__name__} {error}"

    module.MsgSequence = Sequence
    port = FIRST_PORT - 1
    command = [root / "src" / "mosquitto", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_for(port)
            with contextlib.redirect_stdout(io.StringIO()):
                module.do_test("localhost", port, "mqtt")
            if server.poll() is not None:
                raise SystemExit("the server ended")
        finally:
            server.terminate()
    return outcomes


def wait_for(port):
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("localhost", port)).close()


@dataclass(frozen=True)
class Known:
    """A difference from mosquitto, or many of one kind: a line of the list."""

    names: str
    """Of tests, as a pattern."""
    kind: str
    seen: str
    """What is in the test's account of it."""
    why: str

    def explains(self, name, why):
        return fnmatch.fnmatchcase(name, self.names) and self.seen in why


def known():
    for line in KNOWN.read_text().splitlines():
        if line and not line.startswith("#"):
            yield Known(*(part.strip() for part in line.split("|")))


def report(what, outcomes, differences, verbose):
    """Prints counts and what is not on the list; says which rows of the list were used."""
    used, kinds = set(), collections.Counter()
    for name, (outcome, why) in sorted(outcomes.items()):
        if outcome != FAILED:
            continue
        row = next((row for row in differences if row.explains(name, why)), None)
        kinds[row.kind if row else "NOT ON THE LIST"] += 1
        used.add(row)
        if row is None or verbose:
            print(f"--- {name}\n{why.strip()}")
    counts = collections.Counter(outcome for outcome, _ in outcomes.values())
    print(f"{what}:", ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))
    for kind, count in kinds.most_common():
        print(f"  differs, {kind}: {count}")
    missing = collections.Counter(why for outcome, why in outcomes.values() if outcome == ELSEWHERE)
    for why, count in missing.most_common():
        print(f"  not asked, {why}: {count}")
    return used


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("words", nargs="*")
    parser.add_argument("--jobs", type=int, default=4)
    parser.add_argument("--verbose", action="store_true")
    asked = parser.parse_args()
    os.environ["THINGCORE_BIN"] = str(pathlib.Path(os.environ["THINGCORE_BIN"]).resolve())
    broker = asked.source.resolve() / "test" / "broker"
    differences, used = list(known()), set()
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        installed(root)
        outcomes = sequences(broker, root, asked.words)
        used |= report("packet sequences", outcomes, differences, asked.verbose)
        wanted = [s for s in scripts(broker) if s[0] != "msg_sequence_test.py"]
        wanted = [s for s in wanted if not asked.words or any(w in s[0] for w in asked.words)]
        with concurrent.futures.ThreadPoolExecutor(asked.jobs) as pool:
            runs = {
                name: pool.submit(run_script, broker, root, slot, name, *rest)
                for slot, (name, *rest) in enumerate(wanted)
            }
            outcomes = {name: run.result() for name, run in runs.items()}
        used |= report("scripts", outcomes, differences, asked.verbose)
    unused = [row for row in differences if row not in used and not asked.words]
    for row in unused:
        print(f"--- {row.names}: differs no more, or otherwise than by {row.seen!r}")
    sys.exit(bool(unused) or None in used)


if __name__ == "__main__":
    main()
