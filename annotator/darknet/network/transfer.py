"""Weights of one network as a start for another: what both have is kept, the rest begins at random.

No Darknet does this: AlexeyAB's pours numbers of other layers in without a word; hank-ai's ends where a file
is shorter than the network, and takes no notice of one whose name does not end in .weights (the published
``….conv.137`` is both: it trains from random weights then). So a new file is written, as long as the network,
which all of them read:

* layers that are the same, from the first one on, keep their numbers;
* of a head (the convolution before a detection layer) the rows of a class that both know are kept, found by
  its name; box and objectness are kept as soon as one class is; new classes begin at random;
* everything else begins as Darknet itself begins it (make_convolutional_layer: uniform within
  ± sqrt(2 / (size² · channels)), biases 0, scales 1).

A head has (classes + 5) · boxes filters: for each box x, y, w, h, objectness, then a row for each class.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from annotator.darknet.network.blocks import Layer, layers
from annotator.darknet.network.cfg import DETECTORS, Cfg, Section, read_cfg
from annotator.darknet.network.coco_names import COCO_NAMES
from annotator.darknet.network.own_cfg import with_classes
from annotator.darknet.network.presets import NETWORKS, build
from annotator.darknet.network.weights import read_weights_header
from converters.errors import DataError, FormatError, WriteError
from converters.work import read_names

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["same", "unnamed", "mapped", "heads-new", "first-layers", "cut"]

_BOX_ROWS = 5
_MOST_CLASSES = 2000
_FEWEST_LAYERS = 4
"""Two networks that begin with fewer equal layers have nothing in common worth keeping."""
_HEADER = struct.Struct("<iiiQ")
_SAME = {
    "filters": "1", "size": "1", "stride": "1", "groups": "1", "group_id": "0", "batch_normalize": "0",
    "pad": "0", "padding": "0", "activation": "logistic", "output": "1",
}  # fmt: skip
"""What makes two layers the same, with Darknet's defaults."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How weights fit a network.

    Attributes:
        kind: ``same``: whole, of the same classes. ``unnamed``: whole, of as many classes, whose names are
            not known. ``mapped``: of other classes, some of them shared. ``heads-new``: of other classes,
            none shared. ``first-layers``: only the first layers of this network. ``cut``: of another
            network that begins with the same layers.
        source: The network the weights are of.
        title: Its name, empty where it is this very network.
        trained: The classes it knows, none where they are not known.
        names: The classes of the training.
        layers: So many layers, from the first one, keep their numbers.
        of: The number of layers there are.
    """

    kind: Kind
    source: Cfg
    title: str
    trained: tuple[str, ...]
    names: tuple[str, ...]
    layers: int
    of: int

    @property
    def is_ready(self) -> bool:
        """Whether every Darknet can take the file as it is."""
        return self.kind in ("same", "unnamed")

    @property
    def kept(self) -> tuple[str, ...]:
        """Classes that the weights know as well."""
        known = {_folded(name) for name in self.trained}
        return tuple(name for name in self.names if _folded(name) in known)

    @property
    def new(self) -> tuple[str, ...]:
        """Classes that begin at random."""
        return tuple(name for name in self.names if name not in self.kept)

    @property
    def left_out(self) -> tuple[str, ...]:
        """Classes that only the weights know."""
        wanted = {_folded(name) for name in self.names}
        return tuple(name for name in self.trained if _folded(name) not in wanted)


def find_fit(weights: Path, cfg: Cfg, names: Sequence[str], trained: Sequence[str] | None = None) -> Fit:
    """How a weights file fits a network.

    Args:
        weights: The file.
        cfg: The network that is to be trained.
        names: Its classes, in the order of their ids.
        trained: The classes of the file where the person says them; None: what lies beside it.

    Raises:
        FormatError: The file is broken, or of a network that shares no beginning with this one.
    """
    count = read_weights_header(weights).parameters
    if count == 0:
        raise FormatError(
            "the weights file is cut short: it holds no weights.", path=weights, code="bad-weights"
        )
    wanted = layers(cfg)
    every = len(wanted)
    sums = list(accumulate(layer.parameters for layer in wanted))
    if count == sums[-1]:
        beside = tuple(trained) if trained is not None else names_beside(weights, len(names))
        if beside is None:
            return Fit("unnamed", cfg, "", (), tuple(names), every, every)
        kind: Kind = "same" if beside == tuple(names) else "mapped"
        fit = Fit(kind, cfg, "", beside, tuple(names), every, every)
        return fit if kind == "same" or fit.kept else replace(fit, kind="heads-new")
    if count in sums:
        # Whole layers; a head among them (of yolov4-tiny for yolov4-tiny-3l) has as many classes as this one.
        beside = tuple(trained) if trained is not None else names_beside(weights, len(names)) or ()
        return Fit("first-layers", cfg, "", beside, tuple(names), sums.index(count) + 1, every)
    sources = _sources(weights, cfg, count)
    for title, source in sources:
        classes = _classes(source)
        said = trained is not None and len(trained) == classes
        found = tuple(trained or ()) if said else names_beside(weights, classes) or ()
        shared = _shared_layers(source, cfg)
        if shared == every:
            fit = Fit("mapped", source, "", found, tuple(names), every, every)
            return fit if fit.kept else replace(fit, kind="heads-new")
        if shared >= _FEWEST_LAYERS:
            return Fit("cut", source, title, found, tuple(names), shared, every)
    others = [title for title, _ in sources if title in NETWORKS]
    if others:
        raise FormatError(
            f"is of another network ({others[0]}), which shares no layers with this one.",
            path=weights,
            code="bad-weights",
            hint=f"Choose {others[0]} as the network, or other weights.",
        )
    raise FormatError(
        f"holds {count:,} weights, the network has {sums[-1]:,}: it is cut short, or of a network that "
        "shares no layers with this one.",
        path=weights,
        code="bad-weights",
        hint="Take weights for this network (train-cli weights), or none; if its cfg lies beside it under "
        "the same name, that is read.",
    )


def names_beside(weights: Path, classes: int) -> tuple[str, ...] | None:
    """The class names kept beside weights: of their run, ``NAME.names``, ``obj.names``; COCO's for 80.

    Args:
        weights: The file.
        classes: How many there must be.
    """
    places = (
        weights.with_suffix(".names"),
        weights.parent.parent / "obj.names",
        weights.parent / "obj.names",
    )
    for place in places:
        with suppress(DataError):
            if place.is_file() and len(names := read_names(place)) == classes:
                return names
    return COCO_NAMES if classes == len(COCO_NAMES) else None


def write_fitted(weights: Path, cfg: Cfg, fit: Fit, target: Path, seed: int = 0) -> None:
    """Write weights for a network from those of another, as long as the network and of iteration 0.

    Args:
        weights: The file they are from.
        cfg: The network.
        fit: How the file fits it.
        target: Where to.
        seed: Of what begins at random.

    Raises:
        FormatError: The file cannot be read.
        WriteError: The new one cannot be written; nothing is left of it then.
    """
    import numpy as np

    source = _values(weights)
    rng = np.random.default_rng(seed)
    parts: list[NDArray[np.float32]] = []
    place = 0
    theirs, ours = layers(fit.source), layers(cfg)
    for index, layer in enumerate(ours):
        if not layer.parameters:
            continue
        part = cfg.layer_sections[index]
        fresh = _fresh(layer, part, rng)
        if index >= fit.layers:
            parts.append(fresh)
            continue
        old = source[place : place + theirs[index].parameters]
        place += theirs[index].parameters
        if _is_head(cfg, index):
            parts.append(_mapped(old, fresh, layer, _rows(cfg, index, fit), theirs[index].filters))
        else:
            parts.append(old)
    partial = target.with_name(f"{target.name}.part")
    try:
        with partial.open("wb") as file:
            file.write(_HEADER.pack(0, 2, 5, 0))
            for numbers in parts:
                numbers.astype("<f4", copy=False).tofile(file)
        partial.replace(target)
    except OSError as error:
        with suppress(OSError):
            partial.unlink()
        raise WriteError.from_os_error(error, target) from error


def _sources(weights: Path, cfg: Cfg, count: int) -> list[tuple[str, Cfg]]:
    """Networks that have as many weights: of the cfg beside the file, this one, those we know."""
    found: list[tuple[str, Cfg]] = []
    for place in (weights.with_suffix(".cfg"), weights.parent.parent / "net.cfg"):
        with suppress(DataError):
            if place.is_file() and _count(other := read_cfg(place)) == count:
                found.append((place.name, other))
    known = [("", cfg)]
    for name, network in NETWORKS.items():
        if network.dialects and network.fixed_size is None:
            dialect = sorted(network.dialects)[0]
            known.append((name, build(name, classes=1, width=416, height=416, batch=64, subdivisions=16,
                                      max_batches=6000, dialect=dialect)))  # fmt: skip
    for name, other in known:
        with suppress(FormatError):
            one, two = _count(with_classes(other, 1)), _count(with_classes(other, 2))
            classes, rest = divmod(count - one, two - one) if two > one else (0, 1)
            if rest == 0 and 0 <= classes < _MOST_CLASSES:
                found.append((name, with_classes(other, classes + 1)))
    return found


def _count(cfg: Cfg) -> int:
    return sum(layer.parameters for layer in layers(cfg))


def _classes(cfg: Cfg) -> int:
    return cfg.detectors[0].get_int("classes", 20) if cfg.detectors else 0


def _shared_layers(source: Cfg, target: Cfg) -> int:
    """With how many equal layers both begin; all of the target where only classes differ.

    Where they are not alike to the end, nothing from the first head on is shared: it was learned for
    something else.
    """
    theirs, ours = layers(source), layers(target)
    shared = 0
    for index, (one, other) in enumerate(zip(theirs, ours, strict=False)):
        first, second = source.layer_sections[index], target.layer_sections[index]
        heads = _is_head(source, index), _is_head(target, index)
        if heads[0] != heads[1] or not _alike(one, other, first, second, is_head=heads[0]):
            break
        shared = index + 1
    if shared == len(ours) == len(theirs):
        return shared
    heads_at = [index for index in range(len(ours)) if _is_head(target, index)]
    return min([shared, *heads_at])


def _alike(one: Layer, other: Layer, first: Section, second: Section, *, is_head: bool) -> bool:
    if one.kind != other.kind or one.sources != other.sources:
        return False
    if one.kind in DETECTORS:
        return _boxes(first) == _boxes(second)
    keys = [key for key in _SAME if not (is_head and key == "filters")]
    same = all(first.get(key, _SAME[key]) == second.get(key, _SAME[key]) for key in keys)
    return same and one.input[2] == other.input[2]


def _is_head(cfg: Cfg, index: int) -> bool:
    parts = cfg.layer_sections
    return (
        parts[index].name == "convolutional" and index + 1 < len(parts) and parts[index + 1].name in DETECTORS
    )


def _boxes(part: Section) -> int:
    return len(part.get_ints("mask")) if "mask" in part else part.get_int("num", 1)


def _rows(cfg: Cfg, head: int, fit: Fit) -> list[int]:
    """For each filter of a head the row of the old one that it keeps, -1: it begins at random."""
    boxes = _boxes(cfg.layer_sections[head + 1])
    trained = {_folded(name): number for number, name in reversed(list(enumerate(fit.trained)))}
    old = _BOX_ROWS + _classes(fit.source)
    rows = []
    for box in range(boxes):
        first = box * old
        rows += [first + row if fit.kept else -1 for row in range(_BOX_ROWS)]
        places = [trained.get(_folded(name)) for name in fit.names]
        rows += [-1 if place is None else first + _BOX_ROWS + place for place in places]
    return rows


def _mapped(
    old: NDArray[np.float32], fresh: NDArray[np.float32], layer: Layer, rows: Sequence[int], before: int
) -> NDArray[np.float32]:
    """A head's numbers in the order of a file: a value of each kind a filter, then each filter's kernel."""
    kernel = layer.size * layer.size * layer.input[2]
    single = layer.parameters // layer.filters - kernel  # 1: the bias; 4 with batch normalisation
    new = fresh.copy()
    for target, row in enumerate(rows):
        if row < 0:
            continue
        for kind in range(single):
            new[kind * layer.filters + target] = old[kind * before + row]
        start, there = single * layer.filters + target * kernel, single * before + row * kernel
        new[start : start + kernel] = old[there : there + kernel]
    return new


def _fresh(layer: Layer, part: Section, rng: np.random.Generator) -> NDArray[np.float32]:
    import numpy as np

    normalised = bool(part.get_int("batch_normalize"))
    outputs = layer.filters or layer.output[2]
    kernel = layer.parameters - outputs * (4 if normalised else 1)
    limit = math.sqrt(2.0 * outputs / max(kernel, 1))  # kernel / outputs = size² · channels / groups
    values = [np.zeros(outputs, np.float32)]
    if normalised:
        values += [np.ones(outputs, np.float32), np.zeros(2 * outputs, np.float32)]
    return np.concatenate([*values, rng.uniform(-limit, limit, kernel).astype(np.float32)])


def _values(weights: Path) -> NDArray[np.float32]:
    import numpy as np

    count = read_weights_header(weights).parameters
    try:
        return np.fromfile(weights, "<f4", offset=weights.stat().st_size // 4 * 4 - 4 * count, count=count)
    except OSError as error:
        raise FormatError(
            f"cannot be read: {error.strerror or error}.", path=weights, code="bad-weights"
        ) from error


def _folded(name: str) -> str:
    """Names that differ in capitals, blanks and lines only are of the same class."""
    return name.casefold().replace("_", " ").replace("-", " ").strip()
