"""paho-mqtt with its callbacks turned into events that a test waits for."""

import queue
import ssl

from paho.mqtt import client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from harness import DEADLINE_S

V3, V5 = paho.MQTTv311, paho.MQTTv5
VERSIONS = {"v3.1.1": V3, "v5": V5}


class Client:
    """One client. Every packet from the server lands in the queue of its kind."""

    keep_alive_s = 60

    def __init__(self, client_id, version=V3, clean=True, transport="tcp", expiry_s=None, **more):
        options = {} if version == V5 else {"clean_session": clean}
        self.version, self.clean, self.expiry_s = version, clean, expiry_s
        self.paho = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=version,
            transport=transport,
            reconnect_on_failure=False,
            **options,
            **more,
        )
        self.connacks, self.disconnects = queue.Queue(), queue.Queue()
        self.messages, self.pubacks, self.subacks = queue.Queue(), queue.Queue(), queue.Queue()
        self.paho.on_connect = lambda c, u, flags, reason, p: self.connacks.put((reason, flags, p))
        self.paho.on_disconnect = lambda c, u, flags, reason, p: self.disconnects.put(reason)
        self.paho.on_message = lambda c, u, message: self.messages.put(message)
        self.paho.on_publish = lambda c, u, mid, reason, p: self.pubacks.put((mid, reason))
        self.paho.on_subscribe = lambda c, u, mid, reasons, p: self.subacks.put((mid, reasons))

    def tls(self, device=None, ca=None, alpn=None):
        """TLS, with the device's certificate if there is a device."""
        context = ssl.create_default_context(cafile=ca or device.ca)
        if device:
            context.load_cert_chain(device.cert, device.key)
        if alpn:
            context.set_alpn_protocols([alpn])
        self.paho.tls_set_context(context)
        return self

    def start(self, port, host="localhost"):
        """Sends CONNECT and does not look at the answer."""
        options = {"clean_start": self.clean} if self.version == V5 else {}
        if self.expiry_s is not None:
            options["properties"] = Properties(PacketTypes.CONNECT)
            options["properties"].SessionExpiryInterval = self.expiry_s
        self.paho.connect(host, port, keepalive=self.keep_alive_s, **options)
        self.paho.loop_start()
        return self

    def connect(self, port, host="localhost"):
        """Connects; whether the session was there is in `session_present`."""
        self.start(port, host)
        reason, flags, self.connack_properties = self.connacks.get(timeout=DEADLINE_S)
        assert reason == 0, reason
        self.session_present = flags.session_present
        return self

    def subscribe(self, *filters, qos=1):
        """Subscribes and is answered; the reason codes."""
        self.paho.subscribe([(filter, qos) for filter in filters])
        _, reasons = self.subacks.get(timeout=DEADLINE_S)
        return [reason.value for reason in reasons]

    def publish(self, topic, payload=b"", qos=1, retain=False, properties=None):
        """Publishes; with QoS 1 the reason code of its PUBACK."""
        self.paho.publish(topic, payload, qos, retain, properties)
        return self.puback()

    def puback(self):
        return self.pubacks.get(timeout=DEADLINE_S)[1].value

    def message(self):
        return self.messages.get(timeout=DEADLINE_S)

    def payload(self):
        return self.message().payload.decode()

    def closed(self):
        """Waits until the server has closed the connection; the reason."""
        return self.disconnects.get(timeout=DEADLINE_S)

    def close(self):
        self.paho.disconnect()
        self.paho.loop_stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def tls_client(server, device, client_id, **options):
    """A client connected over mutual TLS."""
    return Client(client_id, **options).tls(device).connect(server.mqtts_port)


def plain_client(server, client_id, **options):
    """A client connected without TLS: anonymous, and allowed everything."""
    return Client(client_id, **options).connect(server.mqtt_port, "127.0.0.1")
