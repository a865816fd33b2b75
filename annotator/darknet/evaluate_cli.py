"""``train-cli evaluate`` and ``train-cli predict``."""

from __future__ import annotations

import argparse
import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from natsort import natsorted

from annotator.darknet.predict_outputs import FORMATS, write_coco, write_yolo
from converters.commands import Bar, print_json, print_report, say
from converters.errors import DataError, ImageError, UsageError
from converters.files import make_folder, write_atomic
from converters.images import RgbImage, encode_png, is_image, load_rgb
from converters.model import Box
from converters.report import Report
from converters.words import counted

if TYPE_CHECKING:
    from annotator.darknet.coco_metrics import CocoClass, CocoMetrics
    from annotator.darknet.evaluation import Evaluation
    from annotator.darknet.metrics import Metrics
    from annotator.darknet.predictor import Predictor

_EVALUATE_EXAMPLES = """examples:
  train-cli evaluate work/runs/20260114-093012-yolov4
  train-cli evaluate work/runs/20260114-093012-yolov4 --threshold 0.5 --json
  train-cli evaluate work/runs/20260114-093012-yolov4 --weights backup/yolov4_2000.weights"""
_PREDICT_EXAMPLES = """examples:
  train-cli predict work/runs/20260114-093012-yolov4 photo.jpg --out found
  train-cli predict work/runs/20260114-093012-yolov4 photos --out found --threshold 0.5 --also coco
  train-cli predict work/runs/20260114-093012-yolov4 film.mp4 --out found --video avi
  train-cli predict work/runs/20260114-093012-yolov4 --camera 0 --frames 300 --out found"""
_CSV_COLUMNS = ("image", "label", "confidence", "x1", "y1", "x2", "y2")


def add_evaluate(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command ``evaluate``."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a run: every checkpoint on validation, the best of them on test",
        description=(
            "Measure every weights file of a run on validation, take the best, and measure that one on "
            "test, once. Writes RUN/evaluation/ with report.html, evaluation.json, metrics.csv and the "
            "test pictures, ground truth beside prediction."
        ),
        epilog=_EVALUATE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="measure these weights only")
    _add_threshold(parser, "count TP, FP and FN above this confidence (default 0.25)")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.set_defaults(body=_evaluate)


def add_predict(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command ``predict``."""
    parser = subparsers.add_parser(
        "predict",
        help="find objects in pictures with a trained network",
        description=(
            "Find objects in pictures and videos with a trained network. Writes them with the predictions "
            "drawn, predictions.csv and predictions.json to a folder of their own; what is given is never "
            "changed. Exit code 1 where a picture could not be read, or a video breaks off."
        ),
        epilog=_PREDICT_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "images", type=Path, nargs="*", metavar="IMAGE", help="pictures, folders of them, or videos"
    )
    parser.add_argument("--camera", type=int, metavar="N", help="a camera (the first is 0); needs --frames")
    parser.add_argument(
        "--frames", type=int, default=0, metavar="N", help="end a video or camera after so many frames"
    )
    parser.add_argument("--video", choices=("mp4", "avi"), default="mp4", help="what videos are saved as")
    parser.add_argument(
        "--also",
        action="append",
        choices=FORMATS,
        default=[],
        help="write the predictions as COCO (with scores) or YOLO text as well; may be repeated",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the results go")
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="default: those chosen by evaluate, else the final, else the newest",
    )
    _add_threshold(parser, "confidence that a prediction must exceed (default 0.25)")
    parser.add_argument("--json", action="store_true", help="print the predictions as JSON")
    parser.set_defaults(body=_predict)


def evaluation_table(evaluation: Evaluation) -> str:
    """The checkpoints on validation and the chosen one on test, as text."""
    names = evaluation.class_names
    rows: list[tuple[str, ...]] = []
    for index, one in enumerate(evaluation.checkpoints):
        if one.metrics is not None:
            chosen = " (chosen)" if index == evaluation.chosen else ""
            rows.append((str(one.iteration), *_percents(one.metrics), one.weights + chosen))
    lines: list[str] = []
    if rows and evaluation.validation is not None:
        lines.append(f"AP@0.50 in percent on validation, {_size(evaluation.validation.metrics)}")
        lines += columns([("iteration", *names, "mAP@0.50", "weights"), *rows])
        lines.append("")
    weights = evaluation.chosen_weights.weights
    test = evaluation.test
    if test is None:
        lines.append(f"test was not measured; weights: {weights}")
        return "\n".join(lines)
    stored = "" if evaluation.test_measured_now else f" (measured {test.measured[:10]}, not repeated)"
    lines.append(f"test, {_size(test.metrics)}, with {weights}{stored}")
    lines += columns(_class_rows(test.metrics, test.strict))
    metrics = test.metrics
    lines += [
        "",
        f"at confidence {metrics.conf_threshold:g}: precision {metrics.precision:.2f}, recall "
        f"{metrics.recall:.2f}, F1 {metrics.f1:.2f}, TP {metrics.tp}, FP {metrics.fp}, FN {metrics.fn}, "
        f"average IoU {100 * metrics.average_iou:.2f} %",
    ]
    if test.coco is not None:
        lines += ["", "the same on test by COCO's rules, in percent", *columns(_coco_rows(test.coco))]
    return "\n".join(lines)


def _add_threshold(parser: argparse.ArgumentParser, text: str) -> None:
    parser.add_argument("--threshold", type=_threshold, default=0.25, metavar="CONFIDENCE", help=text)


def _threshold(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


# ---- evaluate ----------------------------------------------------------------------------------------


def _evaluate(args: argparse.Namespace) -> int:
    from annotator.darknet.evaluate import evaluate_run
    from annotator.darknet.evaluation_report import write_report
    from annotator.darknet.runs import RunFolder

    run = RunFolder.open(args.run)
    with Bar() as bar:

        def tell(done: int, total: int, what: str) -> None:
            bar.stage(what)
            bar(done, total)

        evaluation = evaluate_run(run, on_progress=tell, weights=args.weights, conf_threshold=args.threshold)
        page = write_report(run, evaluation, on_progress=lambda done, total: tell(done, total, "pictures"))
    if args.json:
        print_json(evaluation.as_dict() | {"report": str(page)})
    else:
        print(evaluation_table(evaluation))
    print_report(evaluation.report)
    for note in evaluation.notes:
        say(f"note: {note}")
    say(f"report: {page}")
    return evaluation.report.exit_code()


def _size(metrics: Metrics) -> str:
    return f"{metrics.images} pictures, {metrics.truths} boxes"


def _percents(metrics: Metrics) -> tuple[str, ...]:
    return (*(f"{100 * one.ap:.2f}" for one in metrics.classes), f"{100 * metrics.mean_ap:.2f}")


def _class_rows(metrics: Metrics, strict: Metrics) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("class", "AP@0.50", "95 % interval", "AP@0.75", "boxes", "TP", "FP", "FN")
    ]
    for one, other in zip(metrics.classes, strict.classes, strict=True):
        span = f"{100 * one.interval[0]:.0f} to {100 * one.interval[1]:.0f}" if one.interval else "no box"
        counts = (str(count) for count in (one.truths, one.tp, one.fp, one.fn))
        rows.append((one.name, f"{100 * one.ap:.2f}", span, f"{100 * other.ap:.2f}", *counts))
    mean = metrics.mean_interval
    span = f"{100 * mean[0]:.0f} to {100 * mean[1]:.0f}" if mean else ""
    counts = (str(count) for count in (metrics.truths, metrics.tp, metrics.fp, metrics.fn))
    rows.append(("mAP", f"{100 * metrics.mean_ap:.2f}", span, f"{100 * strict.mean_ap:.2f}", *counts))
    return rows


def _coco_rows(coco: CocoMetrics) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("class", "AP", "AP50", "AP75", "APs", "APm", "APl", "boxes")]
    rows += [_coco_row(one.name, one, one.truths) for one in coco.classes]
    return [*rows, _coco_row("all", coco, sum(one.truths for one in coco.classes))]


def _coco_row(name: str, one: CocoClass | CocoMetrics, truths: int) -> tuple[str, ...]:
    values = (one.ap, one.ap50, one.ap75, one.ap_small, one.ap_medium, one.ap_large)
    cells = ("no box" if value is None else f"{100 * value:.2f}" for value in values)
    return (name, *cells, str(truths))


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with columns of equal width: the first and text columns left, numbers right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in (0, len(row) - 1) and not cell.isdigit() else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


# ---- predict -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Picture:
    """A picture to look at: its file, its name in the results, and where the drawing goes."""

    path: Path
    name: str
    target: Path


def _predict(args: argparse.Namespace) -> int:
    from annotator.darknet.evaluation import default_weights
    from annotator.darknet.pictures import draw_predictions
    from annotator.darknet.predictor import open_run_predictor
    from annotator.darknet.runs import RunFolder
    from annotator.darknet.video import is_video
    from converters.colours import class_colours

    run = RunFolder.open(args.run)
    report = Report()
    films: list[Path | int] = [path for path in args.images if is_video(path)]
    stills = [path for path in args.images if not is_video(path)]
    if args.camera is not None:
        if args.frames <= 0:
            raise UsageError("a camera never ends: say how many --frames to look at.")
        films.append(args.camera)
    if not films and not stills:
        raise UsageError("name pictures, folders or videos to look at, or a --camera.")
    _check_out(args.images, args.out)
    pictures = _pictures(stills, args.out, report) if stills else []
    weights = args.weights if args.weights is not None else default_weights(run)
    predictor = open_run_predictor(run, weights, threshold=args.threshold)
    colours = class_colours(predictor.class_names)
    make_folder(args.out)
    results: list[dict[str, Any]] = []
    with Bar("predicting") as bar:
        for number, picture in enumerate(pictures, 1):
            bar(number, len(pictures))
            try:
                rgb = load_rgb(picture.path)
            except ImageError as error:
                report.add_exception(error)
                continue
            boxes = predictor.predict(rgb)
            make_folder(picture.target.parent)
            write_atomic(picture.target, encode_png(draw_predictions(rgb, boxes, colours)), durable=False)
            results.append(_as_result(picture, (rgb.shape[1], rgb.shape[0]), boxes, args.out))
    taken: set[str] = set()
    for film in films:
        results += _watch(film, predictor, args, report, taken)
    _write_results(args.out, results, weights)
    if "coco" in args.also:
        write_coco(args.out, results, predictor.class_names)
    if "yolo" in args.also:
        write_yolo(args.out, results, predictor.class_names)
    if args.json:
        print_json(results)
    else:
        for result in results:
            print(f"{result['image']}\t{_counted(result)}")
    print_report(report)
    frames = sum("frame" in result for result in results)
    what = " and ".join(
        counted(count, word)
        for count, word in ((len(results) - frames, "picture"), (frames, "frame"))
        if count or (word == "picture" and not frames)
    )
    say(f"{what} with {weights.name}: {args.out}")
    return report.exit_code()


def _watch(
    film: Path | int, predictor: Predictor, args: argparse.Namespace, report: Report, taken: set[str]
) -> list[dict[str, Any]]:
    """Look at every frame of a video or camera and save it drawn; a frame is a picture of the results."""
    from annotator.darknet.video import FrameSource, watch
    from converters.colours import class_colours

    results: list[dict[str, Any]] = []
    try:
        source = FrameSource(film)
    except DataError as error:
        report.add_exception(error)
        return results
    stem = name = film.stem if isinstance(film, Path) else f"camera-{film}"
    number = 1
    while stem.casefold() in taken:
        number += 1
        stem = f"{name}-{number}"
    taken.add(stem.casefold())
    target = args.out / f"{stem}.{args.video}"
    if isinstance(film, Path) and target.resolve() == film.resolve():
        raise UsageError("would be overwritten with its own predictions.", path=film)
    with source, Bar(source.title) as bar:
        total = min(args.frames or source.count, source.count or args.frames)

        def seen(frame: int, rgb: RgbImage, boxes: tuple[Box, ...]) -> None:
            said = f"{source.title}#{frame + 1:06d}"
            still = _Picture(Path(source.title), said, target.with_name(f"{stem}-{frame + 1:06d}.png"))
            result = _as_result(still, (rgb.shape[1], rgb.shape[0]), boxes, args.out)
            results.append(result | {"video": target.name, "frame": frame + 1})
            bar(min(frame + 1, total or frame + 1), total or frame + 1)

        done = watch(
            predictor,
            source,
            target=target,
            threshold=args.threshold,
            colours=class_colours(predictor.class_names),
            most=args.frames,
            on_frame=seen,
        )
    if done.problem:
        path = film if isinstance(film, Path) else None
        report.error("video-breaks-off", done.problem, path=path)
    return results


def _pictures(sources: Sequence[Path], out: Path, report: Report) -> list[_Picture]:
    """The pictures to look at, each with a target that is no picture given and no other's target.

    Raises:
        UsageError: ``out`` is a folder of the pictures, holds other files, or there is no picture.
    """
    _check_out(sources, out)
    found: list[tuple[Path, Path]] = []  # the file, and its name in the results
    for source in sources:
        if source.is_dir():
            found += [(path, path.relative_to(source)) for path in _images_in(source, out)]
        elif source.exists():
            found.append((source, Path(source.name)))
        else:
            report.error("image-missing", "the picture is missing.", path=source)
    if not found and not len(report):
        raise UsageError(f"there is no picture in {', '.join(map(str, sources))}.")
    inputs = {path.resolve() for path, _ in found}
    taken: set[str] = set()
    names: set[str] = set()
    pictures: list[_Picture] = []
    for path, name in found:
        target, number = name.with_suffix(".png"), 1
        while str(target).casefold() in taken:
            number += 1
            target = name.with_name(f"{name.stem}-{number}.png")
        taken.add(str(target).casefold())
        if (out / target).resolve() in inputs:
            raise UsageError(
                "would be overwritten with its own predictions.", path=path, hint="Choose another --out."
            )
        said = path.as_posix() if name.as_posix() in names else name.as_posix()
        names.add(said)
        pictures.append(_Picture(path, said, out / target))
    return pictures


def _check_out(sources: Sequence[Path], out: Path) -> None:
    real = out.resolve()
    for source in sources:
        if real == (source if source.is_dir() else source.parent).resolve():
            raise UsageError(
                "is the folder of the pictures.", path=out, hint="Give --out a folder of its own."
            )
    if out.exists() and not out.is_dir():
        raise UsageError("is a file.", path=out, hint="Give --out a folder.")
    if out.is_dir() and any(out.iterdir()) and not (out / "predictions.json").is_file():
        raise UsageError(
            "is not empty, and not a folder of earlier predictions.",
            path=out,
            hint="Give --out a new folder, so that nothing of yours is replaced.",
        )


def _images_in(folder: Path, out: Path) -> list[Path]:
    """The pictures in a folder and below, in natural order, without those in ``out``."""
    skipped = out.resolve()
    try:
        paths = [path for path in folder.rglob("*") if is_image(path) and path.is_file()]
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}.", path=folder) from error
    return list(natsorted((path for path in paths if skipped not in path.resolve().parents), key=str))


def _as_result(picture: _Picture, size: tuple[int, int], boxes: Sequence[Box], out: Path) -> dict[str, Any]:
    return {
        "image": picture.name,
        "path": str(picture.path),
        "drawing": picture.target.relative_to(out).as_posix(),
        "width": size[0],
        "height": size[1],
        "boxes": [
            {
                "label": box.label,
                "confidence": round(box.confidence or 0.0, 6),
                "xyxy": [round(edge, 3) for edge in box.xyxy],
            }
            for box in boxes
        ],
    }


def _write_results(out: Path, results: Sequence[dict[str, Any]], weights: Path) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_CSV_COLUMNS)
    for result in results:
        for box in result["boxes"]:
            writer.writerow((result["image"], box["label"], box["confidence"], *box["xyxy"]))
    write_atomic(out / "predictions.csv", text.getvalue())
    content = {"weights": str(weights), "images": list(results)}
    write_atomic(out / "predictions.json", json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _counted(result: dict[str, Any]) -> str:
    counts = Counter(box["label"] for box in result["boxes"])
    return ", ".join(f"{count} {label}" for label, count in counts.most_common()) or "nothing"
