#!/usr/bin/env python3
"""Makes the pictures of docs/view.md: starts concert and a headless Chromium.

    python3 docs/view_pictures.py [--concert PATH] [--transfers TABLE.csv]

Needs chromium and chromedriver (Debian: chromium, chromium-driver), and Pillow,
which brings the pictures down to a palette. Without a table of Taskonomy's, the
choice is shown on the one that ships.
"""

import argparse
import base64
import io
import json
import pathlib
import socket
import subprocess
import time
import urllib.request

from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
MOST_BYTES = 200_000


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Browser:
    """A headless Chromium with one window (WebDriver, W3C)."""

    def __init__(self):
        self.port = free_port()
        self.driver = subprocess.Popen(
            ["chromedriver", f"--port={self.port}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(100):
            try:
                self.call("GET", "/status")
                break
            except OSError:
                time.sleep(0.1)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        capabilities = {"goog:chromeOptions": {"args": arguments}}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session = f"/session/{session['sessionId']}"

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)["value"]

    def devtools(self, command, **parameters):
        body = {"cmd": command, "params": parameters}
        return self.call("POST", f"{self.session}/goog/cdp/execute", body)

    def run(self, script):
        return self.call("POST", f"{self.session}/execute/sync", {"script": script, "args": []})

    def until(self, script, seconds=120):
        for _ in range(seconds * 5):
            if self.run(script):
                return
            time.sleep(0.2)
        raise SystemExit(f"not within {seconds} s: {script}")

    def open(self, url, width, height, scheme):
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.devtools("Emulation.setEmulatedMedia", features=[feature])
        self.call("POST", f"{self.session}/url", {"url": url})
        self.until("return document.getElementById('reach').textContent.includes('robot/')")

    def keep(self, name):
        shot = self.devtools("Page.captureScreenshot", format="png")
        picture = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
        for colours in (256, 160, 96, 64):
            small = picture.quantize(colours, dither=Image.Dither.NONE)
            small.save(HERE / name, optimize=True)
            if (HERE / name).stat().st_size <= MOST_BYTES:
                break
        print(f"{HERE / name}: {(HERE / name).stat().st_size} bytes")

    def close(self):
        self.call("DELETE", self.session)
        self.driver.terminate()
        self.driver.wait()


def switch(task, on):
    """Switches an output of the page on or off."""
    script = f"""
        const toggle = document.querySelector('[aria-label="show {task}"]');
        if (toggle && toggle.getAttribute('aria-checked') !== '{str(on).lower()}') toggle.click();
    """
    return script


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--concert", default=str(HERE.parent / "target/debug/concert"))
    arguments.add_argument("--transfers")
    arguments = arguments.parse_args()
    endpoint = f"tcp/127.0.0.1:{free_port()}"
    page, chooser = free_port(), free_port()
    serve = [arguments.concert, "serve", "home", "--listen", endpoint, "--quiet"]
    serve += [f"--view=127.0.0.1:{page}", "--allow-control"]
    view = [arguments.concert, "view", "--connect", endpoint, "--listen", f"127.0.0.1:{chooser}"]
    if arguments.transfers:
        view += ["--transfers", arguments.transfers]
    started = [subprocess.Popen(command, cwd=HERE.parent) for command in (serve, view)]
    browser = Browser()
    try:
        time.sleep(3)
        browser.open(f"http://127.0.0.1:{page}/", 1360, 1000, "dark")
        browser.until("return document.querySelectorAll('#outputs .row').length > 5")
        for task, on in (("class scene", False), ("room layout", True), ("segment semantic", True),
                         ("depth zbuffer", False), ("odometry", True)):
            browser.run(switch(task, on))
        time.sleep(45)
        browser.keep("view_watch.png")
        browser.open(f"http://127.0.0.1:{chooser}/", 1360, 1100, "light")
        browser.until("return !document.getElementById('solve').disabled")
        # A computer that is busy may not prove it within half a second.
        for _ in range(10):
            browser.run("document.getElementById('solve').click()")
            time.sleep(2)
            if browser.run("return document.getElementById('proof').textContent.startsWith('proved')"):
                break
        browser.run("document.querySelector('.dials').scrollIntoView(); window.scrollBy(0, -70)")
        time.sleep(2)
        browser.keep("view_choose.png")
        browser.open(f"http://127.0.0.1:{page}/", 390, 844, "dark")
        browser.until("return document.querySelectorAll('#outputs .row').length > 5")
        time.sleep(15)
        browser.keep("view_phone.png")
    finally:
        browser.close()
        for process in started:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
