"""What a tool can check of the Python here, ruff checks; its settings are in ruff.toml."""

import re
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


def test_each_attack_has_its_test():
    """The tests that docs/testing.md names for the list of attacks are there, and no case is left out."""
    rows = re.findall(
        r"^\| ((?:[A-N]\d\d ?)+) \|.*\| `(\w+)` \|$",
        (ROOT / "docs" / "testing.md").read_text(),
        re.MULTILINE,
    )
    folders = [ROOT / "tests", ROOT / "broker" / "src"]
    sources = [
        file for folder in folders for file in folder.rglob("*.*") if file.suffix in (".py", ".rs")
    ]
    functions = {
        name
        for file in sources
        for name in re.findall(r"^\s*(?:def|fn) (\w+)\(", file.read_text(), re.MULTILINE)
    }
    assert {test for _, test in rows} <= functions
    cases = {case for cases, _ in rows for case in cases.split()}
    # By class, as the list numbers them.
    counts = {"A": 26, "B": 39, "F": 10, "G": 7, "H": 7, "I": 20, "J": 7, "K": 3}
    counts |= {"N": 4, "L": 6, "M": 4}
    expected = {
        f"{name}{number:02}" for name, count in counts.items() for number in range(1, count + 1)
    }
    assert cases == expected
