"""Chromium without a window, driven over its own protocol by two pipes: no port, no driver, no library."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from helpers.absent import absent

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--force-color-profile=srgb", "--remote-debugging-pipe",
)  # fmt: skip
SECONDS = 60
KEYS = {
    "Tab": 9, "Enter": 13, " ": 32, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39,
    "ArrowDown": 40,
}  # fmt: skip


class Page:
    """One open page. errors: what it wrote to its console or threw. requests: addresses that it asked for."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session
        self.errors: list[str] = []
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.command(f"{domain}.enable")

    def command(self, method: str, **parameters: Any) -> Any:
        """Send a command of the protocol and wait for its answer."""
        return self._browser.command(method, parameters, self._session)

    def open(self, path: Path, script: bool = True) -> None:
        """Load a file and wait until it is loaded."""
        self.command("Emulation.setScriptExecutionDisabled", value=not script)
        self._browser.loaded = False
        self.command("Page.navigate", url=path.resolve().as_uri())
        self._browser.wait_for_load()

    def size(self, width: int, height: int, dark: bool = False) -> None:
        """The window's size in pixels, and which of light and dark the system prefers."""
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript gives, as JSON."""
        found = self.command("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        code = {"key": key, "code": "Space" if key == " " else key, "windowsVirtualKeyCode": KEYS[key]}
        text = {" ": {"text": " "}, "Enter": {"text": "\r"}}.get(key, {})
        self.command("Input.dispatchKeyEvent", type="keyDown", **code, **text)
        self.command("Input.dispatchKeyEvent", type="keyUp", **code)
        # what the key has started has ended when two more frames have been drawn
        frames = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.command("Runtime.evaluate", expression=frames, awaitPromise=True)

    def screenshot(self, path: Path) -> None:
        """Write the whole page as a PNG."""
        found = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))


class Browser:
    """A running Chromium."""

    def __init__(self, process: subprocess.Popen[bytes], to: int, back: int) -> None:
        self.process, self._to, self._back = process, to, back
        self._ids = itertools.count(1)
        self._rest = b""
        self._page: Page | None = None
        self.loaded = False

    def page(self) -> Page:
        """Open an empty page."""
        target = self.command("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.command("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        self._page = Page(self, session)
        return self._page

    def command(self, method: str, parameters: dict[str, Any], session: str | None = None) -> Any:
        """Send a command and wait for its answer; events that come before it are kept."""
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        os.write(self._to, json.dumps(message | ({"sessionId": session} if session else {})).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._keep(answer)

    def wait_for_load(self) -> None:
        """Wait for the event that a page has loaded."""
        while not self.loaded:
            self._keep(self._next())

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + SECONDS
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._back], [], [], max(0.0, end - time.monotonic()))
            part = os.read(self._back, 1 << 16) if ready else b""
            assert part, "the browser does not answer" if not ready else "the browser has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _keep(self, event: dict[str, Any]) -> None:
        method, parameters = event.get("method"), event.get("params", {})
        if method == "Page.loadEventFired":
            self.loaded = True
        if self._page is None:
            return
        if method == "Runtime.exceptionThrown":
            self._page.errors.append(json.dumps(parameters["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled":
            self._page.errors.append(json.dumps(parameters["args"]))
        elif method == "Log.entryAdded":
            self._page.errors.append(parameters["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self._page.requests.append(parameters["request"]["url"])


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A Chromium; where there is none, `absent`."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        absent("chromium", f"none of {', '.join(NAMES)} is installed")
    (read_to, write_to), (read_back, write_back) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        arguments = [program, *FLAGS, f"--user-data-dir={folder}"]
        # The browser reads commands from its descriptor 3 and answers on 4.
        shell = ["bash", "-c", f'exec "$@" 3<&{read_to} 4>&{write_back}', "bash", *arguments]
        process = subprocess.Popen(
            shell, pass_fds=(read_to, write_back), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(read_to)
        os.close(write_back)
        try:
            yield Browser(process, write_to, read_back)
        finally:
            with contextlib.suppress(OSError):
                os.write(write_to, b'{"id": 0, "method": "Browser.close"}\0')
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(write_to)
            os.close(read_back)
