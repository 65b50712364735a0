"""Trains and exports the readout `object_detection_from_home_multi`: boxes from the levels of the shared encoder.

    boxes.py encode --homes DIR ... --out ARRAYS [--views N]       frames and views of them, through the encoder, once
    boxes.py train  --arrays ARRAYS --networks DIR --out FILE.npz [--seconds S] [--begin FILE.npz]
    boxes.py export --weights FILE.npz [--measured JSON] [--out MODELS]

`--homes` are data sets of `concert apartment --write`; `--networks` has multi.npz of train_sources.py, whose decoder of
classes the readout begins with. The encoder stays as it is shipped: a policy that runs it has boxes for 0.24 MB more.

The detector finds centres of boxes as peaks of one heat map per class and reads the box off at the peak (Zhou, Wang and
Krähenbühl, Objects as Points, 2019), on a grid of stride 4. Heat maps are held to Gaussians as wide as the box (Liu et
al., Training-Time-Friendly Network, AAAI 2020) by the penalty-reduced focal loss; boxes, by generalised IoU, where
those Gaussians are high. In the exported graph peaks are cells that no neighbour exceeds, the best ROWS of them are
taken, and of two that overlap in one class the lesser is dropped (fast NMS: Bolya et al., YOLACT, ICCV 2019, section 3.3).
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import network

PROJECT = Path(__file__).resolve().parents[3]
# What a robot that fetches things asks for: what it carries, where that stands, what it drives by and through.
CLASSES = (
    "can", "cup", "bottle", "bowl", "fruit", "laptop", "plant", "lamp", "television", "fridge", "stove", "sink",
    "table", "chair", "sofa", "bed", "wardrobe", "toilet", "bathtub", "door",
)  # fmt: skip
GRID = (network.OUTPUT_HEIGHT, network.OUTPUT_WIDTH)
STRIDE = 4
LEVEL_SHAPES = {name: (channels, network.INPUT_HEIGHT // int(name[6:]), network.INPUT_WIDTH // int(name[6:])) for name, channels in network.CHANNELS.items()}
NUMBERS = sum(math.prod(shape) for shape in LEVEL_SHAPES.values())
MOST_OBJECTS = 48  # of one view
COMMON, MOST_REPEATS = 0.2, 3  # classes in a smaller share of the views are shown more often, up to so often
LEAST_PIXELS = 8.0  # of the input, longer side: what is smaller is neither shown nor held against the net
ROWS, LEAST_SCORE, MOST_OVERLAP = 48, 0.1, 0.5


# ---------------------------------------------------------------- encode


def hidden_share(inside: np.ndarray, depth: np.ndarray) -> float:
    """The share of an object's outline at which something nearer begins: how far its box is not its own.

    Something is nearer by more than 4 cm and 2 %, as for occlusion edges.
    """
    border = covered = 0
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        neighbour_in = np.roll(inside, -step, axis)
        neighbour_depth = np.roll(depth, -step, axis)
        edge = inside & ~neighbour_in
        # What lies beyond the picture's border is no neighbour.
        last = [slice(None)] * 2
        last[axis] = -1 if step == 1 else 0
        edge[tuple(last)] = False
        border += edge.sum()
        covered += (edge & (neighbour_depth < depth * 0.98 - 0.04)).sum()
    return covered / border if border else 0.0


def objects(instance: np.ndarray, semantic: np.ndarray, depth: np.ndarray, class_of: np.ndarray) -> list:
    """[class, x0, y0, x1, y1 (px), is hidden] of every object of a class of interest in a picture."""
    found = []
    for number in np.unique(instance[class_of[semantic] >= 0]):
        inside = instance == number
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        y0, y1, x0, x1 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
        part = np.s_[max(y0 - 1, 0) : y1 + 1, max(x0 - 1, 0) : x1 + 1]
        label = class_of[np.bincount(semantic[inside]).argmax()]
        if label >= 0:
            hidden = hidden_share(inside[part], depth[part]) > 0.5
            found.append([label, x0, y0, x1, y1, hidden])
    return found


def views(rng, count: int) -> list:
    """Left, top, width and height of the part (shares), mirrored, gamma and gains; the first is the frame as it is."""
    drawn = [((0.0, 0.0, 1.0, 1.0), False, 1.0, np.ones(3))]
    for _ in range(count - 1):
        side = 1 / math.exp(rng.random() ** 2 * math.log(2.2))
        x, y = rng.random() * (1 - side), rng.random() * (1 - side)
        gains = (1 + rng.uniform(-0.2, 0.2)) * (1 + rng.uniform(-0.1, 0.1, 3))
        drawn.append(((x, y, side, side), rng.random() < 0.5, math.exp(rng.uniform(-0.3, 0.3)), gains))
    return drawn


def shown(image, part, mirrored: bool, gamma: float, gains) -> np.ndarray:
    """The encoder's input, [1, 3, 224, 288]; the part stretched to it, bilinear."""
    from PIL import Image

    width, height = image.size
    box = (part[0] * width, part[1] * height, (part[0] + part[2]) * width, (part[1] + part[3]) * height)
    image = image.resize((network.INPUT_WIDTH, network.INPUT_HEIGHT), Image.BILINEAR, box=box)
    rgb = np.asarray(image, np.float32)
    if mirrored:
        rgb = rgb[:, ::-1]
    if gamma != 1.0 or (gains != 1).any():
        rgb = np.clip((rgb / 255) ** gamma * gains, 0, 1) * 255
    return np.ascontiguousarray(((rgb - network.INPUT_MEAN) / network.INPUT_STD).transpose(2, 0, 1)[None], np.float32)


def in_view(found: list, size: tuple, part, mirrored: bool) -> list:
    """Objects in px of the encoder's input, of those that the view shows; what it cuts in half is not held against the net."""
    width, height = size
    rows = []
    for label, x0, y0, x1, y1, hidden in found:
        box = np.array([x0 / width, y0 / height, x1 / width, y1 / height])
        box = (box - np.array([part[0], part[1], part[0], part[1]])) / np.array([part[2], part[3], part[2], part[3]])
        kept = np.clip(box, 0, 1)
        area = (kept[2] - kept[0]) * (kept[3] - kept[1])
        if area <= 0:
            continue
        # The true bounds of what is left of a cut object are not known from its box alone.
        cut = area < 0.98 * (box[2] - box[0]) * (box[3] - box[1])
        if mirrored:
            kept[[0, 2]] = 1 - kept[[2, 0]]
        kept *= (network.INPUT_WIDTH, network.INPUT_HEIGHT) * 2
        small = max(kept[2] - kept[0], kept[3] - kept[1]) < LEAST_PIXELS
        rows.append([label, *kept, float(hidden or small or (cut and area < 0.6 * (box[2] - box[0]) * (box[3] - box[1])))])
    return rows[:MOST_OBJECTS]


def frames(folders: list) -> list:
    """Stem of every whole frame."""
    stems = []
    for folder in folders:
        for path in sorted(Path(folder).glob("seed-*/frame-*.layout.json")):
            stems.append(path.with_name(path.name.split(".")[0]))
    return stems


def encode(args) -> None:
    import onnxruntime
    from PIL import Image

    labels = (PROJECT / "models/readouts/segment_semantic_from_home_multi.labels.txt").read_text().split()
    class_of = np.full(256, -1)
    for number, name in enumerate(labels):
        if name in CLASSES:
            class_of[number] = CLASSES.index(name)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(PROJECT / "models/encoders/home_multi.onnx"), options, providers=["CPUExecutionProvider"])
    stems = frames(args.homes)[:: args.every]
    args.out.mkdir(parents=True, exist_ok=True)
    count = len(stems) * args.views
    levels = np.lib.format.open_memmap(args.out / "levels.npy", "w+", np.float16, (count, NUMBERS))
    boxes = np.zeros((count, MOST_OBJECTS, 6), np.float32)
    boxes[:, :, 0] = -1
    rng = np.random.default_rng(args.seed)
    begun = time.monotonic()
    row = 0
    for done, stem in enumerate(stems):
        image = Image.open(next(stem.parent.glob(f"{stem.name}.color.*"))).convert("RGB")
        instance = np.asarray(Image.open(f"{stem}.instance.png")).astype(np.int64)
        semantic = np.asarray(Image.open(f"{stem}.semantic.png"))
        depth = np.asarray(Image.open(f"{stem}.depth.png")).astype(np.float32) / 1000
        found = objects(instance, semantic, depth, class_of)
        for part, mirrored, gamma, gains in views(rng, args.views):
            outputs = session.run(list(LEVEL_SHAPES), {"image": shown(image, part, mirrored, gamma, gains)})
            levels[row] = np.concatenate([output.reshape(-1) for output in outputs])
            rows = in_view(found, image.size, part, mirrored)
            if rows:
                boxes[row, : len(rows)] = rows
            row += 1
        if done % 200 == 0:
            print(f"{done} of {len(stems)} frames, {time.monotonic() - begun:.0f} s", flush=True)
    levels.flush()
    np.save(args.out / "boxes.npy", boxes)
    (args.out / "about.json").write_text(json.dumps({"frames": len(stems), "views": args.views, "homes": len({stem.parent.name for stem in stems})}))
    kept = boxes[(boxes[..., 0] >= 0) & (boxes[..., 5] == 0)]
    print({name: int((kept[:, 0] == number).sum()) for number, name in enumerate(CLASSES)})


# ---------------------------------------------------------------- network


class DepthwiseFunction(torch.autograd.Function):
    """A 3x3 convolution of each channel, whose gradients are as fast on a processor as itself."""

    @staticmethod
    def forward(context, x, weight):
        context.save_for_backward(x, weight)
        return F.conv2d(x, weight, padding=1, groups=x.shape[1])

    @staticmethod
    def backward(context, gradient):
        x, weight = context.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        back = F.conv2d(gradient, weight.flip(2, 3), padding=1, groups=x.shape[1])
        padded = F.pad(x, (1, 1, 1, 1))
        height, width = x.shape[2:]
        sums = torch.zeros(9, x.shape[1])
        product = torch.empty_like(gradient[:1])
        # Frame by frame, so that what is summed stays in the processor's cache.
        for one, back_one in zip(padded.split(1), gradient.split(1)):
            for tap in range(9):
                row, column = divmod(tap, 3)
                torch.mul(one[:, :, row : row + height, column : column + width], back_one, out=product)
                sums[tap] += product.sum((0, 2, 3))
        return back, sums.t().reshape(weight.shape)


class Separable(nn.Module):
    """A depthwise-separable 3x3 convolution with a way past it; normalisation is folded into it."""

    def __init__(self, channels: int):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.pointwise = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        if torch.onnx.is_in_onnx_export() or not self.training:
            y = self.depthwise(x)
        else:
            y = DepthwiseFunction.apply(x, self.depthwise.weight) + self.depthwise.bias[:, None, None]
        return x + F.relu6(self.pointwise(F.relu6(y)))


class Detector(nn.Module):
    """From the levels to heat maps (logits) and boxes, [n, classes + 4, 56, 72].

    Boxes are the offset of the middle from the cell's middle, in cells, and the logarithms of width and height in cells.
    """

    def __init__(self, classes: int = len(CLASSES), width: int = 96):
        super().__init__()
        self.lateral = nn.ModuleDict({name: nn.Conv2d(channels, width, 1) for name, channels in network.CHANNELS.items()})
        self.smooth = nn.ModuleList(Separable(width) for _ in network.LEVELS)
        self.last = Separable(width)
        self.heat, self.box = nn.Conv2d(width, classes, 1), nn.Conv2d(width, 4, 1)

    def forward(self, levels: dict):
        x = None
        for smooth, name in zip(self.smooth, reversed(network.LEVELS)):
            side = self.lateral[name](levels[name])
            if x is not None:
                side = side + F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
            x = smooth(side)
        x = self.last(x)
        return torch.cat([self.heat(x), self.box(x)], 1)

    def begin_with(self, weights: Path, labels: list) -> None:
        """Takes the decoder of classes of a trained network, normalisation folded into its convolutions."""
        with np.load(weights) as arrays:
            taken = {name.removeprefix("heads.segment_semantic."): torch.from_numpy(arrays[name].astype(np.float32)) for name in arrays.files if name.startswith("heads.segment_semantic.")}

        def folded(into, convolution: str, norm: str) -> None:
            scale = taken[f"{norm}.weight"] / torch.sqrt(taken[f"{norm}.running_var"] + network.NORM_EPSILON)
            into.weight.data = taken[f"{convolution}.weight"] * scale[:, None, None, None]
            into.bias.data = taken[f"{norm}.bias"] - taken[f"{norm}.running_mean"] * scale

        for name in network.LEVELS:
            folded(self.lateral[name], f"lateral.{name}", f"lateral_norm.{name}")
        blocks = [(block, f"smooth.{at}") for at, block in enumerate(self.smooth)] + [(self.last, "last")]
        for block, name in blocks:
            folded(block.depthwise, f"{name}.depthwise", f"{name}.depthwise_norm")
            folded(block.pointwise, f"{name}.pointwise", f"{name}.pointwise_norm")
        rows = [labels.index(name) for name in CLASSES]
        self.heat.weight.data = 0.5 * taken["output.weight"][rows]
        self.heat.bias.data.fill_(-4.0)
        nn.init.normal_(self.box.weight, std=0.01)
        self.box.bias.data = torch.tensor([0.0, 0.0, 2.0, 2.0])


def levels_of(numbers: torch.Tensor) -> dict:
    """The levels, from their numbers in a row."""
    parts = torch.split(numbers, [math.prod(shape) for shape in LEVEL_SHAPES.values()], 1)
    return {name: part.view(-1, *shape).contiguous(memory_format=torch.channels_last) for (name, shape), part in zip(LEVEL_SHAPES.items(), parts)}


# ---------------------------------------------------------------- loss


def targets(boxes: np.ndarray) -> tuple:
    """Heat maps [n, classes, h, w] with -1 where nothing is held against the net, boxes in cells and weights [n, ., h, w]."""
    count = len(boxes)
    heat = np.zeros((count, len(CLASSES), *GRID), np.float32)
    box, weight = np.zeros((count, 4, *GRID), np.float32), np.zeros((count, 1, *GRID), np.float32)
    rows, columns = np.arange(GRID[0])[:, None], np.arange(GRID[1])[None, :]
    for at in range(count):
        found = boxes[at][boxes[at, :, 0] >= 0]
        # The smallest last, so that it owns its cells.
        for label, x0, y0, x1, y1, ignored in found[np.argsort(-(found[:, 3] - found[:, 1]) * (found[:, 4] - found[:, 2]))]:
            label = int(label)
            x0, y0, x1, y1 = (value / STRIDE for value in (x0, y0, x1, y1))
            middle_x, middle_y = (x0 + x1) / 2, (y0 + y1) / 2
            if ignored:
                part = np.s_[max(0, math.floor(y0)) : math.ceil(y1), max(0, math.floor(x0)) : math.ceil(x1)]
                heat[at, label][part] = np.where(heat[at, label][part] == 1, 1, -1)
                continue
            column, row = min(int(middle_x), GRID[1] - 1), min(int(middle_y), GRID[0] - 1)
            spread_x, spread_y = max(0.54 * (x1 - x0) / 6, 0.3), max(0.54 * (y1 - y0) / 6, 0.3)
            bump = np.exp(-((columns - column) ** 2) / (2 * spread_x**2) - (rows - row) ** 2 / (2 * spread_y**2))
            heat[at, label] = np.where(heat[at, label] < 0, np.where(bump > 0.1, bump, -1), np.maximum(heat[at, label], bump))
            near = bump > 0.35
            # Small and large objects weigh alike: the weights of each sum to 1.
            share = bump / bump[near].sum()
            box[at, 0][near], box[at, 1][near], box[at, 2][near], box[at, 3][near] = x0, y0, x1, y1
            weight[at, 0][near] = share[near]
    return heat, box, weight


def corners(output: torch.Tensor) -> torch.Tensor:
    """Boxes in cells, [n, 4, h, w], from offsets and logarithms of sizes."""
    rows = torch.arange(GRID[0], dtype=torch.float32).view(1, 1, -1, 1) + 0.5
    columns = torch.arange(GRID[1], dtype=torch.float32).view(1, 1, 1, -1) + 0.5
    middle_x, middle_y = columns + output[:, 0:1], rows + output[:, 1:2]
    half = torch.exp(output[:, 2:4].clamp(-2, 5)) / 2
    return torch.cat([middle_x - half[:, :1], middle_y - half[:, 1:], middle_x + half[:, :1], middle_y + half[:, 1:]], 1)


def focal_loss(logits, heat):
    """Penalty-reduced, alpha 2, beta 4 (Law and Deng, CornerNet, ECCV 2018, equation 1), over the number of objects."""
    score = torch.sigmoid(logits).clamp(1e-4, 1 - 1e-4)
    peak = heat == 1
    positive = torch.log(score) * (1 - score) ** 2
    negative = torch.log(1 - score) * score**2 * (1 - heat.clamp(min=0)) ** 4
    loss = torch.where(peak, positive, torch.where(heat < 0, torch.zeros(()), negative))
    return -loss.sum() / peak.sum().clamp(min=1)


def box_loss(output, box, weight):
    """Generalised IoU (Rezatofighi et al., CVPR 2019), over the number of objects; and the logarithm of the size."""
    at = weight[:, 0] > 0
    weight = weight[:, 0][at]
    predicted, true = corners(output).permute(0, 2, 3, 1)[at], box.permute(0, 2, 3, 1)[at]
    size = lambda b: (b[:, 2:] - b[:, :2]).clamp(min=0)
    area = lambda b: size(b).prod(1)
    least, most = torch.minimum(predicted, true), torch.maximum(predicted, true)
    inside = (torch.cat([most[:, :2], least[:, 2:]], 1))
    both = area(inside)
    union = area(predicted) + area(true) - both
    around = area(torch.cat([least[:, :2], most[:, 2:]], 1))
    giou = both / union.clamp(min=1e-6) - (around - union) / around.clamp(min=1e-6)
    logs = (torch.log(size(predicted).clamp(min=0.05)) - torch.log(size(true).clamp(min=0.05))).abs().sum(1)
    return (weight * (1 - giou + 0.1 * logs)).sum() / weight.sum().clamp(min=1)


# ---------------------------------------------------------------- train


class Arrays:
    """Levels and boxes of several folders, one after the other."""

    def __init__(self, folders: list):
        self.levels = [np.load(folder / "levels.npy", mmap_mode="r") for folder in folders]
        self.boxes = [np.load(folder / "boxes.npy") for folder in folders]
        self.rows = [(folder, row) for folder, boxes in enumerate(self.boxes) for row in range(len(boxes)) for _ in range(self.repeats(boxes[row]))]

    def repeats(self, boxes: np.ndarray) -> int:
        """How often a view is shown: more often where its rarest class is in few (Gupta et al., LVIS, CVPR 2019, section 4.1)."""
        if not hasattr(self, "share"):
            shown = [np.isin(np.arange(len(CLASSES)), one[(one[:, 0] >= 0) & (one[:, 5] == 0), 0]) for boxes in self.boxes for one in boxes]
            self.share = np.mean(shown, 0)
        classes = np.unique(boxes[(boxes[:, 0] >= 0) & (boxes[:, 5] == 0), 0]).astype(int)
        wanted = max((math.sqrt(COMMON / self.share[number]) for number in classes), default=1.0)
        return min(MOST_REPEATS, max(1, round(wanted)))

    def batch(self, rows: list) -> tuple:
        levels = np.stack([self.levels[folder][row] for folder, row in rows]).astype(np.float32)
        return torch.from_numpy(levels), np.stack([self.boxes[folder][row] for folder, row in rows])


def train(args) -> None:
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)
    arrays = Arrays(args.arrays)
    detector = Detector()
    labels = (PROJECT / "models/readouts/segment_semantic_from_home_multi.labels.txt").read_text().split()
    if args.begin:
        load(args.begin, detector)
    else:
        detector.begin_with(args.networks / "multi.npz", labels)
    detector.train().to(memory_format=torch.channels_last)
    rule = torch.optim.AdamW(detector.parameters(), lr=args.rate, weight_decay=1e-4, betas=(0.9, 0.99))
    average = {name: value.detach().clone() for name, value in detector.state_dict().items()}
    begun, step, order, sums = time.monotonic(), 0, [], np.zeros(2)
    while (done := (time.monotonic() - begun) / args.seconds) < 1:
        if len(order) < args.batch:
            order = [int(index) for index in rng.permutation(len(arrays.rows))]
        rows = [arrays.rows[order.pop()] for _ in range(args.batch)]
        numbers, boxes = arrays.batch(rows)
        heat, box, weight = (torch.from_numpy(values) for values in targets(boxes))
        levels = levels_of(numbers)
        if args.dropout:
            levels = {name: F.dropout2d(level, args.dropout) for name, level in levels.items()}
        rule.param_groups[0]["lr"] = args.rate * min(1, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * done))
        output = detector(levels)
        losses = focal_loss(output[:, :-4], heat), 2.0 * box_loss(output[:, -4:], box, weight)
        rule.zero_grad(set_to_none=True)
        sum(losses).backward()
        nn.utils.clip_grad_norm_(detector.parameters(), 20.0)
        rule.step()
        step += 1
        keep = min(0.998, step / (step + 10))
        for name, value in detector.state_dict().items():
            average[name].lerp_(value, 1 - keep)
        sums += [loss.item() for loss in losses]
        if step % 50 == 0:
            print(f"{100 * done:.0f} %, step {step}, {step * args.batch / (time.monotonic() - begun):.1f} views/s, heat {sums[0] / 50:.3f}, box {sums[1] / 50:.3f}", flush=True)
            sums[:] = 0
        if step % 400 == 0:
            save(args.out, average)
    save(args.out, average)
    about = [json.loads((folder / "about.json").read_text()) for folder in args.arrays]
    record = {"frames": sum(one["frames"] for one in about), "homes": sum(one["homes"] for one in about)}
    args.out.with_suffix(".json").write_text(json.dumps({**record, "steps": step, "batch": args.batch, "seconds": round(time.monotonic() - begun, 1), "seed": args.seed}))


def save(path: Path, state: dict) -> None:
    np.savez(path, **{name: value.numpy() for name, value in state.items()})


def load(path: Path, detector: nn.Module) -> None:
    with np.load(path) as arrays:
        detector.load_state_dict({name: torch.from_numpy(arrays[name]) for name in arrays.files})


# ---------------------------------------------------------------- export


class Readout(nn.Module):
    """[1, ROWS, 6]: corners in px of the encoder's input, class, score; the best first, absent rows have score 0."""

    def __init__(self, detector: Detector):
        super().__init__()
        self.detector = detector

    def forward(self, *levels):
        output = self.detector(dict(zip(network.LEVELS, levels)))
        return rows_of(output)


def rows_of(output):
    """Peaks, the best ROWS of them, their boxes, without those that a better one of their class overlaps."""
    cells, classes = GRID[0] * GRID[1], len(CLASSES)
    scores = torch.sigmoid(output[:, :classes])
    peaks = torch.where(scores >= F.max_pool2d(scores, 3, 1, 1), scores, torch.zeros(()))
    score, index = peaks.view(classes * cells).topk(ROWS)
    label, cell = torch.div(index, cells, rounding_mode="floor"), index % cells
    box = output[0, classes:].view(4, cells).index_select(1, cell)
    column, row = (cell % GRID[1]).float(), torch.div(cell, GRID[1], rounding_mode="floor").float()
    middle_x, middle_y = column + 0.5 + box[0], row + 0.5 + box[1]
    half_x, half_y = torch.exp(box[2].clamp(-2, 5)) / 2, torch.exp(box[3].clamp(-2, 5)) / 2
    x0, y0, x1, y1 = middle_x - half_x, middle_y - half_y, middle_x + half_x, middle_y + half_y
    width = torch.minimum(x1[:, None], x1) - torch.maximum(x0[:, None], x0)
    height = torch.minimum(y1[:, None], y1) - torch.maximum(y0[:, None], y0)
    both = width.clamp(min=0) * height.clamp(min=0)
    area = (x1 - x0) * (y1 - y0)
    overlap = both / (area[:, None] + area - both)
    # Row i, column j: j stands before i, is of its class and overlaps it.
    better = torch.tril(torch.ones(ROWS, ROWS), -1) * (label[:, None] == label).float()
    dropped = (overlap * better).amax(1) > MOST_OVERLAP
    score = torch.where(dropped | (score < LEAST_SCORE), torch.zeros(()), score)
    # The task's px have their origin in the middle of the first pixel.
    corners = [value * STRIDE - 0.5 for value in (x0, y0, x1, y1)]
    return torch.stack([*corners, label.float(), score], 1)[None]


def export(args) -> None:
    sys.path.insert(0, str(PROJECT / "models" / "export"))
    import cards
    import export_onnx
    import graph

    cards.MODELS = args.out
    detector = Detector()
    load(args.weights, detector)
    detector.eval()
    readout = Readout(detector)
    source, target = "home_multi", "object_detection"
    name, folder = f"{target}_from_{source}", args.out / "readouts"
    inputs = [f"{source}_{level}" for level in network.LEVELS]
    examples = example_levels()
    model = graph.export(readout, examples[0], inputs, ["boxes"])
    graph.halve(model)
    pinned = cards.save(folder / f"{name}.onnx", model)
    count, furthest = differs(folder / f"{name}.onnx", readout, inputs, examples)
    print(f"{name}: {count} rows differ from PyTorch by {furthest:.2g} px or less")

    encoder = json.loads(json.dumps(export_onnx.INPUT))
    sha256 = next(line.split('"')[1] for line in (PROJECT / f"models/encoders/{source}.toml").read_text().splitlines() if line.startswith("sha256"))
    record = json.loads(args.weights.with_suffix(".json").read_text())
    trained_on = f"{record['frames']} frames of {record['homes']} simulated homes of launch/apartment (seeds from 1000000), begun with the decoder of classes of home_multi; no real frame"
    (folder / f"{name}.labels.txt").write_text("\n".join(CLASSES) + "\n")
    licence = (PROJECT / "models/readouts/segment_semantic_from_home_multi.LICENSE.txt").read_text()
    _, rest = licence.split("\n\n", 1)
    notice = f"{name}: trained by Concert, begun with the weights of segment_semantic_from_home_multi; data: {trained_on}. Apache-2.0.\n\n"
    (folder / f"{name}.LICENSE.txt").write_text(notice + rest)
    card = {"kind": "readout", "name": name, "target": target, **pinned}
    card["provenance"] = {
        "weights": export_onnx.WEIGHTS,
        "licence": "Apache-2.0",
        "licence_file": f"{name}.LICENSE.txt",
        "trained_on": trained_on,
        "export": "models/export/bank/boxes.py",
    }
    card["encoder"] = [{"source": source, "sha256": sha256, "input": encoder}]
    card["read"] = [{"tensor": tensor, "source": source, "level": level} for tensor, level in zip(inputs, network.LEVELS)]
    card["output"] = {"tensor": "boxes", "shape": [1, ROWS, 6], "labels": f"{name}.labels.txt"}
    if args.measured:
        card["quality"] = json.loads(args.measured.read_text())
    cards.write(folder / f"{name}.toml", card)


def example_levels() -> list:
    """The levels of some pictures: a photograph, whole and in parts."""
    import onnxruntime
    from PIL import Image

    session = onnxruntime.InferenceSession(str(PROJECT / "models/encoders/home_multi.onnx"), providers=["CPUExecutionProvider"])
    image = Image.open(PROJECT / "launch/photographs/coffee.jpg").convert("RGB")
    parts = [(0.0, 0.0, 1.0, 1.0), *((x, y, side, side) for side in (0.5, 0.3) for x in (0.1, 0.4) for y in (0.1, 0.4))]
    pictures = [shown(image, part, mirrored, 1.0, np.ones(3)) for part in parts for mirrored in (False, True)]
    return [tuple(map(torch.from_numpy, session.run(list(LEVEL_SHAPES), {"image": picture}))) for picture in pictures]


def differs(path: Path, readout: nn.Module, inputs: list, examples: list) -> tuple:
    """Rows that both have on the examples, at least one, and the greatest difference of their corners, px."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    compared = [differences(session, readout, inputs, levels) for levels in examples]
    furthest = np.concatenate(compared)
    if not len(furthest):
        raise SystemExit(f"{path} finds nothing on any example: there is nothing to compare")
    return len(furthest), float(furthest.max())


def differences(session, readout: nn.Module, inputs: list, levels: tuple) -> np.ndarray:
    """Of every row, the greatest difference of a corner, px; both must have the same rows."""
    found = session.run(None, {name: level.numpy() for name, level in zip(inputs, levels)})[0][0]
    with torch.no_grad():
        wanted = readout(*levels)[0].numpy()
    found, wanted = found[found[:, 5] > LEAST_SCORE + 0.02], wanted[wanted[:, 5] > LEAST_SCORE + 0.02]
    # f16 kernels may exchange two of nearly the same score.
    order = lambda rows: rows[np.lexsort((np.rint(rows[:, 0] / 4), np.rint(rows[:, 1] / 4), rows[:, 4]))]
    if len(found) != len(wanted) or (order(found)[:, 4] != order(wanted)[:, 4]).any():
        raise SystemExit(f"{len(found)} rows in ONNX Runtime, but {len(wanted)} in PyTorch")
    return np.abs(order(found)[:, :4] - order(wanted)[:, :4]).max(1, initial=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("encode")
    command.add_argument("--homes", type=Path, nargs="+", required=True, metavar="DIR")
    command.add_argument("--out", type=Path, required=True, metavar="ARRAYS")
    command.add_argument("--views", type=int, default=3, help="of each frame, itself included")
    command.add_argument("--every", type=int, default=1)
    command.add_argument("--threads", type=int, default=1)
    command.add_argument("--seed", type=int, default=1)
    command.set_defaults(run=encode)
    command = commands.add_parser("train")
    command.add_argument("--arrays", type=Path, nargs="+", required=True, metavar="ARRAYS")
    command.add_argument("--networks", type=Path, metavar="DIR", help="with multi.npz")
    command.add_argument("--out", type=Path, required=True, metavar="FILE.npz")
    command.add_argument("--begin", type=Path, metavar="FILE.npz", help="go on from these weights")
    command.add_argument("--seconds", type=float, default=1200)
    command.add_argument("--batch", type=int, default=16)
    command.add_argument("--rate", type=float, default=1.5e-3)
    command.add_argument("--dropout", type=float, default=0.05, help="share of the encoder's channels left out of a step")
    command.add_argument("--threads", type=int, default=1)
    command.add_argument("--seed", type=int, default=1)
    command.set_defaults(run=train)
    command = commands.add_parser("export")
    command.add_argument("--weights", type=Path, required=True, metavar="FILE.npz")
    command.add_argument("--measured", type=Path, metavar="JSON", help="the card's quality: a list of measure, value, data")
    command.add_argument("--out", type=Path, default=PROJECT / "models", metavar="MODELS")
    command.set_defaults(run=export)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
