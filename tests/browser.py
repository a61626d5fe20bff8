"""Headless Chromium, driven over a pipe with the DevTools protocol: https://chromedevtools.github.io/devtools-protocol/"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_chromium = unittest.skipUnless(CHROMIUM, "needs chromium: apt-get install chromium")

ANSWER_LIMIT_S = 60.0
# It reads commands from descriptor 3, and writes answers to 4; either ends with a zero byte.
ON_A_PIPE = 'exec "$@" 3<&0 4>&1 0</dev/null 1>/dev/null 2>/dev/null'
FLAGS = (
    *("--headless", "--no-sandbox", "--remote-debugging-pipe", "--hide-scrollbars", "--disable-gpu"),
    *("--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update"),
)


class Tab:
    """A page as it is shown: `requests` are the addresses that it asked for, itself first; `complaints` what Chromium
    says of it: errors of scripts, what its Content-Security-Policy kept away, what could not be loaded.
    """

    def __init__(self, browser: "Browser", session: str) -> None:
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._browser = browser
        self._session = session

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression in the page, as JSON has it; a promise is waited for."""
        asked = {"expression": expression, "returnByValue": True, "awaitPromise": True}
        answer = self._ask("Runtime.evaluate", asked)
        if problem := answer.get("exceptionDetails"):
            raise AssertionError(f"{expression}: {problem.get('exception', problem)}")
        return answer["result"].get("value")

    def screenshot(self, path: Path, whole: bool = True) -> None:
        """Write what is shown as a PNG: the whole page, or what fits the window."""
        answer = self._ask("Page.captureScreenshot", {"captureBeyondViewport": whole})
        path.write_bytes(base64.b64decode(answer["data"]))

    def close(self) -> None:
        """Let go of it."""
        self._browser.close_tab(self._session)

    def show(self, url: str, width: int, height: int, dark: bool, phone: bool) -> None:
        """Go there, and wait until everything is loaded and drawn."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._ask(f"{domain}.enable")
        window = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
        self._ask("Emulation.setDeviceMetricsOverride", window)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", {"features": [scheme]})
        if problem := self._ask("Page.navigate", {"url": url}).get("errorText"):
            raise AssertionError(f"{url}: {problem}")
        self.evaluate("new Promise(done => { if (document.readyState === 'complete') done(); else onload = done; })")
        self.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done())))")

    def notice(self, event: dict[str, Any]) -> None:
        """Keep what the browser says of its own accord."""
        match event:
            case {"method": "Network.requestWillBeSent", "params": {"request": {"url": url}}}:
                self.requests.append(url)
            case {"method": "Log.entryAdded", "params": {"entry": {"text": text}}}:
                self.complaints.append(text)
            case {"method": "Runtime.exceptionThrown", "params": {"exceptionDetails": details}}:
                self.complaints.append(str(details))

    def _ask(self, method: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        return self._browser.ask(method, parameters, self._session)


class Browser:
    """A Chromium that has no cookies and no history; `browsing` starts and ends one."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._commands = cast(IO[bytes], process.stdin)
        self._answers = cast(IO[bytes], process.stdout)
        self._unread = b""
        self._asked = 0
        self._tabs: dict[str, Tab] = {}

    def open(self, url: str, width: int = 1280, height: int = 900, *, dark: bool = False, phone: bool = False) -> Tab:
        """The page of this address in a window of so many CSS pixels. A phone's is as wide as the page's
        `<meta name="viewport">` says.
        """
        target = self.ask("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.ask("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._tabs[session] = tab = Tab(self, session)
        tab.show(url, width, height, dark, phone)
        return tab

    def close_tab(self, session: str) -> None:
        """What `Tab.close` does."""
        self.ask("Page.close", session=session)
        del self._tabs[session]

    def ask(self, method: str, parameters: dict[str, Any] | None = None, session: str | None = None) -> dict[str, Any]:
        """The result of a method of the protocol."""
        self._asked += 1
        asked = {"id": self._asked, "method": method, "params": parameters or {}}
        self._commands.write(json.dumps({**asked, "sessionId": session} if session else asked).encode() + b"\0")
        self._commands.flush()
        enough = time.monotonic() + ANSWER_LIMIT_S
        while True:
            message = self._next_message(enough)
            if message.get("id") == self._asked:
                if "error" in message:
                    raise AssertionError(f"{method}: {message['error']}")
                return cast(dict[str, Any], message["result"])
            if tab := self._tabs.get(message.get("sessionId", "")):
                tab.notice(message)

    def _next_message(self, enough: float) -> dict[str, Any]:
        while b"\0" not in self._unread:
            readable, _, _ = select.select([self._answers], [], [], max(0.0, enough - time.monotonic()))
            if not readable or not (more := os.read(self._answers.fileno(), 1 << 16)):
                raise AssertionError("chromium has ended" if readable else "chromium does not answer")
            self._unread += more
        message, _, self._unread = self._unread.partition(b"\0")
        return cast(dict[str, Any], json.loads(message))


@contextmanager
def browsing() -> Iterator[Browser]:
    """A browser of its own, which ends with the block."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = subprocess.Popen(
            ["sh", "-c", ON_A_PIPE, "sh", CHROMIUM, *FLAGS, f"--user-data-dir={profile}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            yield Browser(process)
        finally:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """It ends when nobody commands it any more; whatever of it is left then is killed."""
    cast(IO[bytes], process.stdin).close()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    cast(IO[bytes], process.stdout).close()
