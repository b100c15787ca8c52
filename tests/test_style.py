"""What a tool can check of the Python here, ruff checks; its settings are in ruff.toml."""

import subprocess
import sys

import pytest

from harness import EXAMPLES, ROOT


@pytest.mark.parametrize("command", [["check"], ["format", "--check"]])
def test_python_is_clean_and_formatted(command):
    folders = [str(ROOT / "tests"), str(EXAMPLES)]
    options = ["--no-cache", "--config", str(ROOT / "ruff.toml")]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command, *options, *folders],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
