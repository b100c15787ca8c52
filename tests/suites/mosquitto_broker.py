#!/usr/bin/env python3
"""`thingcore` behind mosquitto's command line, for mosquitto's own tests: `-p PORT`, `-c FILE`.

Directives with a counterpart here become flags; one without it ends the program with status 3 and
its name, so that the runner knows that a test is about mosquitto's configuration."""

import json
import os
import pathlib
import signal
import sys

UNSUPPORTED = 3
"""Exit status for a directive that has no counterpart."""

LIKE_MOSQUITTO = {
    # mosquitto's defaults, which its tests expect in CONNACK, and its bounds.
    "topic-alias-maximum": 10,
    "inbound-inflight": 20,
    "outbound-inflight": 20,
    "packet-bytes": 2_000_000,
    "topic-slashes": 200,
    "server-keep-alive-max-s": 65_535,
    "denied-subscribe": "0x80",
    # What MQTT leaves to the server it refuses.
    "control-characters": "false",
}

WITHOUT_EFFECT = {
    "allow_duplicate_messages",
    "autosave_interval",
    "autosave_on_changes",
    "connection_messages",
    "listener_allow_anonymous",
    "log_dest",
    "log_timestamp",
    "log_type",
    "max_log_entries",
    "per_listener_settings",
    "persistence_file",
    "persistence_location",
    "set_tcp_nodelay",
    "sys_interval",
}
"""Directives whose meaning is met whatever they say, or that the runner answers otherwise."""

SETTINGS = {
    "max_keepalive": ["server-keep-alive-max-s"],
    "max_packet_size": ["packet-bytes"],
    "message_size_limit": ["payload-bytes"],
    "max_inflight_messages": ["inbound-inflight", "outbound-inflight"],
    "max_queued_messages": ["queued-messages"],
    "max_queued_bytes": ["queued-bytes"],
    "max_topic_alias": ["topic-alias-maximum"],
    "max_topic_alias_broker": ["outgoing-aliases"],
}

NOBODY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Action": "iot:Connect", "Resource": "*"}],
}


def unsupported(what):
    print(f"unsupported: {what}", file=sys.stderr)
    sys.exit(UNSUPPORTED)


def directives(path):
    """Name and value of each line of a configuration."""
    for line in pathlib.Path(path).read_text().splitlines():
        line = line.strip()
        if line and not line.startswith("#"):
            name, _, value = line.partition(" ")
            yield name, value.strip()


class Flags:
    """What `thingcore serve` is told."""

    def __init__(self):
        self.ports = []
        self.settings = dict(LIKE_MOSQUITTO)
        self.more = []
        self.kept = "--memory"

    def directive(self, name, value):
        if name in SETTINGS:
            self.settings.update(dict.fromkeys(SETTINGS[name], value))
        elif name == "listener" or name == "port":
            self.ports.append(value.split()[0])
        elif name == "allow_anonymous" and value == "false":
            denied = pathlib.Path("nobody.json")
            denied.write_text(json.dumps(NOBODY))
            self.more += ["--anonymous-policy", str(denied)]
        elif name == "persistence":
            self.kept = f"--data-dir={self.ports[0]}.data" if value == "true" else "--memory"
        elif (name, value) in {("allow_anonymous", "true"), ("protocol", "mqtt")}:
            return
        elif name not in WITHOUT_EFFECT:
            unsupported(name if name != "protocol" else f"{name}-{value}")

    def command(self):
        if len(set(self.ports)) != 1 or self.ports[0] == "0":
            unsupported("several-listeners")
        command = [os.environ["THINGCORE_BIN"], "serve", "--profile=mqtt", "--log=error", self.kept]
        command += ["--mqtts-port=0", "--https-port=0", "--api-port=0"]
        command += [f"--mqtt-port={self.ports[0]}", *self.more]
        command += [f"--mqtt={name}={value}" for name, value in self.settings.items()]
        return command


def main(arguments):
    flags = Flags()
    arguments = iter(arguments)
    for argument in arguments:
        match argument:
            case "-v":
                continue
            case "-p":
                flags.ports.append(next(arguments))
            case "-c":
                for name, value in directives(next(arguments)):
                    flags.directive(name, value)
            case _:
                unsupported(argument)
    command = flags.command()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
