"""Runs every committed network in ONNX Runtime, compares it with PyTorch upstream, and fails where they differ.

    PYTHONPATH=TOOLS /usr/bin/python3 models/export/verify.py [--frames FOLDER] [--time]

--frames: TUM RGB-D freiburg2 frames (see epipolar.py), to measure the matches against the true motion.
--time: milliseconds of every network with one and two threads (processor time of the calling thread for one).
"""

import argparse
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import cards
import efficientnet_lite0
import epipolar
import nanodet
import packages
import xfeat
from photographs import photograph, stereo_errors, tensor_of

TOLERANCE = 1e-3  # absolute; levels reach about 10, scores and probabilities 1
PHOTOGRAPHS = ["coffee.png", "motorcycle_left.png", "astronaut.png"]


def session(path: Path, threads: int = 0):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def encode(network, image) -> dict:
    """All levels by name."""
    names = [output.name for output in network.get_outputs()]
    return dict(zip(names, network.run(names, {"image": image})))


def report(what: str, difference: float, tolerance: float = TOLERANCE) -> None:
    print(f"{what}: max abs difference {difference:.2e}")
    if not difference <= tolerance:
        raise SystemExit(f"{what}: differs by {difference}, but at most {tolerance} is allowed")


def check_pins() -> None:
    """Every network against the sha256 in its card."""
    for path in sorted([*cards.ENCODERS.glob("*.onnx"), *cards.READOUTS.glob("*.onnx")]):
        pinned = packages.sha256_of(path.read_bytes())
        if f'\nsha256 = "{pinned}"\n' not in path.with_suffix(".toml").read_text():
            raise SystemExit(f"{path.name}: sha256 is {pinned}, but its card says otherwise")


def check_efficientnet_lite0() -> None:
    network = efficientnet_lite0.upstream()
    reference = efficientnet_lite0.Encoder(network)
    encoder = session(cards.ENCODERS / "efficientnet_lite0.onnx")
    readout = session(cards.READOUTS / "class_object_from_efficientnet_lite0.onnx")
    labels = (cards.READOUTS / "class_object_from_efficientnet_lite0.labels.txt").read_text().splitlines()
    for entry in PHOTOGRAPHS:
        image = tensor_of(photograph(entry), efficientnet_lite0.INPUT)
        levels = encode(encoder, image)
        with torch.no_grad():
            expected = dict(zip(levels, reference(torch.from_numpy(image))))
            expected_probabilities = torch.softmax(network(torch.from_numpy(image)), dim=1).numpy()
        for name, level in levels.items():
            report(f"efficientnet_lite0 {name} on {entry}", np.abs(level - expected[name].numpy()).max())
        (probabilities,) = readout.run(None, {"features": levels["features"]})
        report(f"class_object on {entry}", np.abs(probabilities - expected_probabilities).max())
        best = probabilities[0].argsort()[::-1][:5]
        print("   ", ", ".join(f"{labels[index]} {probabilities[0, index]:.3f}" for index in best))


def compare_rows(what: str, rows: np.ndarray, expected: np.ndarray, columns: int) -> None:
    """Two sets of points: the share that stands in both, and the difference of the scores there."""
    ours = {tuple(row[:columns]): row[-1] for row in rows}
    theirs = {tuple(row[:columns]): row[-1] for row in expected}
    both = ours.keys() & theirs.keys()
    share = len(both) / max(len(ours.keys() | theirs.keys()), 1)
    print(f"{what}: {len(ours)} points, upstream {len(theirs)}, {share:.1%} the same")
    if share < 0.99:  # scores within a rounding error of the threshold or of the 512th may fall either way
        raise SystemExit(f"{what}: only {share:.1%} of the points are upstream's, but 99% are asked")
    report(f"{what}, scores", max((abs(ours[key] - theirs[key]) for key in both), default=0.0))


def check_xfeat() -> None:
    upstream, encoder = xfeat.upstream(), session(cards.ENCODERS / "xfeat.onnx")
    keypoints = session(cards.READOUTS / "keypoints2d_from_xfeat.onnx")
    for entry in PHOTOGRAPHS:
        image = tensor_of(photograph(entry), xfeat.INPUT)
        levels = encode(encoder, image)
        with torch.no_grad():
            descriptors, logits, reliability = upstream.net(torch.from_numpy(image))
            found = upstream.detectAndCompute(torch.from_numpy(image))[0]
        expected = {"reliability": reliability, "keypoint_logits": logits}
        expected["descriptors"] = torch.nn.functional.normalize(descriptors, dim=1)
        for name, level in levels.items():
            report(f"xfeat {name} on {entry}", np.abs(level - expected[name].numpy()).max())
        inputs = {name: levels[name] for name in ("keypoint_logits", "reliability")}
        rows = keypoints.run(None, inputs)[0][0]
        rows = rows[rows[:, 2] > 0]
        expected_rows = torch.cat((found["keypoints"], found["scores"][:, None]), dim=1).numpy()
        compare_rows(f"keypoints2d on {entry}", rows, expected_rows, columns=2)


def match(readout, previous: dict, current: dict) -> np.ndarray:
    """Rows u_previous, v_previous, u, v, score of the matches that are there."""
    inputs = {name + "_previous": level for name, level in previous.items()} | current
    rows = readout.run(None, inputs)[0][0]
    return rows[rows[:, 4] > 0]


def upstream_matches(upstream, previous: np.ndarray, current: np.ndarray) -> np.ndarray:
    """The same by upstream's own code."""
    before, after = (upstream.detectAndCompute(torch.from_numpy(image))[0] for image in (previous, current))
    index_before, index_after = upstream.match(before["descriptors"], after["descriptors"], xfeat.MIN_SIMILARITY)
    points_before, points_after = before["keypoints"][index_before], after["keypoints"][index_after]
    score = (before["descriptors"][index_before] * after["descriptors"][index_after]).sum(dim=1, keepdim=True)
    return torch.cat((points_before, points_after, score), dim=1).numpy()


def check_matching() -> None:
    """The stereo pair of a room-scale scene: upstream's own matches."""
    upstream, encoder = xfeat.upstream(), session(cards.ENCODERS / "xfeat.onnx")
    readout = session(cards.READOUTS / "point_matching_from_xfeat.onnx")
    images = [tensor_of(photograph(f"motorcycle_{side}.png"), xfeat.INPUT) for side in ("left", "right")]
    rows = match(readout, *[encode(encoder, image) for image in images])
    compare_rows("point_matching on motorcycle_left, _right", rows, upstream_matches(upstream, *images), columns=4)
    errors = stereo_errors(rows, xfeat.INPUT["width"], xfeat.INPUT["height"])
    print(f"    {np.mean(errors < 2):.1%} of {len(errors)} within 2 px of the truth (median {np.median(errors):.2f} px)")


def measure_matching(folder: Path) -> None:
    """Matches against the true motion: how many, and the share within 2 px of their epipolar lines."""
    upstream, encoder = xfeat.upstream(), session(cards.ENCODERS / "xfeat.onnx")
    readout = session(cards.READOUTS / "point_matching_from_xfeat.onnx")
    size = (xfeat.INPUT["width"], xfeat.INPUT["height"])
    frames = epipolar.frames(folder)
    images = [tensor_of(image, xfeat.INPUT) for _, image in frames]
    levels = [encode(encoder, image) for image in images]
    poses = [epipolar.pose_at(folder, stamp) for stamp, _ in frames]
    generator = np.random.default_rng(0)
    for step in (1, 5, 10):
        counts, ours, theirs, chance = [], [], [], []
        for index in range(len(frames) - step):
            motion = epipolar.essential(poses[index], poses[index + step])
            rows = match(readout, levels[index], levels[index + step])
            shuffled = np.concatenate((rows[:, :2], generator.permutation(rows[:, 2:4])), axis=1)
            expected = upstream_matches(upstream, images[index], images[index + step])
            counts.append(len(rows))
            for errors, points in ((ours, rows), (theirs, expected), (chance, shuffled)):
                errors.append(epipolar.sampson_pixels(points, motion, *size))
        ours, theirs, chance = (np.concatenate(errors) for errors in (ours, theirs, chance))
        print(
            f"point_matching on {folder.name}, {step} frames apart: {np.mean(counts):.0f} matches a pair, "
            f"{np.mean(ours < 2):.1%} within 2 px of 640 x 480 (median {np.median(ours):.2f} px); "
            f"upstream {np.mean(theirs < 2):.1%}, shuffled {np.mean(chance < 2):.1%}"
        )


def measure_time() -> None:
    for path in sorted([*cards.ENCODERS.glob("*.onnx"), *cards.READOUTS.glob("*.onnx")]):
        figures = []
        for threads in (1, 2):
            network, generator = session(path, threads), np.random.default_rng(0)
            inputs = {entry.name: generator.random(entry.shape, dtype=np.float32) for entry in network.get_inputs()}
            clock = time.thread_time if threads == 1 else time.perf_counter
            taken = []
            for _ in range(60):
                start = clock()
                network.run(None, inputs)
                taken.append(1e3 * (clock() - start))
            figures.append(f"{threads} threads median {np.median(taken[10:]):.2f} ms, best {min(taken):.2f} ms")
        print(f"{path.stem}: {'; '.join(figures)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path)
    parser.add_argument("--time", action="store_true")
    arguments = parser.parse_args()
    check_pins()
    check_efficientnet_lite0()
    check_xfeat()
    check_matching()
    nanodet.check(nanodet.TensorFlowGraph(nanodet.NAME))
    if arguments.frames:
        measure_matching(arguments.frames)
    if arguments.time:
        measure_time()


if __name__ == "__main__":
    main()
