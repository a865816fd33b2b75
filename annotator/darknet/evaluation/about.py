"""What an evaluated network was trained with, how fast it is, and what Darknet counted: parts of the page."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from annotator.darknet.evaluation.darknet_count import DarknetCount, stored_count, why_different
from annotator.darknet.evaluation.stored import Evaluation, Measured
from annotator.darknet.prediction.speed import stored_speeds
from annotator.darknet.run.data_record import read_record
from annotator.darknet.run.folder import RunFolder
from annotator.darknet.run.notes import note_of
from converters.chart_svg import safe
from converters.errors import FormatError
from converters.model import Split


def counts_of(run: RunFolder, evaluation: Evaluation) -> list[DarknetCount]:
    """What Darknet counted for exactly these numbers, where it was asked to."""
    measured = (evaluation.test, evaluation.validation)
    found = (stored_count(run, one) for one in measured if one is not None)
    return [one for one in found if one is not None]


def counted_section(run: RunFolder, evaluation: Evaluation, counts: Sequence[DarknetCount]) -> Iterator[str]:
    """Darknet's own count beside ours."""
    yield "<h2>Darknet's own count</h2>"
    if not counts:
        yield (
            "<p>Darknet was not asked to count too (<i>Let Darknet count too</i>, or <code>train-cli "
            "evaluate RUN --count-with-darknet</code>).</p>"
        )
    for count in counts:
        measured = evaluation.test if count.split is Split.TEST else evaluation.validation
        if measured is not None:
            yield from _count_table(run, count, measured)


def _count_table(run: RunFolder, count: DarknetCount, measured: Measured) -> Iterator[str]:
    differences = count.differences(measured)
    verdict = "each printed digit is ours" if not differences else "not all printed digits are ours"
    yield (
        f"<p>{safe(count.darknet)}, <code>detector map</code> on {count.split} with {safe(count.weights)}, "
        f"{safe(count.measured[:10])}: <b>{verdict}</b>.</p>"
    )
    yield (
        '<div class="wide"><table><tr><th></th><th>Darknet, IoU 0.50</th><th>ours</th>'
        "<th>Darknet, IoU 0.75</th><th>ours</th></tr>"
    )
    blocks = [(count.block(one.iou_threshold), one) for one in (measured.metrics, measured.strict)]
    for at, name in enumerate((*(one.name for one in measured.metrics.classes), "mAP")):
        cells = ""
        for block, metrics in blocks:
            last = at == len(metrics.classes)
            ours = metrics.mean_ap if last else metrics.classes[at].ap
            theirs: float | None = None
            if block is not None and (last or at < len(block.classes)):
                theirs = block.mean_ap if last else block.classes[at].ap
            cells += f"<td>{'–' if theirs is None else f'{100 * theirs:.2f}'}</td><td>{100 * ours:.2f}</td>"
        yield f"<tr><td>{safe(name)}</td>{cells}</tr>"
    yield "</table></div>"
    if differences:
        rows = "".join(
            f"<li>{safe(one.what)} at IoU {one.iou:.2f}: Darknet {safe(one.darknet)}, ours "
            f"{safe(one.ours)}</li>"
            for one in differences
        )
        yield f"<ul>{rows}</ul><p>{safe(why_different(count, run))}</p>"


def speed_section(run: RunFolder) -> Iterator[str]:
    """How long a picture takes."""
    yield "<h2>Speed</h2>"
    # Of each engine on each device the newest.
    found = {(one["engine"], one["device"], one.get("weights")): one for one in stored_speeds(run)}
    if not found:
        yield "<p>Not measured (<i>Measure the speed</i>, or <code>train-cli speed RUN</code>).</p>"
        return
    heads = ("input", "pictures", "mean", "median", "95 % within", "a second")
    yield (
        '<div class="wide"><table><tr><th>by</th><th class="name">on</th><th class="name">what</th>'
        '<th class="name">weights</th>'
        f"{''.join(f'<th>{head}</th>' for head in heads)}</tr>"
    )
    for one in found.values():
        times = "".join(f"<td>{one[key]:.1f} ms</td>" for key in ("mean_ms", "median_ms", "p95_ms"))
        words = (str(one.get(key, "")) for key in ("device", "what", "weights"))
        texts = "".join(f"<td class='name'>{safe(word)}</td>" for word in words)
        yield (
            f"<tr><td>{safe(str(one['engine']))}</td>{texts}<td>{one['width']}×{one['height']}</td>"
            f"<td>{one.get('pictures', '')}</td>{times}<td>{one['fps']:.1f}</td></tr>"
        )
    yield "</table></div><p class='dim'>One picture at a time (batch 1), after a warm-up.</p>"


def trained_section(run: RunFolder) -> Iterator[str]:
    """What a run was trained with: enough to do it again."""
    yield "<h2>Trained with</h2><div class='wide'><table class='facts'>"
    for name, text in _facts(run):
        if text:
            yield f"<tr><td>{safe(name)}</td><td class='name'>{safe(text)}</td></tr>"
    yield "</table></div>"
    if run.info.augmentation:
        yield _folded("Augmentation", json.dumps(run.info.augmentation, indent=1, ensure_ascii=False))
    try:
        yield _folded("The network's cfg", run.read_cfg().render())
    except FormatError as error:
        yield f"<p>{safe(str(error))}</p>"


def _folded(title: str, text: str) -> str:
    """A long text that is shown when its title is clicked."""
    lines = "\n".join(map(safe, text.splitlines()))
    return f"<details><summary>{safe(title)}</summary><pre>{lines}</pre></details>"


def _facts(run: RunFolder) -> Iterator[tuple[str, str]]:
    info = run.info
    yield "run", run.path.resolve().name
    yield "note", note_of(run)
    yield "network", f"{info.network}, {info.width}×{info.height}"
    yield "batch, subdivisions", f"{info.batch}, {info.subdivisions}"
    yield "iterations", f"{info.iteration} of {info.max_batches} ({run.status}: {info.message})"
    yield "time", " to ".join(one[:19].replace("T", " ") for one in (info.started, info.ended) if one)
    yield "weights to start from", info.weights or "none: it began at random"
    yield "seed", "none" if info.seed is None else str(info.seed)
    yield "Darknet", _words(info.darknet)
    data = info.data
    sizes = [f"{data[split]} {split}" for split in map(str, Split) if split in data]
    yield "pictures", ", ".join(sizes)
    record = read_record(run.path / "data.json")
    if record is not None:
        yield "boxes, copies included", _boxes(record.boxes, info.class_names)
    yield "hash of lists and labels", str(data.get("hash", ""))
    copies = (info.augmentation or {}).get("copies")
    yield "augmented copies", "none" if copies is None else str(copies)
    yield "asked for with", shlex.join(info.asked)
    yield "command line", shlex.join(info.command)
    yield "versions", _words(info.versions)


def _boxes(boxes: dict[str, int], names: Sequence[str]) -> str:
    parts = []
    for class_id, count in boxes.items():
        known = class_id.isdigit() and int(class_id) < len(names)
        parts.append(f"{names[int(class_id)] if known else f'class {class_id}'} {count:,}")
    return ", ".join(parts)


def _words(values: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in values.items() if value)
