"""Writes a network and its card: the TOML that stands beside every ONNX file and pins it.

The cards' order and spelling are fixed, so that a second export gives the same bytes.
"""

from pathlib import Path

import onnx

from packages import sha256_of

MODELS = Path(__file__).resolve().parent.parent
ENCODERS = MODELS / "encoders"
READOUTS = MODELS / "readouts"
# Names that exporters give by default carry no meaning, and paths of the exporting machine none for others.
PRODUCER = "concert models/export"


def tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drops what differs between machines (doc strings hold stack traces) and checks the network strictly."""
    model.producer_name, model.producer_version, model.doc_string = PRODUCER, "", ""
    for node in model.graph.node:
        node.doc_string = ""
    del model.graph.value_info[:]
    model = onnx.shape_inference.infer_shapes(model, strict_mode=True)
    onnx.checker.check_model(model, full_check=True)
    return model


def save(path: Path, model: onnx.ModelProto) -> dict:
    """Writes one self-contained ONNX file; returns its sha256 and size for the card."""
    content = tidy(model).SerializeToString(deterministic=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    print(f"{path.relative_to(MODELS)}: {len(content)} bytes")
    return {"sha256": sha256_of(content), "size_bytes": len(content)}


def _value(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(item)}" for key, item in value.items()) + " }"
    raise TypeError(f"a card cannot hold {type(value).__name__}")


def write(path: Path, entries: dict) -> None:
    """Writes a card. Dicts become tables, lists of dicts arrays of tables, everything else plain keys."""
    is_table = lambda value: isinstance(value, dict)
    is_array = lambda value: isinstance(value, list) and value and all(map(is_table, value))
    lines = [f"{key} = {_value(value)}" for key, value in entries.items() if not is_table(value) and not is_array(value)]
    for key, value in entries.items():
        tables = [value] if is_table(value) else value if is_array(value) else []
        for table in tables:
            lines += ["", f"[{key}]" if is_table(value) else f"[[{key}]]"]
            lines += [f"{name} = {_value(item)}" for name, item in table.items()]
    path.write_text("\n".join(lines) + "\n")
    print(f"{path.relative_to(MODELS)}: written")


def write_licence(path: Path, notices: list, texts: list) -> None:
    """Writes the licence file of a network: who holds which rights, then the full texts, as upstream gives them."""
    rule = "\n\n" + "=" * 80 + "\n\n"
    path.write_text(rule.join(["\n".join(notices), *[text.decode().strip("\n") for text in texts]]) + "\n")
    print(f"{path.relative_to(MODELS)}: written")
