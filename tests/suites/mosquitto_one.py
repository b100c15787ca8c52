"""Runs one of mosquitto's test scripts in its folder: `mosquitto_one.py SCRIPT [MODULE] PORT...`.

The script is mosquitto's, unchanged; the comparison of packets is ours, and where it speaks MQTT
3.1, which is not spoken here, it speaks 3.1.1."""

import os
import pathlib
import runpy
import sys

HERE = pathlib.Path(__file__).resolve().parent


def main(script, *arguments):
    sys.path[:0] = [str(HERE), os.getcwd(), str(pathlib.Path.cwd().parent)]
    import mosq_test
    import mosquitto_packets

    matches = mosq_test.packet_matches

    def packet_matches(name, received, expected):
        if mosquitto_packets.same(received, expected):
            return True
        return matches(name, received, expected)

    gen_connect = mosq_test.gen_connect

    def gen_connect_v311(*arguments, proto_ver=4, **more):
        return gen_connect(*arguments, proto_ver=4 if proto_ver == 3 else proto_ver, **more)

    mosq_test.packet_matches = packet_matches
    mosq_test.gen_connect = gen_connect_v311
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
