"""Connections of AWS's IoT Device SDK for Python, as in its samples."""

import queue
from contextlib import contextmanager

from awscrt.mqtt_request_response import ClientOptions
from awsiot import mqtt5_client_builder, mqtt_connection_builder

from harness import DEADLINE_S

# What a service client of the second kind may have open.
OPTIONS = ClientOptions(6, 2, operation_timeout_in_seconds=DEADLINE_S)


def _where(server, device, client_id):
    return {
        "endpoint": "localhost",
        "port": server.mqtts_port,
        "cert_filepath": str(device.cert),
        "pri_key_filepath": str(device.key),
        "ca_filepath": str(device.ca),
        "client_id": client_id,
    }


@contextmanager
def sdk(server, device, client_id):
    """A connection by MQTT 3.1.1, for service clients of the first kind."""
    connection = mqtt_connection_builder.mtls_from_path(
        clean_session=False, keep_alive_secs=30, **_where(server, device, client_id)
    )
    connection.connect().result(DEADLINE_S)
    yield connection
    connection.disconnect().result(DEADLINE_S)


@contextmanager
def sdk5(server, device, client_id):
    """A client of MQTT 5, for service clients of the second kind."""
    connected = queue.Queue()
    client = mqtt5_client_builder.mtls_from_path(
        on_lifecycle_connection_success=connected.put, **_where(server, device, client_id)
    )
    client.start()
    connected.get(timeout=DEADLINE_S)
    yield client
    client.stop()
