"""A trained network inside this process: OpenCV's importer, fed so that it sees what Darknet sees.

Measured against Darknet on the same pictures and weights, nearly all of the difference comes from the
resize (several pixels and several points of confidence), so Darknet's own is done here in NumPy, and
OpenCV's only for the Darknet that uses that. The importer also drops every score up to 0.2 unless the cfg
says otherwise, takes another epsilon for batch normalisation, and reads the weights of another network
without a word: all three are taken care of before it sees the files.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from annotator.darknet.metrics import iou_of_edges
from annotator.darknet.network.blocks import layers
from annotator.darknet.network.cfg import Cfg, Section, read_cfg
from annotator.darknet.network.limits import not_predicted
from annotator.darknet.network.weights import WeightsError
from converters.errors import FormatError
from converters.images import RgbImage
from converters.model import Box

if TYPE_CHECKING:
    from annotator.darknet.run.folder import RunFolder

Floats = npt.NDArray[np.float32]

NMS_IOU = 0.45
"""Darknet's: of two detections of a class that overlap more, the less confident one is dropped."""
GREEDY_EXPONENT = 0.6
"""Of the distance in ``nms_kind=greedynms``; the Darknets that know it take this whatever ``beta_nms`` is."""
LOWEST_CONFIDENCE = 0.005
"""What Darknet's ``map`` and ``valid`` keep."""

_GREY = 0.5
_HEADER = np.array([0, 2, 0], dtype="<i4").tobytes() + bytes(8)
_SHORTEST_HEADER = 16


class Predictor:
    """A network with its weights, ready to look at pictures.

    One picture at a time: :meth:`predict` may be called from any thread, a second call waits.

    Args:
        cfg: The network's cfg file (the one it was trained with is fine: batch does not matter).
        weights: A weights file that Darknet saved for it.
        class_names: The names file's classes, in order.
        letterbox: True for pjreddie's Darknet, which scales a picture inside the input and fills the rest
            with grey; False for AlexeyAB's and hank-ai's, which stretch it unless the cfg says
            ``letter_box=1``.
        opencv_resize: True for hank-ai's Darknet, which resizes with OpenCV when it trains and measures mAP
            (its ``detector test`` does it the old way, which then finds slightly other boxes).
        threshold: Confidence (objectness x class) that a prediction must exceed.
        nms_iou: IoU above which the less confident of two predictions of a class is dropped. Where the
            last [yolo] asks for it (``nms_kind``, as yolov4 does), the IoU is lowered by the distance of
            the two centres first: see :func:`suppress`.

    Raises:
        FormatError: The cfg is broken, is no detector, or has another number of classes.
        WeightsError: The weights are missing, empty or those of another network.
    """

    def __init__(
        self,
        cfg: Path,
        weights: Path,
        class_names: Sequence[str],
        *,
        letterbox: bool,
        opencv_resize: bool = False,
        threshold: float = LOWEST_CONFIDENCE,
        nms_iou: float = NMS_IOU,
    ) -> None:
        network = read_cfg(cfg)
        try:
            _check_detector(network, len(class_names))
            parameters = sum(layer.parameters for layer in layers(network))
        except FormatError as error:
            raise FormatError(error.message, path=cfg, line=error.line, code=error.code) from error
        values = _read_weights(weights, parameters)
        self.cfg = cfg
        self.weights = weights
        self.class_names = tuple(class_names)
        self.letterbox = letterbox or bool(network.net.get_int("letter_box"))
        self.opencv_resize = opencv_resize
        self.threshold = threshold
        self.nms_iou = nms_iou
        self.width = network.net.get_int("width")
        self.height = network.net.get_int("height")
        self.channels = network.net.get_int("channels", 3)
        self._distance_exponent = None if letterbox else distance_exponent(network)
        self._region = _region_of(network)
        self._lock = threading.Lock()
        self._net = _import(network, values, cfg, weights, letterbox)
        self._outputs: list[str] = list(self._net.getUnconnectedOutLayersNames())

    def predict(
        self, rgb: RgbImage, *, threshold: float | None = None, clipped: bool = True
    ) -> tuple[Box, ...]:
        """The objects in a picture, highest confidence first.

        Args:
            rgb: The picture, shape (height, width, 3), uint8, RGB.
            threshold: Confidence to exceed, if not the predictor's.
            clipped: Limit the boxes to the picture (one that lies outside of it is left out). Darknet's
                mAP compares them as the network gave them: False.

        Returns:
            Boxes in pixels of the picture, each with a confidence. One place may come back once for each
            class whose confidence exceeds the threshold, as in Darknet.
        """
        lowest = self.threshold if threshold is None else threshold
        size = (rgb.shape[1], rgb.shape[0])
        pixels = network_input(
            rgb if self.channels == 3 else as_grey(rgb),
            self.width,
            self.height,
            letterbox=self.letterbox,
            opencv_resize=self.opencv_resize,
        )
        with self._lock:
            self._net.setInput(pixels[..., : self.channels].transpose(2, 0, 1)[None])
            outputs = self._net.forward(self._outputs)
        if self._region is not None:
            rows = decode_region(outputs[0][0], self._region)
        else:
            rows = np.concatenate([out.reshape(-1, out.shape[-1]) for out in outputs])
        scores = rows[:, 5:]
        keep = (np.max(scores, axis=1) > lowest) & np.isfinite(rows).all(axis=1)
        edges = to_picture(rows[keep, :4], size, self.width, self.height, letterbox=self.letterbox)
        return self._boxes(edges, scores[keep], lowest, size, clipped)

    def _boxes(
        self, edges: Floats, scores: Floats, lowest: float, size: tuple[int, int], clipped: bool
    ) -> tuple[Box, ...]:
        boxes: list[Box] = []
        scale: Floats = np.array((*size, *size), dtype=np.float32)
        relative = edges / scale
        for index, name in enumerate(self.class_names):
            found = np.flatnonzero(scores[:, index] > lowest)
            confidence = scores[found, index]
            for kept in suppress(relative[found], confidence, self.nms_iou, self._distance_exponent):
                x1, y1, x2, y2 = (float(edge) for edge in edges[found[kept]])
                if clipped:
                    x1, x2 = max(0.0, x1), min(float(size[0]), x2)
                    y1, y2 = max(0.0, y1), min(float(size[1]), y2)
                if x1 < x2 and y1 < y2:
                    boxes.append(Box((x1, y1, x2, y2), name, confidence=float(confidence[kept])))
        boxes.sort(key=lambda box: -(box.confidence or 0.0))
        return tuple(boxes)


def open_run_predictor(
    run: RunFolder, weights: Path | None = None, *, threshold: float = LOWEST_CONFIDENCE
) -> Predictor:
    """The predictor of a training run, with the resize of the Darknet that trained it.

    Args:
        run: The run.
        weights: Weights of it; default: those that evaluation chose, else the final, else the newest.
        threshold: Confidence that a prediction must exceed.

    Raises:
        FormatError: The run's cfg or names file is broken.
        WeightsError: There are no weights yet, or they do not fit.
    """
    from annotator.darknet.run.chosen import default_weights

    chosen = weights if weights is not None else default_weights(run)
    return Predictor(
        run.cfg,
        chosen,
        run.info.class_names,
        letterbox=run.info.letterbox,
        opencv_resize=run.info.darknet["dialect"] == "hank",
        threshold=threshold,
    )


def as_grey(rgb: RgbImage) -> RgbImage:
    """A picture in grey, its shape kept: as Darknet reads it for a network with one channel."""
    wide = rgb.astype(np.uint16)
    grey = (77 * wide[..., 0] + 150 * wide[..., 1] + 29 * wide[..., 2]) >> 8
    return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=2)


def network_input(
    rgb: RgbImage, width: int, height: int, *, letterbox: bool, opencv_resize: bool = False
) -> Floats:
    """A picture as Darknet hands it to the network: float32, 0 to 1, shape (height, width, 3)."""
    if opencv_resize and not letterbox:
        import cv2

        resized = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
        return resized.astype(np.float32) / np.float32(255)
    if not letterbox:
        return darknet_resize(rgb, width, height)
    inner_width, inner_height = _letterbox_size((rgb.shape[1], rgb.shape[0]), width, height)
    canvas = np.full((height, width, 3), _GREY, dtype=np.float32)
    left, top = (width - inner_width) // 2, (height - inner_height) // 2
    canvas[top : top + inner_height, left : left + inner_width] = darknet_resize(
        rgb, inner_width, inner_height
    )
    return canvas


def darknet_resize(pixels: Floats | RgbImage, width: int, height: int) -> Floats:
    """Bilinear resize whose corners are the picture's corners, as Darknet's (not OpenCV's) is.

    Sample c of the output lies at c·(W-1)/(width-1) of the input, in float32. The last column is the
    last input column. The last row is not blended with the one below its rounded-down position: where
    float32 rounds that position down, it comes out darker, and so it must here.

    Args:
        pixels: Shape (H, W, channels), float32; or uint8, which comes out as 0 to 1.
        width: Of the output, at least 1.
        height: Of the output, at least 1.
    """
    rows, columns = pixels.shape[:2]
    one = np.float32(1)
    place, fraction = _samples(rows, height)
    below = np.minimum(place + 1, rows - 1)
    # Of a large picture few rows count: no other pixel is made a float.
    needed, at = np.unique(np.concatenate([place, below]), return_inverse=True)
    used = pixels[needed]
    upper, lower = at[:height], at[height:]
    across, share = _samples(columns, width)
    part = (one - share)[:, None] * _as_float(used[:, across])
    part += share[:, None] * _as_float(used[:, np.minimum(across + 1, columns - 1)])
    part[:, -1] = _as_float(used[:, -1])
    if columns == 1:
        part[:] = _as_float(used[:, :1])
    result: Floats = (one - fraction)[:, None, None] * part[upper]
    if rows > 1:
        result[:-1] += fraction[:-1, None, None] * part[lower[:-1]]
    return result


def to_picture(boxes: Floats, size: tuple[int, int], width: int, height: int, *, letterbox: bool) -> Floats:
    """Network boxes (centre, size as fractions of the input) to xyxy pixels, shape (N, 4), float32."""
    x, y, w, h = (boxes[:, column].astype(np.float64) for column in range(4))
    if letterbox:
        inner_width, inner_height = _letterbox_size(size, width, height)
        x = (x - (width - inner_width) / 2 / width) / (inner_width / width)
        y = (y - (height - inner_height) / 2 / height) / (inner_height / height)
        w, h = w * (width / inner_width), h * (height / inner_height)
    edges = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], axis=1)
    scale = np.array([size[0], size[1], size[0], size[1]], dtype=np.float64)
    return (edges * scale).astype(np.float32)


def decode_region(output: Floats, section: Section) -> Floats:
    """What YOLOv2's detection layer makes of the convolution before it (Redmon and Farhadi 2017).

    In cell (i, j) with anchor (p, q), all in cells: x = i + σ(tx), w = p · exp(tw), likewise y and h;
    confidence = σ(to); classes by softmax.

    Args:
        output: Shape (boxes · (5 + classes), rows, columns).
        section: The [region].

    Returns:
        Shape (rows · columns · boxes, 5 + classes): centre and size as fractions of the input, confidence,
        and confidence × class, as the [yolo] layers give them.
    """
    boxes, classes = section.get_int("num", 1), section.get_int("classes")
    rows, columns = output.shape[1:]
    values = output.reshape(boxes, 5 + classes, rows, columns).transpose(2, 3, 0, 1)
    anchors = np.array(section.get_floats("anchors"), dtype=np.float32).reshape(-1, 2)[:boxes]
    result = np.empty((rows, columns, boxes, 5 + classes), dtype=np.float32)
    with np.errstate(over="ignore"):
        near = 1 / (1 + np.exp(-values[..., [0, 1, 4]]))
        result[..., 0] = (near[..., 0] + np.arange(columns, dtype=np.float32)[:, None]) / columns
        result[..., 1] = (near[..., 1] + np.arange(rows, dtype=np.float32)[:, None, None]) / rows
        result[..., 2:4] = np.exp(values[..., 2:4]) * anchors / np.array([columns, rows], dtype=np.float32)
        result[..., 4] = near[..., 2]
        scores = values[..., 5:]
        if section.get_int("softmax"):
            scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
            scores = scores / scores.sum(axis=-1, keepdims=True)
    result[..., 5:] = scores * result[..., 4:5]
    return result.reshape(-1, 5 + classes)


def suppress(
    edges: Floats, confidence: Floats, iou: float, distance_exponent: float | None = None
) -> list[int]:
    """Greedy non-maximum suppression of one class; indices of what stays, highest confidence first.

    Args:
        edges: Shape (N, 4), xyxy. With a distance they must be fractions of the picture, as Darknet has
            them: in a picture that is not square, pixels would weigh the two directions otherwise.
        confidence: Shape (N,).
        iou: Overlap above which the less confident one is dropped.
        distance_exponent: None: the overlap is the IoU. Else (DIoU, Zheng et al. 2020) the IoU less
            (d² / c²) to this power; d: distance of the centres, c: diagonal of the box around both.
    """
    order = np.argsort(-confidence, kind="stable")
    kept: list[int] = []
    while len(order):
        first, order = int(order[0]), order[1:]
        kept.append(first)
        overlap = iou_of_edges(edges[first], edges[order])
        if distance_exponent is not None:
            overlap = overlap - _distance(edges[first], edges[order]) ** np.float32(distance_exponent)
        order = order[overlap <= np.float32(iou)]
    return kept


def distance_exponent(network: Cfg) -> float | None:
    """The power of the distance in this network's non-maximum suppression; None: only the IoU counts.

    AlexeyAB's and hank-ai's Darknets go by the last detection layer.

    Raises:
        FormatError: ``beta_nms`` is no number.
    """
    last = next((section for section in reversed(network.layer_sections) if section.name == "yolo"), None)
    if last is None:
        return None
    kind = last.get("nms_kind")
    if kind == "diounms":
        return last.get_float("beta_nms", GREEDY_EXPONENT)
    return GREEDY_EXPONENT if kind == "greedynms" else None


def _distance(box: Floats, others: Floats) -> Floats:
    """Squared distance of the centres divided by the squared diagonal of the box around both."""
    centre, centres = (box[:2] + box[2:]) / 2, (others[:, :2] + others[:, 2:]) / 2
    around = np.maximum(box[2:], others[:, 2:]) - np.minimum(box[:2], others[:, :2])
    diagonal = (around**2).sum(axis=1)
    result: Floats = np.divide(
        ((centre - centres) ** 2).sum(axis=1), diagonal, out=np.zeros_like(diagonal), where=diagonal > 0
    )
    return result


def _samples(count: int, wanted: int) -> tuple[npt.NDArray[np.intp], Floats]:
    """Index and float32 fraction of each output sample on an axis of ``count`` input samples."""
    scale = np.float32(count - 1) / np.float32(wanted - 1) if wanted > 1 else np.float32(0)
    place = np.arange(wanted, dtype=np.float32) * scale
    index = np.minimum(place.astype(np.intp), count - 1)
    return index, (place - index.astype(np.float32)).astype(np.float32)


def _as_float(pixels: Floats | RgbImage) -> Floats:
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / np.float32(255)
    return pixels.astype(np.float32, copy=False)


def _letterbox_size(size: tuple[int, int], width: int, height: int) -> tuple[int, int]:
    """The largest size of the picture's aspect inside width x height, rounded down."""
    if np.float32(width) / size[0] < np.float32(height) / size[1]:
        return width, max(1, size[1] * width // size[0])
    return max(1, size[0] * height // size[1]), height


def _check_detector(network: Cfg, classes: int) -> None:
    if not network.detectors:
        raise FormatError("has no [yolo] or [region] section: this is no detector.", code="no-detector")
    for section in network.detectors:
        if section.get_int("classes") != classes:
            raise FormatError(
                f"[{section.name}] has classes={section.get_int('classes')}, but there are {classes} class "
                "names.",
                line=section.line,
                code="class-count",
            )


def _region_of(network: Cfg) -> Section | None:
    """The [region], where that is the detection layer."""
    last = network.layer_sections[-1]
    return last if last.name == "region" else None


def _read_weights(path: Path, parameters: int) -> Floats:
    """The floats of a weights file, checked against the number that the network needs."""
    # Read, not mapped: Darknet may rewrite the file at any time, and a mapped file that shrinks kills us.
    try:
        data = np.fromfile(path, dtype=np.uint8)
    except FileNotFoundError as error:
        raise WeightsError("the weights file is missing.", path=path, code="weights-missing") from error
    except OSError as error:
        raise WeightsError(f"cannot be read: {error.strerror or error}.", path=path) from error
    if len(data) < _SHORTEST_HEADER:
        raise WeightsError(
            "the weights file is cut short: it has no whole header."
            if len(data)
            else "the weights file is empty.",
            path=path,
            code="weights-empty",
            hint="The disk may have been full when it was saved; take other weights.",
        )
    major, minor = (int(number) for number in data[:8].view("<i4"))
    # Darknet counts the pictures seen with 8 bytes since version 0.2 of the file, with 4 before.
    start = len(_HEADER) if major * 10 + minor >= 2 else _SHORTEST_HEADER
    held = (len(data) - start) / 4
    if held != parameters:
        raise WeightsError(
            f"the weights file holds {held:,.10g} numbers, but this network needs {parameters:,}.",
            path=path,
            code="weights-mismatch",
            hint="It was cut short, or is of a network with other layers or another number of classes.",
        )
    return data[start:].view("<f4")


def _import(network: Cfg, values: Floats, cfg: Path, weights: Path, letterbox: bool) -> Any:
    """OpenCV's network from memory (so any path will do), batch normalisation already worked in."""
    import cv2

    what, line = not_predicted(network)
    if what:
        raise FormatError(
            f"OpenCV does nothing like {what}, so this network cannot be used here.",
            path=cfg,
            line=line,
            code="bad-cfg",
            hint="Measure it with Darknet itself (darknet detector map).",
        )
    plain, folded = _fold(network, values, letterbox)
    # The importer's [region] suppresses by itself, which no option turns off: it is decoded here.
    plain = Cfg(tuple(section for section in plain.sections if section.name != "region"))
    # thresh: the importer's default of 0.2 would drop every weaker score; we apply our own threshold.
    plain = plain.with_detectors(thresh=0, nms_threshold=0)
    try:
        return cv2.dnn.readNetFromDarknet(
            np.frombuffer(plain.render().encode(), dtype=np.uint8),
            folded,
        )
    except cv2.error as error:
        reason = str(error.err or error).strip().splitlines()[0]
        raise FormatError(
            f"OpenCV cannot build this network with {weights.name}: {reason}.",
            path=cfg,
            code="bad-cfg",
            hint="Measure it with Darknet itself (darknet detector map).",
        ) from error


def _fold(network: Cfg, values: Floats, letterbox: bool) -> tuple[Cfg, npt.NDArray[np.uint8]]:
    """Work each batch normalisation into its convolution's weights and biases.

    pjreddie's Darknet divides by sqrt(variance) + 1e-6, the others by sqrt(variance + 1e-5); OpenCV's
    importer has an epsilon of its own, which shows where a variance is small.

    Returns:
        The cfg without batch normalisation, and the bytes of a weights file for it.
    """
    sections: list[Section] = [replace(network.net, name="net")]
    data = np.zeros(len(_HEADER) + 4 * len(values), dtype=np.uint8)
    data[: len(_HEADER)] = np.frombuffer(_HEADER, dtype=np.uint8)
    floats = data[len(_HEADER) :].view("<f4")
    read = written = 0
    for layer, section in zip(layers(network), network.layer_sections, strict=True):
        part = values[read : read + layer.parameters]
        read += layer.parameters
        if section.name == "convolutional" and section.get_int("batch_normalize"):
            part = _fold_layer(part.astype(np.float64), layer.filters, letterbox)
            section = section.without("batch_normalize")
        floats[written : written + len(part)] = part
        written += len(part)
        sections.append(section)
    return Cfg(tuple(sections)), data[: len(_HEADER) + 4 * written]


def _fold_layer(part: npt.NDArray[np.float64], filters: int, letterbox: bool) -> Floats:
    bias, scale, mean, variance = part[: 4 * filters].reshape(4, filters)
    kernel = part[4 * filters :].reshape(filters, -1)
    # A training that diverged saves values that are no numbers; such a network finds nothing.
    with np.errstate(all="ignore"):
        factor = scale / (np.sqrt(variance) + 1e-6 if letterbox else np.sqrt(variance + 1e-5))
        return np.concatenate([bias - mean * factor, (kernel * factor[:, None]).ravel()]).astype("<f4")
