"""``train-cli predict``."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from annotator.darknet.commands.evaluate import add_threshold
from annotator.darknet.prediction.outputs import FORMATS, write_predictions
from converters.commands import Bar, print_json, print_report, say
from converters.errors import DataError, UsageError
from converters.files import make_folder
from converters.report import Report
from converters.words import counted

if TYPE_CHECKING:
    from annotator.darknet.prediction.engines import Engine, NetworkFiles
    from converters.images import RgbImage
    from converters.model import Box

_EXAMPLES = """examples:
  train-cli predict work/runs/20260114-093012-yolov4 photo.jpg --out found
  train-cli predict work/runs/20260114-093012-yolov4 photos --out found --threshold 0.5 --also coco
  train-cli predict work/runs/20260114-093012-yolov4 photos --out found --engine darknet
  train-cli predict work/runs/20260114-093012-yolov4 film.mp4 --out found --video avi
  train-cli predict work/runs/20260114-093012-yolov4 --camera 0 --frames 300 --out found
  train-cli predict work/runs/20260114-093012-yolov4 --camera http://10.0.0.7/video --frames 300 --out found
  train-cli predict --cfg coco.cfg --weights coco.weights --names coco.names photos --out found"""


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
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "sources",
        type=Path,
        nargs="*",
        metavar="RUN_OR_IMAGE",
        help="the run's folder (not with --cfg), then pictures, folders of them, or videos",
    )
    parser.add_argument(
        "--camera", metavar="N", help="a camera (the first is 0), or the address of one; needs --frames"
    )
    parser.add_argument(
        "--frames", type=int, default=0, metavar="N", help="end a video or camera after so many frames"
    )
    parser.add_argument(
        "--video",
        choices=("mp4", "webm", "avi"),
        default="mp4",
        help="what videos are saved as: mp4, webm (which browsers play as well), or avi",
    )
    parser.add_argument(
        "--also",
        action="append",
        choices=FORMATS,
        default=[],
        help="write the predictions as COCO (with scores), YOLO text or Darknet's JSON as well; repeatable",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the results go")
    _add_network(parser)
    add_threshold(parser, "confidence that a prediction must exceed (default 0.25)")
    parser.add_argument("--json", action="store_true", help="print the predictions as JSON")
    parser.set_defaults(body=_predict)


def _add_network(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="default: those chosen by evaluate, else the final, else the newest",
    )
    parser.add_argument("--cfg", type=Path, metavar="FILE", help="a network from elsewhere, with --weights")
    parser.add_argument("--names", type=Path, metavar="FILE", help="its class names, one a line")
    parser.add_argument(
        "--letterbox",
        action="store_true",
        help="it was trained with pjreddie's Darknet, which keeps the proportions of pictures",
    )
    parser.add_argument(
        "--engine",
        choices=("opencv", "darknet"),
        default="opencv",
        help="who looks: OpenCV in this program (default), or a Darknet itself",
    )
    parser.add_argument("--darknet", metavar="PATH", help="the Darknet to use (default: $DARKNET, then PATH)")


def _network(args: argparse.Namespace) -> NetworkFiles:
    """The network, and what is left to look at in ``args.sources``.

    Raises:
        UsageError: It is not said which network.
        FormatError: Its files do not belong together.
    """
    from annotator.darknet.prediction.engines import NetworkFiles
    from annotator.darknet.run.folder import RunFolder
    from converters.work import read_names

    if args.cfg is not None:
        if args.weights is None or args.names is None:
            raise UsageError("a network from elsewhere needs --weights and --names beside --cfg.")
        network = NetworkFiles(args.cfg, args.weights, read_names(args.names), args.letterbox)
        network.check()
        return network
    if not args.sources:
        raise UsageError("say which run, or which --cfg with --weights and --names.")
    run = RunFolder.open(args.sources.pop(0))
    if not args.sources and args.camera is None:
        raise UsageError("name pictures, folders or videos to look at, or a --camera.")
    return NetworkFiles.of_run(run, args.weights)


def _predict(args: argparse.Namespace) -> int:
    from annotator.darknet.prediction.engines import open_engine
    from annotator.darknet.prediction.looking import as_result, check_out, collect, draw, look_at
    from annotator.darknet.prediction.video import is_video
    from annotator.darknet.program.dialect import require_darknet
    from converters.colours import class_colours

    network = _network(args)
    report = Report()
    films: list[Path | int | str] = [path for path in args.sources if is_video(path)]
    stills = [path for path in args.sources if not is_video(path)]
    if args.camera is not None:
        films.append(_camera(args))
    if not films and not stills:
        raise UsageError("name pictures, folders or videos to look at, or a --camera.")
    check_out(args.sources, args.out)
    pictures = collect(stills, report, args.out) if stills else []
    darknet = require_darknet(args.darknet) if args.engine == "darknet" else None
    engine = open_engine(network, args.threshold, darknet)
    colours = class_colours(engine.class_names)
    make_folder(args.out)
    results: list[dict[str, Any]] = []
    with Bar("predicting") as bar:
        looked = look_at(engine, pictures, on_problem=lambda _, error: report.add_exception(error))
        for number, (seen, rgb) in enumerate(looked, 1):
            bar(number, len(pictures))
            draw(args.out, seen, rgb, seen.boxes, colours)
            results.append(as_result(seen, seen.boxes))
    taken: set[str] = set()
    for film in films:
        results += _watch(film, engine, args, report, taken)
    write_predictions(args.out, results, engine.class_names, network.weights, args.also)
    if args.json:
        print_json(results)
    else:
        for result in results:
            print(f"{result['image']}\t{_counted(result)}")
    print_report(report)
    say(f"{_what(results)} with {network.weights.name} ({engine.title}): {args.out}")
    return report.exit_code()


def _camera(args: argparse.Namespace) -> int | str:
    if args.frames <= 0:
        raise UsageError("a camera never ends: say how many --frames to look at.")
    text: str = args.camera.strip()
    return int(text) if text.isdigit() else text


def _watch(
    film: Path | int | str, engine: Engine, args: argparse.Namespace, report: Report, taken: set[str]
) -> list[dict[str, Any]]:
    """Look at every frame of a video or camera and save it drawn; a frame is a picture of the results."""
    from annotator.darknet.prediction.looking import Picture, Seen, as_result
    from annotator.darknet.prediction.video import FrameSource, source_stem, watch
    from converters.colours import class_colours

    results: list[dict[str, Any]] = []
    try:
        source = FrameSource(film)
    except DataError as error:
        report.add_exception(error)
        return results
    stem = name = source_stem(film)
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

        def tell(frame: int, rgb: RgbImage, boxes: tuple[Box, ...]) -> None:
            said = f"{source.title}#{frame + 1:06d}"
            still = Picture(Path(source.title), said, PurePosixPath(f"{stem}-{frame + 1:06d}.png"))
            result = as_result(Seen(still, (rgb.shape[1], rgb.shape[0]), boxes), boxes)
            results.append(result | {"video": target.name, "frame": frame + 1})
            bar(min(frame + 1, total or frame + 1), total or frame + 1)

        done = watch(
            engine,
            source,
            target=target,
            colours=class_colours(engine.class_names),
            most=args.frames,
            on_frame=tell,
        )
    if done.problem:
        path = film if isinstance(film, Path) else None
        report.error("video-breaks-off", done.problem, path=path)
    return results


def _what(results: Iterable[dict[str, Any]]) -> str:
    """``3 pictures and 20 frames``."""
    frames = sum("frame" in result for result in results)
    pictures = sum("frame" not in result for result in results)

    def parts() -> Iterator[str]:
        if pictures or not frames:
            yield counted(pictures, "picture")
        if frames:
            yield counted(frames, "frame")

    return " and ".join(parts())


def _counted(result: dict[str, Any]) -> str:
    counts = Counter(box["label"] for box in result["boxes"])
    return ", ".join(f"{count} {label}" for label, count in counts.most_common()) or "nothing"
