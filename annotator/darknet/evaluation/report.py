"""An evaluation as a page to look at: one HTML file, a table, and the test pictures with both kinds of boxes.

The page needs nothing but itself, and links to nothing: it can be sent or kept alone. Beside it lie the same
tables as CSV, its charts as SVG and PNG, and the drawn pictures.
"""

from __future__ import annotations

import base64
import csv
import io
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from annotator.darknet.evaluation.about import (
    counted_section,
    counts_of,
    speed_section,
    trained_section,
)
from annotator.darknet.evaluation.analysis import Analysis, analyses_of
from annotator.darknet.evaluation.chart_pixels import png_of
from annotator.darknet.evaluation.charts import STYLE, charts_of, coco_table, confusion_table, legend
from annotator.darknet.evaluation.notes import measured_on_test, weights_on_test
from annotator.darknet.evaluation.stored import (
    Checkpoint,
    Evaluation,
    EvaluationFolder,
    ImageResult,
    Measured,
)
from annotator.darknet.evaluation.tables import tables_of
from annotator.darknet.metrics import ClassMetrics, Interval, Metrics
from annotator.darknet.prediction.drawn import jpeg_thumbnail, side_by_side
from annotator.darknet.program.events import MapBlock
from annotator.darknet.run.folder import RunFolder
from annotator.darknet.run.printed import printed_at, printed_maps
from converters.chart_svg import safe
from converters.colours import Rgb, class_colours
from converters.errors import DataError, ImageError, WriteError
from converters.files import make_folder, write_atomic, write_if_changed
from converters.images import RgbImage, encode_png, load_rgb
from converters.model import Split

MISTAKES_SHOWN = 24
"""Pictures with mistakes that the page shows; the next are in its table and in pictures/."""
LISTED = 200
"""Of further ones so many are named in its table; all mistakes are in tables/mistakes.csv."""
DRAWN = 500
"""Pictures that are drawn into pictures/, the worst first: of 10,000 they would fill a disk."""

_THUMBNAIL = 640
_CSV_COLUMNS = (
    *("split", "weights", "iteration", "iou_threshold", "conf_threshold", "class"),
    *("ap", "ap_low", "ap_high", "truths", "difficult", "tp", "fp", "fn"),
    *("precision", "recall", "f1", "average_iou"),
)
_STYLE = """
:root{color-scheme:light dark}
body{font:15px/1.45 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.2rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;margin:.6rem 0;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;border-bottom:1px solid #8884;text-align:right;vertical-align:top}
th{max-width:9rem;overflow-wrap:anywhere;vertical-align:bottom}
td:first-child,.legend span,figcaption{overflow-wrap:anywhere}
table.facts td.name{overflow-wrap:anywhere}table.facts td:first-child{white-space:nowrap}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font-size:12px}
th:first-child,td:first-child{text-align:left}
td.name,th.name{text-align:left}
tr.chosen{background:#3a86ff22;font-weight:600}
.dim{opacity:.7;font-weight:400}
ul.notes li{margin:.25rem 0}
figure{margin:1.4rem 0}figcaption{margin-bottom:.3rem}
img{max-width:100%;height:auto;border:1px solid #8886}
@media print{
:root{color-scheme:light}
body{font-size:10.5pt;max-width:none;margin:0;padding:0}
.wide{overflow:visible}.wide table{font-size:8.5pt}th,td{padding:.15rem .35rem}
h2{break-after:avoid}figure,tr,svg,img{break-inside:avoid}
tr.chosen,td.cell,.key{-webkit-print-color-adjust:exact;print-color-adjust:exact}
}
"""

ProgressCallback = Callable[[int, int], None]
"""Called with (pictures drawn, pictures in all). It may raise to cancel."""


def write_report(
    run: RunFolder,
    evaluation: Evaluation,
    analyses: Mapping[Split, Analysis] | None = None,
    *,
    on_progress: ProgressCallback | None = None,
    pictures: bool = True,
) -> Path:
    """Write the page, metrics.csv, tables/, charts/ and pictures/ of an evaluation; returns the page's path.

    Args:
        run: The run.
        evaluation: What was measured.
        analyses: Of its splits, where they are known already.
        on_progress: Told how many pictures are drawn.
        pictures: Whether pictures/ is drawn as well, which takes the longest by far.

    Raises:
        WriteError: Something cannot be written.
    """
    folder = EvaluationFolder.of(run)
    found = analyses_of(evaluation) if analyses is None else analyses
    make_folder(folder.pictures)
    thumbnails = _write_pictures(run, evaluation, folder, on_progress, pictures=pictures)
    write_if_changed(folder.csv, metrics_csv(evaluation))
    write_if_changed(folder.report, render_page(run, evaluation, thumbnails, found))
    tables = tables_of(evaluation, found, printed_maps(run), counts_of(run, evaluation))
    make_folder(folder.tables)
    for name, text in tables.items():
        write_if_changed(folder.tables / name, text)
    _write_charts(evaluation, found, folder)
    return folder.report


def copy_report(run: RunFolder, target: Path) -> Path:
    """Copy the page, the tables and the charts into a folder of its own; returns that folder.

    Args:
        run: An evaluated run.
        target: Where the new folder is made; it is named after the run.

    Raises:
        DataError: The run has no report yet.
        WriteError: The folder is there already, or cannot be written.
    """
    folder = EvaluationFolder.of(run)
    if not folder.report.is_file():
        raise DataError("has no report yet.", path=run.path, code="not-evaluated", hint="Evaluate it first.")
    place = target / f"{run.path.resolve().name}-evaluation"
    try:
        place.mkdir(parents=True)
        shutil.copy(folder.report, place)
        shutil.copy(folder.csv, place)
        for part in (folder.tables, folder.charts):
            if part.is_dir():
                shutil.copytree(part, place / part.name)
    except FileExistsError as error:
        raise WriteError(
            "is there already.", path=place, code="exists", hint="Choose another folder, or move that away."
        ) from error
    except OSError as error:
        raise WriteError.from_os_error(error, place) from error
    return place


def _write_charts(
    evaluation: Evaluation, analyses: Mapping[Split, Analysis], folder: EvaluationFolder
) -> None:
    colours = class_colours(evaluation.class_names)
    make_folder(folder.charts)
    current: set[str] = set()
    for found in analyses.values():
        for chart in charts_of(found, colours):
            text = chart.file()
            # A PNG is made of the SVG alone: where that is as it was, so is the PNG.
            png = folder.charts / f"{chart.name}.png"
            if write_if_changed(folder.charts / f"{chart.name}.svg", text) or not png.is_file():
                write_atomic(png, png_of(text), durable=False)
            current |= {f"{chart.name}.svg", png.name}
    _remove_stale(folder.charts, current)


def metrics_csv(evaluation: Evaluation) -> str:
    """All numbers as CSV: a line for each split, weights, IoU threshold and class, ``(all)`` for the sum."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    rows = [("val", one, metrics) for one in evaluation.checkpoints for metrics in (one.metrics, one.strict)]
    if evaluation.test is not None:
        one = measured_on_test(evaluation)
        rows += [("test", one, metrics) for metrics in (evaluation.test.metrics, evaluation.test.strict)]
    for split, one, metrics in rows:
        if metrics is not None:
            head = (split, one.weights, one.iteration, metrics.iou_threshold, metrics.conf_threshold)
            writer.writerows((*head, *line) for line in _csv_lines(metrics))
    return out.getvalue()


def render_page(
    run: RunFolder,
    evaluation: Evaluation,
    thumbnails: Mapping[str, bytes],
    analyses: Mapping[Split, Analysis],
) -> str:
    """The page's HTML. Pure.

    Args:
        run: The run.
        evaluation: What was measured.
        thumbnails: For list entries of pictures with mistakes: a JPEG.
        analyses: Of the splits whose pictures are there.
    """
    title = f"Evaluation of {run.path.resolve().name}"
    parts = [
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n<title>{safe(title)}</title>',
        f"<style>{_STYLE}{STYLE}</style>\n</head>\n<body>\n<h1>{safe(title)}</h1>",
        *_about(run, evaluation),
        *_notes(evaluation),
        *_outdated(evaluation),
        *_test_section(evaluation, analyses),
        *_validation_section(evaluation, printed_maps(run), analyses),
        *counted_section(run, evaluation, counts_of(run, evaluation)),
        *speed_section(run),
        *trained_section(run),
        *_mistakes(evaluation, thumbnails),
        *_issues(evaluation),
        "</body>\n</html>\n",
    ]
    return "\n".join(parts)


def percent(value: float, digits: int = 2) -> str:
    """A share as text, ``73.87 %``."""
    return f"{100 * value:.{digits}f} %"


def interval_text(interval: Interval | None) -> str:
    """An interval as text, ``63 to 98 %``; empty for none."""
    return f"{100 * interval[0]:.0f} to {100 * interval[1]:.0f} %" if interval else ""


def worst_first(images: Sequence[ImageResult]) -> list[ImageResult]:
    """The pictures with mistakes, those with the most first; of equals in the order of the list."""
    wrong = [image for image in images if image.match.mistakes]
    return sorted(wrong, key=lambda image: -image.match.mistakes)


def _looked_at(evaluation: Evaluation) -> tuple[Split, tuple[ImageResult, ...]]:
    """The pictures that are drawn: of test, or of validation where test has none."""
    if evaluation.images or not evaluation.validation_images:
        return Split.TEST, evaluation.images
    return Split.VAL, evaluation.validation_images


def _write_pictures(
    run: RunFolder,
    evaluation: Evaluation,
    folder: EvaluationFolder,
    on_progress: ProgressCallback | None,
    *,
    pictures: bool,
) -> dict[str, bytes]:
    """Draw the pictures, the worst first; returns the thumbnails of those that the page shows."""
    _, images = _looked_at(evaluation)
    wrong = worst_first(images)
    right = (image for image in images if not image.match.mistakes)
    drawn = [*wrong, *right][:DRAWN] if pictures else wrong[:MISTAKES_SHOWN]
    colours = class_colours(evaluation.class_names)
    names = _file_names(images)
    thumbnails: dict[str, bytes] = {}
    for done, image in enumerate(drawn, 1):
        try:
            sheet = _sheet(run, image, evaluation.conf_threshold, colours)
        except ImageError as error:
            evaluation.report.add_exception(error)
        else:
            if pictures:
                write_atomic(folder.pictures / names[image.image], encode_png(sheet), durable=False)
            if len(thumbnails) < min(MISTAKES_SHOWN, len(wrong)):
                thumbnails[image.image] = jpeg_thumbnail(sheet, _THUMBNAIL)
        if on_progress is not None:
            on_progress(done, len(drawn))
    if pictures:
        _remove_stale(folder.pictures, {names[image.image] for image in drawn})
    return thumbnails


def _sheet(run: RunFolder, image: ImageResult, conf_threshold: float, colours: dict[str, Rgb]) -> RgbImage:
    rgb = load_rgb(image.path_in(run))
    # Highest confidence first: what is above the threshold stands at the front, so indices stay.
    found = [box for box in image.predictions if (box.confidence or 0.0) > conf_threshold]
    # Enlarged only where there is something to look at: a whole split at twice the size is heavy.
    scale = None if image.match.mistakes else 1
    return side_by_side(rgb, image.truths, found, colours, image.match, scale=scale)


def _file_names(images: Sequence[ImageResult]) -> dict[str, str]:
    """A file name of its own for each list entry: two folders may have pictures of one name."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for image in images:
        stem, number = Path(image.image).stem, 1
        name = f"{stem}.png"
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}.png"
        taken.add(name.casefold())
        names[image.image] = name
    return names


def _remove_stale(folder: Path, current: set[str]) -> None:
    """Drop drawings of an earlier evaluation that are of no picture or split any more."""
    for path in folder.glob("*.*"):
        if path.suffix in (".png", ".svg") and path.name not in current:
            try:
                path.unlink()
            except OSError as error:
                raise WriteError.from_os_error(error, path) from error


def _csv_lines(metrics: Metrics) -> Iterator[tuple[object, ...]]:
    for one in metrics.classes:
        f1 = 2 * one.tp / (2 * one.tp + one.fp + one.fn) if one.tp else 0.0
        yield _csv_line(one.name, one.ap, one.interval, one, f1)
    difficult = sum(one.difficult for one in metrics.classes)
    total = ClassMetrics(
        name="(all)",
        ap=metrics.mean_ap,
        interval=metrics.mean_interval,
        truths=metrics.truths,
        difficult=difficult,
        tp=metrics.tp,
        fp=metrics.fp,
        iou_sum=sum(one.iou_sum for one in metrics.classes),
    )
    yield _csv_line(total.name, total.ap, total.interval, total, metrics.f1)


def _csv_line(
    name: str, ap: float, interval: Interval | None, one: ClassMetrics, f1: float
) -> tuple[object, ...]:
    low, high = (f"{end:.6f}" for end in interval) if interval else ("", "")
    ratios = (f"{value:.6f}" for value in (one.precision, one.recall, f1, one.average_iou))
    return (name, f"{ap:.6f}", low, high, one.truths, one.difficult, one.tp, one.fp, one.fn, *ratios)


def _about(run: RunFolder, evaluation: Evaluation) -> Iterator[str]:
    info, chosen = run.info, evaluation.chosen_weights
    why = {
        "validation": "the best on validation",
        "person": "named by the person",
        "default": "not compared: no validation pictures",
    }[evaluation.chosen_by]
    letterbox = info.letterbox or bool(run.read_cfg().net.get_int("letter_box"))
    resize = "keeps proportions, grey around" if letterbox else "stretches the picture"
    yield (
        f"<p>{safe(info.network)}, {info.width}×{info.height}, {safe(resize)} · classes "
        f"{safe(', '.join(evaluation.class_names))} · weights <b>{safe(chosen.weights)}</b>, iteration "
        f"{chosen.iteration} ({safe(why)})</p>"
    )


def _notes(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.notes:
        items = "".join(f"<li>{safe(note)}</li>" for note in evaluation.notes)
        yield f'<ul class="notes">{items}</ul>'


def _outdated(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.outdated:
        names = " and ".join(sorted(evaluation.outdated))
        yield (
            f"<p><b>Pictures or labels of {names} were changed since: all of this is as it was measured."
            "</b></p>"
        )


def _test_section(evaluation: Evaluation, analyses: Mapping[Split, Analysis]) -> Iterator[str]:
    yield "<h2>Test</h2>"
    if evaluation.test is None:
        yield "<p>Not measured.</p>"
        return
    when, weights = evaluation.test.measured[:10], weights_on_test(evaluation)
    yield f"<p>Measured on {safe(when)} with {safe(weights)}.</p>"
    yield from _measured_tables(evaluation.test)
    yield from _details(analyses.get(Split.TEST))


def _details(found: Analysis | None) -> Iterator[str]:
    """Curves, confusion, sizes and confidences of a split."""
    if found is None:
        yield "<p>Pictures or labels were changed since: the curves are gone until it is evaluated again.</p>"
        return
    names, threshold, split = found.class_names, found.conf_threshold, found.split
    colours = class_colours(names)
    if found.mean_interval is not None:
        yield (
            f"<p>With these pictures drawn anew 400 times (bootstrap), 95 % of the samples have on {split} "
            f"an mAP@0.50 of {interval_text(found.mean_interval)}"
        )
        spans = zip(names, found.class_intervals, strict=True)
        each = [f"{safe(name)} {interval_text(span)}" for name, span in spans if span is not None]
        yield f"; AP@0.50 of {', '.join(each)}.</p>" if each else ".</p>"
    yield legend(names, colours)
    yield '<div class="charts">'
    yield from (chart.figure() for chart in charts_of(found, colours))
    yield "</div>"
    yield f"<p>What was taken for what on {split}, at confidence {threshold:g} and IoU 0.50:</p>"
    yield '<div class="wide">'
    yield from confusion_table(found.confusion)
    yield "</div>"


def _measured_tables(measured: Measured) -> Iterator[str]:
    metrics, strict = measured.metrics, measured.strict
    yield (
        f"<p><b>mAP@0.50 on {measured.split} {percent(metrics.mean_ap)}</b> "
        f'<span class="dim">(95 % interval {interval_text(metrics.mean_interval) or "unknown"})</span>, '
        f"mAP@0.75 {percent(strict.mean_ap)}; {metrics.images} pictures, {metrics.truths} boxes.</p>"
        f"<p>At confidence {metrics.conf_threshold:g}: precision {metrics.precision:.2f}, recall "
        f"{metrics.recall:.2f}, F1 {metrics.f1:.2f}, TP {metrics.tp}, FP {metrics.fp}, FN {metrics.fn}, "
        f"average IoU {percent(metrics.average_iou)}.</p>"
    )
    heads = (
        *("AP@0.50", "95 % interval", "AP@0.75", "boxes", "TP", "FP", "FN"),
        *("precision", "recall", "average IoU"),
    )
    yield f'<div class="wide"><table><tr><th>class</th>{"".join(f"<th>{head}</th>" for head in heads)}</tr>'
    for one, other in zip(metrics.classes, strict.classes, strict=True):
        cells = (
            *(percent(one.ap), interval_text(one.interval) or "no box", percent(other.ap), one.truths),
            *(one.tp, one.fp, one.fn, f"{one.precision:.2f}", f"{one.recall:.2f}"),
            percent(one.average_iou),
        )
        yield f"<tr><td>{safe(one.name)}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
    yield "</table></div>"
    if measured.coco is not None:
        yield (
            f"<p>By COCO's rules on {measured.split}, in percent (AP: mean over IoU 0.50 to 0.95; s: below "
            "32² pixels, m, l: from 96²). The numbers above are by Darknet's rules, as its "
            "<code>detector map</code> prints them; the two differ by a little even where both say 0.50.</p>"
        )
        yield '<div class="wide">'
        yield from coco_table(measured.coco)
        yield "</div>"


def _validation_section(
    evaluation: Evaluation, printed: dict[int, MapBlock], analyses: Mapping[Split, Analysis]
) -> Iterator[str]:
    yield "<h2>Validation</h2>"
    if evaluation.validation is None:
        yield "<p>Not measured.</p>"
        return
    names = "".join(f"<th>{safe(name)}</th>" for name in evaluation.class_names)
    means = "<th>mAP@0.50</th><th>mAP@0.75</th>"
    shown = [printed_at(printed, one.iteration) for one in evaluation.checkpoints]
    if any(shown):
        means += "<th>Darknet printed</th>"
    yield (
        "<p>AP@0.50 of each class in percent on validation, for the weights of each iteration; the highest "
        "of a column is underlined, the chosen weights are marked.</p>"
    )
    yield f'<div class="wide"><table><tr><th>iteration</th><th class="name">weights</th>{names}{means}</tr>'
    best = best_of_columns(evaluation.checkpoints)
    for index, (one, block) in enumerate(zip(evaluation.checkpoints, shown, strict=True)):
        yield _checkpoint_row(one, best, block, chosen=index == evaluation.chosen)
    yield "</table></div>"
    if any(shown):
        yield (
            "<p class='dim'>Darknet printed: its own mAP@0.50 on validation while it trained. Where it is "
            "far off ours, its list of validation pictures or the labels were others then.</p>"
        )
    yield "<p>The chosen weights on validation:</p>"
    yield from _measured_tables(evaluation.validation)
    yield "<details><summary>Curves and confusions on validation</summary>"
    yield from _details(analyses.get(Split.VAL))
    yield "</details>"


def study_row(one: Checkpoint) -> tuple[float, ...]:
    """AP@0.50 of each class, mAP@0.50 and mAP@0.75 on validation; empty where nothing was measured."""
    if one.metrics is None or one.strict is None:
        return ()
    return (*(each.ap for each in one.metrics.classes), one.metrics.mean_ap, one.strict.mean_ap)


def best_of_columns(checkpoints: Sequence[Checkpoint]) -> tuple[float, ...]:
    """The highest value of each column of the table of checkpoints."""
    rows = [row for row in map(study_row, checkpoints) if row]
    return tuple(max(column) for column in zip(*rows, strict=True))


def _checkpoint_row(one: Checkpoint, best: tuple[float, ...], block: MapBlock | None, *, chosen: bool) -> str:
    head = "<tr class='chosen'>" if chosen else "<tr>"
    row = f'{head}<td>{one.iteration}</td><td class="name">{safe(one.weights)}</td>'
    for value, highest in zip(study_row(one), best, strict=False):
        text = f"{100 * value:.2f}"
        row += f"<td><u>{text}</u></td>" if value == highest > 0 else f"<td>{text}</td>"
    if block is not None:
        row += f"<td>{100 * block.mean_ap:.2f}</td>"
    return f"{row}</tr>"


def _mistakes(evaluation: Evaluation, thumbnails: Mapping[str, bytes]) -> Iterator[str]:
    split, images = _looked_at(evaluation)
    if not images:
        return
    wrong = worst_first(images)
    yield f"<h2>Mistakes on {split}</h2>"
    yield (
        f"<p>{len(wrong)} of {len(images)} pictures have a mistake at confidence "
        f"{evaluation.conf_threshold:g} and IoU 0.50. Each mistake is a line of tables/mistakes.csv beside "
        "this page, and the pictures are drawn in pictures/.</p>"
    )
    for image in wrong:
        if image.image in thumbnails:
            data = base64.b64encode(thumbnails[image.image]).decode("ascii")
            name = safe(Path(image.image).name)
            yield (
                f"<figure><figcaption>{name}: {_count_text(image)}</figcaption><img loading='lazy' "
                f'alt="{name}, ground truth and prediction" src="data:image/jpeg;base64,{data}"></figure>'
            )
    rest = [image for image in wrong if image.image not in thumbnails]
    if rest:
        yield "<table><tr><th>picture</th><th>missed</th><th>false</th><th>right</th></tr>"
        for image in rest[:LISTED]:
            match = image.match
            yield (
                f"<tr><td>{safe(Path(image.image).name)}</td><td>{len(match.fn)}</td>"
                f"<td>{len(match.fp)}</td><td>{len(match.tp)}</td></tr>"
            )
        yield "</table>"
    if len(rest) > LISTED:
        yield f"<p>… and {len(rest) - LISTED} more.</p>"


def _issues(evaluation: Evaluation) -> Iterator[str]:
    if len(evaluation.report):
        items = "".join(f"<li>{safe(str(issue))}</li>" for issue in evaluation.report)
        yield f"<h2>Pictures and labels with findings</h2><ul>{items}</ul>"


def _count_text(image: ImageResult) -> str:
    match = image.match
    return f"{len(match.fn)} missed, {len(match.fp)} false, {len(match.tp)} right"
