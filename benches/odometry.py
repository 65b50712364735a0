"""Odometry beside thirty lines of OpenCV, on the same frames.

    python3 -m pip install --target TOOLS opencv-python-headless
    PYTHONPATH=TOOLS python3 benches/odometry.py --concert target/release/concert --data ../shared/data

OpenCV's way: 1000 ORB features, mutual matches, PnP with the depth of the frame before (RANSAC, 3 px), or the essential
matrix where there is no depth. Every frame is told from the one before. Errors are those of single steps against the
measured poses; a step that is not told is lost. Sequences that are not there are left out, and named.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile

import cv2
import numpy as np

MIN_INLIERS = 15
SEEDS = (21, 22, 23)
STRIDES = (1, 2, 3, 4, 5)
DESK = "520.9,521.0,325.1,249.7,640,480"  # TUM's calibration of fr2
POLICY = 'name = "bench"\nsupervision_budget = 1\n[[transfer]]\ntarget = "odometry"\nsources = ["xfeat"]\n'


def opencv_step(then, now, camera):
    """`now_from_then` by OpenCV, or None where too few features agree."""
    (points_then, rows_then, depth), (points_now, rows_now, _) = then, now
    if rows_then is None or rows_now is None:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(rows_then, rows_now)
    p = np.float32([points_then[m.queryIdx].pt for m in matches]).reshape(-1, 2)
    q = np.float32([points_now[m.trainIdx].pt for m in matches]).reshape(-1, 2)
    motion = np.eye(4)
    if depth is not None:
        z = depth[np.rint(p[:, 1]).astype(int), np.rint(p[:, 0]).astype(int)]
        p, q, z = p[z > 0], q[z > 0], z[z > 0, None]
        if len(p) < MIN_INLIERS:
            return None
        rays = (p - camera[:2, 2]) / camera[[0, 1], [0, 1]]
        points = np.hstack([rays, np.ones_like(z)]) * z
        found, turn, step, inliers = cv2.solvePnPRansac(
            points, q, camera, None, iterationsCount=1000, reprojectionError=3.0, confidence=0.999
        )
        if not found or inliers is None or len(inliers) < MIN_INLIERS:
            return None
        motion[:3, :3], motion[:3, 3] = cv2.Rodrigues(turn)[0], step[:, 0]
        return motion
    if len(p) < MIN_INLIERS:
        return None
    essential, mask = cv2.findEssentialMat(p, q, camera, cv2.RANSAC, 0.999, 1.0)
    if essential is None or essential.shape != (3, 3):
        return None
    count, turn, step, _ = cv2.recoverPose(essential, p, q, camera, mask=mask)
    if count < MIN_INLIERS:
        return None
    motion[:3, :3], motion[:3, 3] = turn, step[:, 0]
    return motion


def opencv_row(sequence, stride):
    frames, camera = sequence["frames"][::stride], sequence["camera"]
    metres, degrees, directions, told = [], [], [], 0
    for (features, pose), (next_features, next_pose) in zip(frames, frames[1:]):
        motion = opencv_step(features, next_features, camera)
        if motion is None:
            continue
        told += 1
        if pose is None or next_pose is None:
            continue
        truth = np.linalg.inv(pose) @ next_pose
        estimate = np.linalg.inv(motion)
        error = np.linalg.inv(truth) @ estimate
        metres.append(np.linalg.norm(error[:3, 3]))
        degrees.append(np.degrees(np.arccos(np.clip((np.trace(error[:3, :3]) - 1) / 2, -1, 1))))
        a, b = truth[:3, 3], estimate[:3, 3]
        if np.linalg.norm(a) > 0.005:
            cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            directions.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    square = lambda values: float(np.sqrt(np.mean(np.square(values)))) if values else None
    return {
        "told": told,
        "rpe_m": square(metres) if sequence["depth"] else None,
        "rpe_deg": square(degrees),
        "direction": float(np.median(directions)) if directions else None,
    }


def concert_row(sequence, stride, concert, work):
    inputs = 'inputs = ["camera.depth"]\n' if sequence["depth"] else ""
    policy = work / "policy.toml"
    policy.write_text(POLICY + inputs)
    command = [concert, "evaluate", "--data", sequence["folder"], "--policy", policy, "--every", stride, "--json"]
    if sequence["intrinsics"]:
        command += ["--intrinsics", sequence["intrinsics"]]
    run = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    told = json.loads(run.stdout).get("targets", {}).get("odometry", {}) if run.stdout else {}
    if not told:
        print(run.stderr)
        return {"told": 0, "rpe_m": None, "rpe_deg": None, "direction": None}
    return {
        "told": told["outcomes"].get("delivered", 0),
        "rpe_m": told["rpe_m"] if sequence["depth"] else None,
        "rpe_deg": told["rpe_deg"],
        "direction": told["direction_deg_median"],
        "nees": told["nees_median"],
        "why": [one["reason"] for one in told.get("missing", []) if one["outcome"] == "lost"],
    }


def numbered(folder, work):
    """Frames of `NAME.color.*`, `.depth.png`, `.pose.txt`; a mirrored world is turned over in a copy."""
    poses = {path: np.loadtxt(path) for path in sorted(folder.glob("*.pose.txt"))}
    if any(np.linalg.det(pose[:3, :3]) < 0 for pose in poses.values()):
        copy = work / folder.name
        shutil.copytree(folder, copy, copy_function=shutil.copyfile)
        for path, pose in poses.items():
            pose[1] = -pose[1]
            np.savetxt(copy / path.name, pose)
        folder = copy
    frames = []
    for path in sorted(folder.glob("*.color.*")):
        stem = str(path).split(".color.")[0]
        pose = pathlib.Path(stem + ".pose.txt")
        depth = cv2.imread(stem + ".depth.png", cv2.IMREAD_UNCHANGED) / 1000.0
        frames.append((path, depth, np.loadtxt(pose) if pose.exists() else None))
    return folder, frames, np.loadtxt(folder / "camera-intrinsics.txt"), None


def desk(folder):
    rows = np.loadtxt(folder / "groundtruth.txt")
    frames = []
    for path in sorted(folder.glob("*.png")):
        row = rows[np.argmin(np.abs(rows[:, 0] - float(path.stem)))]
        x, y, z, w = row[4:8] / np.linalg.norm(row[4:8])
        pose = np.eye(4)
        pose[:3, :3] = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
        pose[:3, 3] = row[1:4]
        frames.append((path, None, pose))
    fx, fy, cx, cy, *_ = map(float, DESK.split(","))
    return folder, frames, np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]]), DESK


def tours(args, work):
    for seed in SEEDS:
        folder = (args.tours or work) / f"tour{seed}"
        if not folder.exists():
            words = f"apartment --write {folder} --views tour --seeds {seed} --frames 30 --size 320x240 --light draft"
            subprocess.run([args.concert, *words.split()], check=True, capture_output=True)
        yield next(path for path in sorted(folder.iterdir()) if path.is_dir())


def sequences(args, work):
    orb = cv2.ORB_create(1000)
    folders = [args.data / name for name in ("rooms/hall_tum_fr3_structure", "rooms/synthetic_office_icl_kt3")]
    folders += [args.data / "redwood_rgbd", args.data / "tum_fr2_desk", *tours(args, work)]
    for folder in folders:
        if not folder.is_dir():
            print(f"left out: {folder} is not there")
            continue
        is_desk = (folder / "groundtruth.txt").exists()
        folder, frames, camera, intrinsics = desk(folder) if is_desk else numbered(folder, work)
        seen = [(orb.detectAndCompute(cv2.imread(str(path), 0), None), depth, pose) for path, depth, pose in frames]
        yield {
            "name": folder.name,
            "folder": folder,
            "camera": camera,
            "intrinsics": intrinsics,
            "depth": not is_desk,
            "frames": [((*features, depth), pose) for features, depth, pose in seen],
        }


def cell(row, steps):
    number = lambda value, scale, form: "-" if value is None else format(value * scale, form)
    return (
        f"{row['told']:>3}/{steps:<3} {number(row['rpe_m'], 1e3, '.1f'):>7} {number(row['rpe_deg'], 1, '.2f'):>6} "
        f"{number(row['direction'], 1, '.1f'):>6}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--concert", required=True)
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the folder with redwood_rgbd, rooms, …")
    parser.add_argument("--tours", type=pathlib.Path, help="where tours of the apartment are kept")
    args = parser.parse_args()
    head = f"{'told':>7} {'mm':>7} {'deg':>6} {'dir':>6}"
    print(f"{'sequence':<26} every  concert{head[7:]}   nees  | OpenCV {head[7:]}")
    with tempfile.TemporaryDirectory() as work:
        for sequence in sequences(args, pathlib.Path(work)):
            for stride in STRIDES:
                steps = len(sequence["frames"][::stride]) - 1
                if steps < 1:
                    continue
                ours = concert_row(sequence, stride, args.concert, pathlib.Path(work))
                theirs = opencv_row(sequence, stride)
                nees = ours.get("nees")
                nees = "-" if nees is None else f"{nees:.2f}"
                line = f"{sequence['name'][:26]:<26} {stride:>5}  {cell(ours, steps)} {nees:>6}  | {cell(theirs, steps)}"
                print(line, flush=True)
                for reason in ours.get("why", [])[:2]:
                    print(f"{'':<33} lost: {reason}")


if __name__ == "__main__":
    main()
