"""Publishes to a topic and receives what it published, over MQTT with a client certificate.

The options are those of the `pubsub.py` that AWS's tutorial has you run, and it uses the AWS IoT
Device SDK for Python (`pip install awsiotsdk`):

    python pubsub.py --endpoint localhost --port 8883 --ca_file certs/Amazon-root-CA-1.pem \
        --cert certs/device.pem.crt --key certs/private.pem.key \
        --client_id test-1 --topic test/topic --count 10

Exits 0 when every message came back, 1 when the server refused something or fell silent.
"""

import argparse
import queue
import sys
from concurrent.futures import TimeoutError

from awscrt import mqtt
from awscrt.exceptions import AwsCrtError
from awsiot import mqtt_connection_builder

PATIENCE_S = 20


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--endpoint", required=True, help="host name of the server")
    parser.add_argument("--port", type=int, default=8883)
    parser.add_argument("--ca_file", help="certificate of the authority that signed the server's")
    parser.add_argument("--cert", required=True, help="the device's certificate, PEM")
    parser.add_argument("--key", required=True, help="the device's private key, PEM")
    parser.add_argument("--client_id", default="test-1")
    parser.add_argument("--topic", default="test/topic")
    parser.add_argument("--message", default="Hello World!")
    parser.add_argument("--count", type=int, default=10, help="how many messages")
    return parser.parse_args()


def connected(args, interrupted):
    connection = mqtt_connection_builder.mtls_from_path(
        endpoint=args.endpoint,
        port=args.port,
        ca_filepath=args.ca_file,
        cert_filepath=args.cert,
        pri_key_filepath=args.key,
        client_id=args.client_id,
        clean_session=False,
        keep_alive_secs=30,
        on_connection_interrupted=lambda connection, error, **rest: interrupted.put(error),
    )
    print(f"Connecting to {args.endpoint}:{args.port} as '{args.client_id}'")
    connection.connect().result(PATIENCE_S)
    print("Connected")
    return connection


def exchange(connection, args, received):
    """Sends every message and waits for it to come back; both ways at QoS 1."""
    subscribed, _ = connection.subscribe(
        topic=args.topic,
        qos=mqtt.QoS.AT_LEAST_ONCE,
        callback=lambda topic, payload, **rest: received.put((topic, payload)),
    )
    print(f"Subscribed to '{args.topic}' with {subscribed.result(PATIENCE_S)['qos']}")
    for number in range(1, args.count + 1):
        payload = f"{args.message} [{number}]"
        published, _ = connection.publish(args.topic, payload, mqtt.QoS.AT_LEAST_ONCE)
        published.result(PATIENCE_S)
        topic, payload = received.get(timeout=PATIENCE_S)
        print(f"Received from '{topic}': {payload.decode()}")
    print(f"{args.count} messages received")


def main():
    args = arguments()
    received, interrupted = queue.Queue(), queue.Queue()
    try:
        connection = connected(args, interrupted)
        exchange(connection, args, received)
        connection.disconnect().result(PATIENCE_S)
    except AwsCrtError as error:
        return f"refused: {error}"
    except (TimeoutError, queue.Empty):
        cause = "the server closed the connection" if not interrupted.empty() else "no answer"
        return f"refused: {cause}"
    print("Disconnected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
