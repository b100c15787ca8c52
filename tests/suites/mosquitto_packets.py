"""What mosquitto's tests expect and what they got, compared as MQTT 5 compares them.

mosquitto compares bytes. The order of properties has no meaning (MQTT 5.0 [2.2.2.2]), so both
sides are put in order before that."""

FIXED = {1: 1, 2: 4, 17: 4, 19: 2, 23: 1, 24: 4, 25: 1, 33: 2, 34: 2, 35: 2, 36: 1, 37: 1, 39: 4}
FIXED |= {40: 1, 41: 1, 42: 1}
"""Bytes of the properties that have a fixed length, by identifier."""
STRINGS = {3: 1, 8: 1, 9: 1, 18: 1, 21: 1, 22: 1, 26: 1, 28: 1, 31: 1, 38: 2}
"""Length-prefixed parts of the others."""
VARIABLE = 11
"""Subscription Identifier, a variable byte integer."""


class Cut(Exception):
    """The bytes are no whole packet with well formed properties."""


def variable(data, at):
    """A variable byte integer: its value and where it ends."""
    value = shift = 0
    while at < len(data) and shift < 28:
        value |= (data[at] & 0x7F) << shift
        at += 1
        if not data[at - 1] & 0x80:
            return value, at
        shift += 7
    raise Cut


def property_end(data, at):
    """Where the property that begins at `at` ends."""
    identifier = data[at]
    at += 1
    if identifier in FIXED:
        return at + FIXED[identifier]
    if identifier == VARIABLE:
        return variable(data, at)[1]
    for _ in range(STRINGS.get(identifier, 0)):
        at += 2 + int.from_bytes(data[at : at + 2], "big")
    if identifier not in STRINGS:
        raise Cut
    return at


def ordered(properties):
    """Properties by identifier; those of one identifier keep their order."""
    parts, at = [], 0
    while at < len(properties):
        end = property_end(properties, at)
        if end > len(properties):
            raise Cut
        parts.append(properties[at:end])
        at = end
    return b"".join(sorted(parts, key=lambda part: part[0]))


def properties_start(kind, body):
    """Where the length of the properties stands in the body of a packet of MQTT 5."""
    match kind >> 4:
        case 2:
            return 2
        case 3:
            return 2 + int.from_bytes(body[:2], "big") + (2 if kind & 6 else 0)
        case 4 | 5 | 6 | 7:
            return 3
        case 8 | 9 | 10 | 11:
            return 2
        case 14 | 15:
            return 1
    raise Cut


def packet(data):
    """One packet from the front of the bytes, put in order, and the rest of the bytes."""
    length, start = variable(data, 1)
    body, rest = data[start : start + length], data[start + length :]
    if len(body) < length:
        raise Cut
    at = properties_start(data[0], body)
    if at >= len(body):
        return data[: start + length], rest
    size, first = variable(body, at)
    body = body[:first] + ordered(body[first : first + size]) + body[first + size :]
    return data[:start] + body, rest


def canonical(data):
    """All packets in the bytes with their properties in order; the bytes themselves if they are
    not whole packets of MQTT 5."""
    done, rest = b"", data
    try:
        while rest:
            one, rest = packet(rest)
            done += one
    except (Cut, IndexError):
        return data
    return done


def same(received, expected):
    """Whether the packets mean the same."""
    return received == expected or canonical(received) == canonical(expected)
