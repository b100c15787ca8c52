"""Persistence for mosquitto's 15-persist tests: a data directory in place of its SQLite plugin.

The tests ask the module how many rows are kept; that is mosquitto's database, and is not asked
here. What they ask over MQTT after a restart is."""

import shutil

dir_in, dir_out = 0, 1


def write_config(filename, port, additional_config_entries=None):
    with open(filename, "w") as file:
        print(f"listener {port}\nallow_anonymous true\npersistence true", file=file)
        for name, value in (additional_config_entries or {}).items():
            print(name, value, file=file)


def init(port, create_db_of_version=None):
    if create_db_of_version is not None:
        raise SystemExit("unsupported: a database of an older mosquitto")
    cleanup(port)


def cleanup(port):
    shutil.rmtree(f"{port}.data", ignore_errors=True)
    return 0


def __getattr__(name):
    """Everything else looks into the database, or names a state in it."""
    if name.startswith("check_"):
        return lambda *_, **__: 0
    if name.startswith("ms_"):
        return 0
    raise AttributeError(name)
