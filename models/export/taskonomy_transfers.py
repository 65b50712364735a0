"""Makes one table of measured transfers, as `concert solve --transfers` reads it, of the pickles that the authors of
Taskonomy publish: one dictionary of names SOURCE__...__TARGET and numbers per file.

    python3 models/export/taskonomy_transfers.py --affinities all_affinities_16k.pkl \\
        --wins-vs-task wins_vs_task.pkl --wins-vs-pixels wins_vs_pixels.pkl > transfers.csv

Needs Python alone. A pickle is a program: here nothing but numbers and names can be made by it, and a file that asks for
anything else is refused.
"""

import argparse
import csv
import math
import pickle
import struct
import sys

BETWEEN = "__"
COLUMNS = ("affinity", "win_vs_task", "win_vs_pixels")


class Float64:
    """numpy's dtype as far as numbers need it."""

    def __init__(self, kind, *_):
        if kind.lstrip("<=") not in ("f8", "f4"):
            raise pickle.UnpicklingError(f"numbers are {kind}, but must be f8 or f4")
        self.format = "<d" if kind.endswith("8") else "<f"

    def __setstate__(self, state):
        if state[1] == ">":
            self.format = ">" + self.format[1]


def scalar(dtype, raw):
    """numpy's number out of its bytes."""
    return struct.unpack(dtype.format, raw)[0]


def encode(text, encoding):
    """How protocol 2 writes bytes."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes are written as {encoding}, but must be latin1")
    return text.encode(encoding)


class Numbers(pickle.Unpickler):
    """Makes numbers, names and dictionaries of them."""

    NAMES = {
        ("numpy.core.multiarray", "scalar"): scalar,
        ("numpy._core.multiarray", "scalar"): scalar,
        ("numpy", "dtype"): Float64,
        ("_codecs", "encode"): encode,
    }

    def find_class(self, module, name):
        if (module, name) not in self.NAMES:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no table of numbers needs")
        return self.NAMES[module, name]


def numbers(path):
    """Numbers by transfer, `(target, sources)`."""
    with open(path, "rb") as file:
        # Python 2 wrote some of them.
        table = Numbers(file, encoding="latin1").load()
    if not isinstance(table, dict):
        sys.exit(f"{path}: a table is a dictionary, but this is {type(table).__name__}")
    found = {}
    for name, value in table.items():
        *sources, target = str(name).split(BETWEEN)
        if not sources or not isinstance(value, (int, float)):
            sys.exit(f"{path}: `{name}` is no transfer SOURCE__TARGET with a number")
        # What was not compared is NaN.
        if not math.isnan(value):
            found[target, tuple(sorted(sources))] = float(value)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for column, flag in zip(COLUMNS, ("--affinities", "--wins-vs-task", "--wins-vs-pixels")):
        parser.add_argument(flag, dest=column, metavar="PICKLE")
    paths = vars(parser.parse_args())
    given = {column: numbers(path) for column, path in paths.items() if path}
    if not given:
        parser.error("name at least one pickle")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["target", "order", "sources", *given])
    for target, sources in sorted(set().union(*given.values())):
        row = [column.get((target, sources)) for column in given.values()]
        row = ["" if value is None else repr(value) for value in row]
        writer.writerow([target, len(sources), "+".join(sources), *row])


if __name__ == "__main__":
    main()
