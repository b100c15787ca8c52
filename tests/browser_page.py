"""One page in a real Chromium, for tests that do with it what a person would."""

import json
import shutil
import subprocess

import pytest

from aws_clients import node, node_env
from harness import DEADLINE_S, ROOT, Process, environment


def chromium():
    """The browser; skips the test where there is none."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if not program:
        pytest.skip("chromium is missing: install it (Debian: apt-get install chromium)")
    return program


class Page(Process):
    """The page. Each method waits until the browser has done it; `until` for what is to come."""

    def __init__(self):
        options = {"chromium": chromium(), "timeoutMs": DEADLINE_S * 1000 * 9 // 10}
        super().__init__(
            node(),
            ROOT / "tests" / "js" / "page.cjs",
            json.dumps(options),
            env=node_env(environment()),
            stdin=subprocess.PIPE,
        )
        self._answer()

    def _answer(self):
        line = self.line()
        try:
            answer = json.loads(line)
        except ValueError:
            raise AssertionError([line, *self.rest()]) from None
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def __getattr__(self, name):
        def do(*given):
            self.process.stdin.write(json.dumps([name, *given]) + "\n")
            self.process.stdin.flush()
            return self._answer()

        return do

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(DEADLINE_S)
        finally:
            super().__exit__()


class Console(Page):
    """The console of a server."""

    def open(self, server):
        assert self.goto(f"{server.api_url}/console/") == 200
        return self

    def connected(self):
        self.until("document.querySelector('#state').dataset.state === 'connected'")
        return self.text("#state").removeprefix("Connected as ")

    def subscribe(self, *filters, qos="1", keep="100"):
        self.fill("#subscribe [name=filters]", "\n".join(filters))
        self.select("#subscribe [name=qos]", qos)
        self.fill("#subscribe [name=keep]", keep)
        self.click("#subscribe .primary")
        return self.outcome("subscribe")

    def publish(self, topic, payload, qos="1", retain=False):
        self.fill("#publish [name=topic]", topic)
        self.fill("#publish [name=payload]", payload)
        self.select("#publish [name=qos]", qos)
        self.check("#publish [name=retain]", retain)
        self.click("#publish .primary")
        return self.outcome("publish")

    def outcome(self, form):
        """What the page says under a form, once it says something."""
        return self.until(f"document.querySelector('#{form}-outcome').textContent")

    def filters(self):
        return self.texts("#subscriptions .filter")

    def messages(self, count):
        """The payloads of the messages shown, newest first, once there are so many."""
        self.until(f"document.querySelectorAll('#messages > li').length === {count}")
        return self.texts("#messages pre")

    def event(self, *texts):
        """The line of the activity view with all of these texts, once it is there."""
        return self.until(
            f"Array.from(document.querySelectorAll('#events summary'), (line) => line.textContent)"
            f".find((line) => {json.dumps(texts)}.every((text) => line.includes(text)))"
        )
