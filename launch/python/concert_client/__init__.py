"""Reads the outputs of Concert as numpy arrays, gives it frames, and asks it for policies.

    from concert_client import Client

    with Client() as robot:
        for depth in robot.subscribe("depth_zbuffer"):
            print(depth.stamp_ns, depth.array.shape, depth.provenance.policy_name)
"""

from .client import Client, Subscription
from .errors import ConcertError, NoAnswer, Refused, Unreadable
from .output import Intrinsics, Output, Provenance, Status, StatusEntry
from .png import write_png

__all__ = [
    "Client",
    "ConcertError",
    "Intrinsics",
    "NoAnswer",
    "Output",
    "Provenance",
    "Refused",
    "Status",
    "StatusEntry",
    "Subscription",
    "Unreadable",
    "write_png",
]
