"""A client of a running server: what it publishes, what it is asked and given."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import numpy.typing as npt
import zenoh

from . import messages
from .errors import ConcertError, NoAnswer, Refused, Unreadable
from .output import Intrinsics, Output, Provenance, Status

DEFAULT_PREFIX = "robot/perception"
DEFAULT_ENDPOINT = "tcp/127.0.0.1:7448"
# How long the intrinsics of an output may take to come after it, s. They are sent right
# behind it where the camera's are known.
INTRINSICS_WAIT = 0.1


_Me = TypeVar("_Me", bound="_Closes")


class _Closes:
    """What is closed at the end of a `with` statement."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self: _Me) -> _Me:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Client(_Closes):
    """A client of the server that listens at an endpoint and publishes below a prefix.

    Uses one session of zenoh, as a client: what the server allows to who comes in there it
    allows to this. Close it, or use it in a `with` statement.
    """

    def __init__(
        self,
        prefix: str = DEFAULT_PREFIX,
        connect: str = DEFAULT_ENDPOINT,
        timeout: float = 10.0,
    ):
        """Connects within `timeout` seconds, or raises `NoAnswer`."""
        self.prefix = prefix
        config = zenoh.Config()
        config.insert_json5("mode", '"client"')
        config.insert_json5("connect/endpoints", json.dumps([connect]))
        config.insert_json5("connect/timeout_ms", str(int(timeout * 1000)))
        config.insert_json5("scouting/multicast/enabled", "false")
        try:
            self._session = zenoh.open(config)
        except zenoh.ZError as fault:
            raise NoAnswer(f"nobody answers at {connect} within {timeout:g} s: {fault}") from fault

    def close(self) -> None:
        """Ends the session; subscriptions end with it."""
        self._session.close()

    def _key(self, key: str) -> str:
        return f"{self.prefix}/{key}"

    def subscribe(self, key: str) -> Subscription:
        """Listens to an output (`depth_zbuffer`, with several cameras `front/depth_zbuffer`) or
        to the camera's `image`. From now on the server computes it."""
        return Subscription(self._session, self.prefix, key)

    def status(self, timeout: float = 5.0) -> Status:
        """The next status of the server, which makes one every second."""
        newest = _Newest()
        subscriber = self._session.declare_subscriber(self._key("status"), newest.put)
        try:
            _, payload, _ = newest.take(timeout, f"no status of {self.prefix}")
        finally:
            subscriber.undeclare()
        return messages.read_status(payload)

    def policy(self, timeout: float = 5.0) -> dict[str, Any]:
        """The policy that runs: `policy` is its file, `provenance` where its networks are from."""
        return self._ask("policy", None, timeout)

    def solve(self, problem: Mapping[str, Any] | str, timeout: float = 60.0) -> dict[str, Any]:
        """Asks the server for the best policy under a budget, by its table of transfers
        (`concert serve --transfers`). `problem` is what `concert solve --problem` takes, as a
        mapping or as TOML. The answer is that of `concert solve --json`, and `policy` with `toml`
        and `hash`, which is None where no policy keeps the budget."""
        text = problem if isinstance(problem, str) else json.dumps(dict(problem))
        return _granted(self._ask("control/solve", text, timeout))

    def swap(self, policy: str | Path, timeout: float = 180.0) -> dict[str, Any]:
        """Swaps another policy in, between two frames: a policy file, or its text. The answer is
        the report of the swap."""
        text = policy.read_text("utf-8") if isinstance(policy, Path) else policy
        return _granted(self._ask("control/swap", text, timeout))

    def _ask(self, key: str, payload: str | None, timeout: float) -> dict[str, Any]:
        refusal = "nobody answers"
        for reply in self._session.get(self._key(key), payload=payload, timeout=timeout):
            if reply.ok is not None:
                answer = json.loads(reply.ok.payload.to_bytes())
                if not isinstance(answer, dict):
                    raise Unreadable(f"{self._key(key)} answers {answer!r}, which is no object")
                return answer
            if reply.err is not None:
                refusal = reply.err.payload.to_string()
        raise NoAnswer(f"{self._key(key)}: {refusal}")

    def publish_frame(
        self,
        array: npt.NDArray[Any],
        stamp_ns: int | None = None,
        intrinsics: Intrinsics | None = None,
        *,
        depth: npt.NDArray[Any] | None = None,
        key: str = "robot/image",
        frame_id: str = "front_optical",
    ) -> int:
        """Gives a frame to a server whose camera is of kind `zenoh`, and returns its stamp.

        `array` is (height, width, 3) in RGB or (height, width) in grey, uint8; `stamp_ns` when it
        was exposed (now, if it is left out); `depth` (height, width), float32, metres along the
        optical axis, NaN where unknown. It goes out at `key`, which is the camera's `key` in the
        launch file; intrinsics at KEY/camera_info (`camera_info_key`), depth at KEY/depth
        (`depth_key`).
        """
        stamp = time.time_ns() if stamp_ns is None else stamp_ns
        encoding = "mono8" if array.ndim == 2 else "rgb8"
        image = messages.write_image(array, encoding, stamp, frame_id)
        beside = []
        if intrinsics is not None:
            told = messages.write_intrinsics(intrinsics, stamp, frame_id)
            beside.append((f"{key}/camera_info", messages.CAMERA_INFO, told))
        if depth is not None:
            metres = messages.write_image(depth, "32FC1", stamp, frame_id)
            beside.append((f"{key}/depth", messages.IMAGE, metres))
        for where, kind, message in [*beside, (key, messages.IMAGE, image)]:
            encoded = f"application/cdr;{kind}"
            self._session.put(where, message, encoding=zenoh.Encoding(encoded))
        return stamp


def _granted(answer: dict[str, Any]) -> dict[str, Any]:
    if answer.get("status") in ("refused", "busy"):
        raise Refused(answer)
    return answer


class Subscription(_Closes):
    """The newest output of one key. What is not taken before a newer one comes is replaced by
    it, and counted in `replaced`."""

    def __init__(self, session: zenoh.Session, prefix: str, key: str):
        self.key = key
        self._newest = _Newest()
        self._infos = _Infos()
        self._has_infos = True
        whole = f"{prefix}/{key}"
        self._subscribers = [
            session.declare_subscriber(f"{whole}/camera_info", self._infos.put),
            session.declare_subscriber(whole, self._newest.put),
        ]

    def __iter__(self) -> Iterator[Output]:
        """Outputs as they come, for ever; a server that gives none for a minute ends it with
        `NoAnswer`."""
        while True:
            yield self.get(60.0)

    @property
    def replaced(self) -> int:
        """Outputs that a newer one replaced before they were taken."""
        return self._newest.replaced

    def get(self, timeout: float = 10.0) -> Output:
        """The newest output that was not taken yet; waits for it, at most so many seconds."""
        encoding, payload, attachment = self._newest.take(timeout, f"no output of {self.key}")
        media, _, kind = encoding.partition(";")
        if media != "application/cdr":
            raise Unreadable(f"{self.key}: encoding is `{encoding}`, but not application/cdr")
        output = messages.read_output(kind, payload)
        provenance = None
        if attachment is not None:
            provenance = Provenance.of(json.loads(attachment))
        stamp_ns, frame_id = output.stamp_ns, output.frame_id
        if provenance is not None and not frame_id:
            stamp_ns, frame_id = provenance.stamp_ns, provenance.raw["frame_id"]
        return replace(
            output,
            key=self.key,
            provenance=provenance,
            stamp_ns=stamp_ns,
            frame_id=frame_id,
            intrinsics=self._intrinsics(output),
        )

    def _intrinsics(self, output: Output) -> Intrinsics | None:
        """Those that come with an image; where none came with the one before, nobody waits."""
        if output.message_type != messages.IMAGE:
            return None
        wait = INTRINSICS_WAIT if self._has_infos else 0.0
        intrinsics = self._infos.of(output.stamp_ns, wait)
        self._has_infos = intrinsics is not None
        return intrinsics

    def close(self) -> None:
        """Listens no more."""
        for subscriber in self._subscribers:
            subscriber.undeclare()


class _Newest:
    """The newest message of one key, put by zenoh's thread and taken by another."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._message: tuple[str, bytes, bytes | None] | None = None
        self.replaced = 0

    def put(self, sample: zenoh.Sample) -> None:
        attachment = sample.attachment
        said = None if attachment is None else attachment.to_bytes()
        message = (str(sample.encoding), sample.payload.to_bytes(), said)
        with self._condition:
            self.replaced += self._message is not None
            self._message = message
            self._condition.notify()

    def take(self, timeout: float, what: str) -> tuple[str, bytes, bytes | None]:
        with self._condition:
            self._condition.wait_for(lambda: self._message is not None, timeout)
            message, self._message = self._message, None
        if message is None:
            raise NoAnswer(f"{what} within {timeout:g} s")
        return message


class _Infos:
    """The intrinsics of the newest outputs, by stamp."""

    KEPT = 16

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._by_stamp: dict[int, Intrinsics] = {}

    def put(self, sample: zenoh.Sample) -> None:
        try:
            stamp_ns, intrinsics = messages.read_intrinsics(sample.payload.to_bytes())
        except ConcertError:
            # An output without intrinsics says that they are not known.
            return
        with self._condition:
            self._by_stamp[stamp_ns] = intrinsics
            while len(self._by_stamp) > self.KEPT:
                del self._by_stamp[next(iter(self._by_stamp))]
            self._condition.notify()

    def of(self, stamp_ns: int, wait: float) -> Intrinsics | None:
        with self._condition:
            self._condition.wait_for(lambda: stamp_ns in self._by_stamp, wait)
            return self._by_stamp.get(stamp_ns)
