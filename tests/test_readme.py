"""The tutorial of README.md, run as it stands there."""

import os
import pathlib
import re
import subprocess
import sys

from harness import EXAMPLES, ROOT, binary, environment


def commands():
    """Every block marked `sh`, in order."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.S | re.M)
    assert len(blocks) > 5
    return "\n".join(blocks)


def test_the_tutorial_of_the_readme_works_as_written(server, tmp_path):
    (tmp_path / "examples").symlink_to(EXAMPLES)
    # Its ports are the default ones; here the system chose them.
    ports = {"9883": server.api_port, "8883": server.mqtts_port}
    script = re.sub("|".join(ports), lambda found: str(ports[found[0]]), commands())
    tools = [pathlib.Path(sys.executable).parent, pathlib.Path(binary()).resolve().parent]
    path = ":".join([*map(str, tools), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-euxo", "pipefail", "-c", script],
        cwd=tmp_path,
        env=environment(PATH=path, THINGCORE_URL=server.api_url, AWS_PAGER=""),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
    )
    assert done.returncode == 0, done.stdout
    assert "10 messages received" in done.stdout
    assert "refused: " in done.stdout
    [stored] = (tmp_path / "readings" / "room1").iterdir()
    assert stored.read_text() == '{"temperature":31.5,"humidity":65}'
    assert '"deviceId": "device001"' in done.stdout.rsplit("function logs", 1)[1]
