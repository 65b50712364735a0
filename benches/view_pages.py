"""What open pages cost the frames: percentiles of a server without a page, with one and with twenty.

    cargo build --release
    python3 benches/view_pages.py [--concert PROGRAM] [--pages 0,1,20] [--rounds 3] [--frames 300] [--json]

Each run is `concert demo --policy home` on photographs, every output computed whoever listens, with its view in the same
process; pages are sockets that show the image and four outputs, and say of every message that it is drawn. They take the
processor only where nobody else wants it, so that what is measured is the server. The numbers of pages take turns.

Printed of each number of pages, the median over the rounds: frames per second, median and 99th percentile of an encoder's
run and of the latency of depth (from a frame's arrival until the output leaves; ms), processor seconds of the server for
each frame (ms), and messages that the pages got in all. `--json` prints one object.
"""

import argparse
import base64
import json
import os
import pathlib
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time

PROJECT = pathlib.Path(__file__).resolve().parents[1]
SHOWN = ["image", "depth_zbuffer", "normal", "segment_semantic", "room_layout", "odometry"]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Page(threading.Thread):
    """A page that shows everything, and draws at once."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.messages = 0
        self.stream = socket.create_connection(("127.0.0.1", port))
        key = base64.b64encode(os.urandom(16)).decode()
        self.stream.sendall(
            (
                f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nOrigin: http://127.0.0.1:{port}\r\n\r\n"
            ).encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.read(1)
        if b" 101 " not in head.splitlines()[0]:
            raise SystemExit(head.decode())
        self.say({"show": SHOWN})

    def read(self, count):
        parts = []
        while count:
            part = self.stream.recv(count)
            if not part:
                raise ConnectionError("the view ended")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def say(self, message):
        body = json.dumps(message).encode()
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(body))
        self.stream.sendall(struct.pack("!BB", 0x81, 0x80 | len(body)) + mask + masked)

    def run(self):
        # This thread alone; the server keeps its own priority.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        try:
            while True:
                kind, length = self.read(2)
                if length == 126:
                    (length,) = struct.unpack("!H", self.read(2))
                elif length == 127:
                    (length,) = struct.unpack("!Q", self.read(8))
                body = self.read(length)
                if kind & 0x0F == 2:
                    (head,) = struct.unpack("<I", body[:4])
                    # The number stands first.
                    self.messages += 1
                    self.say({"ack": int(body[4 : 4 + min(head, 40)].split(b":")[1].split(b",")[0])})
        except (ConnectionError, OSError):
            pass


def run(arguments, pages):
    """One server with so many pages; its figures."""
    port = free_port()
    command = [arguments.concert, "demo", "--policy", "home", "--image", "launch/photographs", "--json", "--quiet"]
    command += ["--frames", str(arguments.frames), "--prefix", "bench", "--listen", f"tcp/127.0.0.1:{free_port()}"]
    before = os.times()
    server = subprocess.Popen(
        [*command, f"--view=127.0.0.1:{port}"], cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    opened = []
    while len(opened) < pages and server.poll() is None:
        try:
            opened.append(Page(port))
            opened[-1].start()
        except OSError:
            time.sleep(0.05)
    out, _ = server.communicate()
    after = os.times()
    figures = json.loads(out)["figures"]
    depth = next(target for target in figures["targets"] if target["key"] == "depth_zbuffer")
    processed = sum(camera["counts"]["processed"] for camera in figures["cameras"])
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {
        "frames_per_second": processed / figures["seconds"],
        "encoder_p50_ms": figures["encoders"][0]["run"]["p50_millis"],
        "encoder_p99_ms": figures["encoders"][0]["run"]["p99_millis"],
        "latency_p50_ms": depth["latency"]["p50_millis"],
        "latency_p99_ms": depth["latency"]["p99_millis"],
        "cpu_ms_per_frame": 1e3 * cpu / max(1, processed),
        "messages": sum(page.messages for page in opened),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concert", default=str(PROJECT / "target/release/concert"))
    parser.add_argument("--pages", default="0,1,20", type=lambda text: [int(part) for part in text.split(",")])
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--frames", default=300, type=int)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = {pages: [] for pages in arguments.pages}
    for number in range(arguments.rounds):
        for pages in arguments.pages:
            found[pages].append(run(arguments, pages))
            print(f"round {number + 1}, {pages} pages: {found[pages][-1]}", file=sys.stderr)
    medians = {
        pages: {name: statistics.median(one[name] for one in runs) for name in runs[0]} for pages, runs in found.items()
    }
    if arguments.json:
        print(json.dumps({str(pages): one for pages, one in medians.items()}))
        return
    names = list(next(iter(medians.values())))
    print("pages  " + "  ".join(f"{name:>17}" for name in names))
    for pages, one in medians.items():
        print(f"{pages:>5}  " + "  ".join(f"{one[name]:17.2f}" for name in names))


if __name__ == "__main__":
    main()
