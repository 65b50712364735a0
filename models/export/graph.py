"""Small clean-ups of exported graphs, so that what is committed is what a person would have drawn."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

OPSET = 17


def export(module, example_inputs: tuple, inputs: list, outputs: list) -> onnx.ModelProto:
    """PyTorch to ONNX with fixed shapes; batch normalisation is folded into the convolutions (eval mode)."""
    import io

    import torch

    buffer = io.BytesIO()
    with torch.no_grad():
        torch.onnx.export(
            module.eval(),
            example_inputs,
            buffer,
            input_names=inputs,
            output_names=outputs,
            opset_version=OPSET,
            do_constant_folding=True,
        )
    model = onnx.load_from_string(buffer.getvalue())
    fold_constants(model)
    fold_padding(model.graph)
    drop_unreachable(model.graph)
    return model


def fold_constants(model: onnx.ModelProto) -> None:
    """Evaluates every node that depends on no input; what is left after `drop_unreachable` is real work."""
    from onnx.reference import ReferenceEvaluator

    graph, known = model.graph, constants_of(model.graph)
    shapes = fixed_shapes(model)
    kept = []
    for node in graph.node:
        inputs = [name for name in node.input if name]
        if node.op_type == "Shape" and not node.attribute and inputs[0] in shapes:
            known[node.output[0]] = np.asarray(shapes[inputs[0]], dtype=np.int64)
            graph.initializer.append(numpy_helper.from_array(known[node.output[0]], node.output[0]))
            continue
        if node.op_type != "Constant" and not all(name in known for name in inputs):
            kept.append(node)
            continue
        if node.op_type != "Constant":
            values = ReferenceEvaluator(node).run(None, {name: known[name] for name in inputs})
            known.update(zip(node.output, map(np.asarray, values)))
        graph.initializer.extend(numpy_helper.from_array(known[name], name) for name in node.output)
    del graph.node[:]
    graph.node.extend(kept)


def constants_of(graph: onnx.GraphProto) -> dict:
    """Every tensor known before running, by name: initialisers and Constant nodes."""
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            known[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return known


def fixed_shapes(model: onnx.ModelProto) -> dict:
    """The shape of every tensor whose dimensions are all known."""
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        sizes = value.type.tensor_type.shape.dim
        if all(size.HasField("dim_value") for size in sizes):
            shapes[value.name] = [size.dim_value for size in sizes]
    return shapes


def fold_padding(graph: onnx.GraphProto) -> None:
    """Moves explicit zero padding (TensorFlow's "same" is asymmetric) into the convolution that follows."""
    known = constants_of(graph)
    producer = {name: node for node in graph.node for name in node.output}
    for convolution in [node for node in graph.node if node.op_type == "Conv"]:
        pad = producer.get(convolution.input[0])
        if pad is None or pad.op_type != "Pad" or len(readers_of(graph, pad.output[0])) > 1:
            continue
        widths = known[pad.input[1]]  # n, c, h, w at the beginning, then at the end
        value = known[pad.input[2]] if len(pad.input) > 2 and pad.input[2] else np.zeros(())
        if float(value) != 0.0 or widths[[0, 1, 4, 5]].any():
            continue
        for attribute in convolution.attribute:
            if attribute.name == "pads":
                attribute.ints[:] = [int(a + b) for a, b in zip(attribute.ints, widths[[2, 3, 6, 7]])]
        convolution.input[0] = pad.input[0]


def readers_of(graph: onnx.GraphProto, name: str) -> list:
    """The nodes that read a tensor."""
    return [node for node in graph.node if name in node.input]


def drop_unreachable(graph: onnx.GraphProto) -> None:
    """Removes nodes and initialisers that no output depends on; the order of the rest stays."""
    wanted = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            kept.append(node)
    del graph.node[:]
    graph.node.extend(reversed(kept))
    initialisers = [tensor for tensor in graph.initializer if tensor.name in wanted]
    del graph.initializer[:]
    graph.initializer.extend(initialisers)


def halve(model: onnx.ModelProto, least: int = 256) -> None:
    """Stores kernels of at least so many numbers as f16, each behind a Cast that the runtime folds away."""
    kept, casts = [], []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype != np.float32 or array.size < least or array.ndim < 2:
            kept.append(tensor)
            continue
        name = f"{tensor.name}_f16"
        kept.append(numpy_helper.from_array(array.astype(np.float16), name))
        casts.append(helper.make_node("Cast", [name], [tensor.name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.initializer.extend(kept)
    model.graph.node.extend(nodes)
