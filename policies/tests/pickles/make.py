"""Makes the pickles beside it, as numpy pickles what the authors of Taskonomy publish.

Run with numpy installed: python3 make.py
"""

import pathlib
import pickle

import numpy as np

AFFINITIES = {
    "self__normal": np.float64(0.5),
    "edge2d__normal": np.float64(0.25),
    "edge2d__reshade__normal": np.float64(0.25),
}

folder = pathlib.Path(__file__).parent
for protocol in (2, 3, 4):
    path = folder / f"all_affinities_protocol{protocol}.pkl"
    path.write_bytes(pickle.dumps(AFFINITIES, protocol=protocol))
