"""A consumer of a shared subscription that is made to be killed: it prints each payload before it
acknowledges it, and after so many it reads on but acknowledges no more.

    python consumer.py PORT CA CERT KEY FILTER ACKNOWLEDGED
"""

import pathlib
import sys
import threading

from harness import Device
from mqtt_client import Client


def main():
    port, ca, cert, key, filter, limit = sys.argv[1:]
    device = Device("", "", cert, key, pathlib.Path(ca))
    client = Client("doomed", manual_ack=True).tls(device)
    acknowledged = 0

    def received(_, __, message):
        nonlocal acknowledged
        holding = acknowledged == int(limit)
        print("held" if holding else "done", message.payload.decode(), flush=True)
        if not holding:
            acknowledged += 1
            client.paho.ack(message.mid, message.qos)

    client.paho.on_message = received
    client.connect(int(port))
    client.subscribe(filter)
    print("subscribed", flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    main()
