"""Which network ``train-cli run`` trains, and ``train-cli networks``: what networks there are and cost."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from annotator.darknet.network.blocks import Layer, layers
from annotator.darknet.network.cfg import Cfg
from annotator.darknet.network.costs import training_memory
from annotator.darknet.network.options import OPTIONS, check_options, hints, with_options
from annotator.darknet.network.presets import NETWORKS, STUDY_SIZE, Dialect, build, default_subdivisions
from annotator.darknet.program.dialect import Darknet
from converters.commands import ExitStatus, print_json, say
from converters.errors import UsageError
from converters.work import WorkFolder


def add_network_options(parser: argparse.ArgumentParser) -> None:
    """``--anchors`` and ``--set``."""
    parser.add_argument(
        "--anchors",
        choices=["keep", "auto"],
        default="keep",
        help="auto: choose them for the boxes of train, if these fit better (default: the network's own)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"an option of the training: {', '.join(OPTIONS)}; may be given several times",
    )


def make_network(
    args: argparse.Namespace, work: WorkFolder, darknet: Darknet, class_names: Sequence[str]
) -> tuple[str, Cfg]:
    """The network that was asked for, by name and as a cfg.

    Raises:
        UsageError: An option is unknown or impossible.
        FormatError: The person's own cfg is broken.
    """
    classes, batch = len(class_names), args.batch
    parts = default_subdivisions(batch) if args.subdivisions is None else args.subdivisions
    if args.cfg is not None:
        name, cfg = args.cfg.stem, _own(args, darknet, classes, parts)
    else:
        name = args.network
        cfg = build(
            name,
            classes=classes,
            width=args.width or STUDY_SIZE,
            height=args.height or STUDY_SIZE,
            batch=batch,
            subdivisions=parts,
            max_batches=args.max_batches,
            learning_rate=args.learning_rate,
            steps=args.steps,
            dialect=darknet.dialect,
            mosaic=darknet.opencv is not False,
        )
    if args.anchors == "auto":
        cfg = _with_best_anchors(cfg, work, class_names, darknet)
    cfg = with_options(cfg, check_options(_pairs(args.set), cfg, darknet.dialect, classes))
    for hint in hints(cfg, dialect=darknet.dialect, classes=classes):
        say(f"note: {hint}")
    return name, cfg


def _own(args: argparse.Namespace, darknet: Darknet, classes: int, subdivisions: int) -> Cfg:
    from annotator.darknet.network.own_cfg import adapted, check_known, own_notes, read_own

    own = read_own(args.cfg)
    check_known(own, darknet, args.cfg)
    for note in own_notes(own, darknet.dialect):
        say(f"note: {note}")
    return adapted(
        own,
        classes=classes,
        width=args.width,
        height=args.height,
        batch=args.batch,
        subdivisions=subdivisions,
        max_batches=args.max_batches,
        learning_rate=args.learning_rate,
        steps=args.steps,
        dialect=darknet.dialect,
    )


def _with_best_anchors(cfg: Cfg, work: WorkFolder, class_names: Sequence[str], darknet: Darknet) -> Cfg:
    from annotator.darknet.network.anchors import box_sizes, for_network, with_anchors
    from converters.formats.base import LoadOptions
    from converters.model import Split
    from converters.registry import load
    from converters.report import Report

    images = load(work.root, Report(), LoadOptions(class_names=tuple(class_names)), format="yolo")
    sizes = box_sizes(
        (image for image in images if image.split == Split.TRAIN),
        cfg.net.get_int("width"),
        cfg.net.get_int("height"),
        letterbox=darknet.letterboxes,
    )
    found = for_network(cfg, sizes)
    if not found.is_better:
        say(f"anchors: kept; those for this set would fit no better ({found.before:.1%} average IoU).")
        return cfg
    pairs = "  ".join(f"{w:.0f} x {h:.0f}" for w, h in found.pairs)
    say(f"anchors: {pairs} ({found.average_iou:.1%} average IoU, {found.before:.1%} before).")
    return with_anchors(cfg, found.pairs)


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    values = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise UsageError(f"--set {text}: is not KEY=VALUE.")
        values[key.strip()] = value
    return values


# ---- train-cli networks -------------------------------------------------------------------------------


def add_networks(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``train-cli networks [NAME]``."""
    parser = commands.add_parser(
        "networks",
        help="list the networks, or the layers of one",
        description="List the networks with what they cost, or the layers of one.",
    )
    parser.add_argument("network", nargs="?", metavar="NAME", help="a network, or a cfg file")
    parser.add_argument("--classes", type=int, default=3, help="number of classes (default 3)")
    parser.add_argument("--width", type=int, help="input width (default 416)")
    parser.add_argument("--height", type=int, help="input height (default 416)")
    parser.add_argument("--channels", type=int, default=3, help="3: colour (default), 1: grey")
    parser.add_argument("--cfg", action="store_true", help="print the cfg itself")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(body=_networks)


def _networks(args: argparse.Namespace) -> int:
    if args.network is None:
        return _list(args)
    cfg = _named(args, args.network)
    if args.cfg:
        print(cfg.render(), end="")
        return ExitStatus.OK
    table = layers(cfg)
    if args.json:
        print_json({"layers": [_as_dict(layer) for layer in table], **_totals(table), **_memory(cfg)})
        return ExitStatus.OK
    print("layer\tkind\tfilters\tsize\tinput\toutput\tBFLOPs")
    for layer in table:
        kind = layer.kind + (f" {','.join(map(str, layer.sources))}" if layer.sources else "")
        size = f"{layer.size}x{layer.size}/{layer.stride}" if layer.size else ""
        flops = f"{layer.bflops:.3f}" if layer.bflops else ""
        print(
            f"{layer.index}\t{kind}\t{layer.filters or ''}\t{size}\t{_by(layer.input)}\t{_by(layer.output)}"
            f"\t{flops}"
        )
    totals = _totals(table)
    say(f"{totals['bflops']:.2f} BFLOPs a picture, {totals['parameters']:,} parameters.")
    memory = training_memory(cfg)
    say(
        f"Training takes {memory.total / 1e9:.1f} to {memory.most / 1e9:.1f} GB of a GPU's memory with "
        f"{memory.mini_batch} pictures at once (batch / subdivisions)."
    )
    return ExitStatus.OK


def _list(args: argparse.Namespace) -> int:
    totals = {name: _totals(layers(_named(args, name))) for name in NETWORKS}
    if args.json:
        print_json(
            [
                {
                    "network": name,
                    **totals[name],
                    "darknets": sorted(network.dialects),
                    "description": network.description,
                }
                for name, network in NETWORKS.items()
            ]
        )
        return ExitStatus.OK
    print("network\tBFLOPs\tparameters\tDarknets\tgood for")
    for name, network in NETWORKS.items():
        costs = f"{totals[name]['bflops']:.2f}\t{totals[name]['parameters']:,}"
        print(f"{name}\t{costs}\t{','.join(sorted(network.dialects)) or '-'}\t{network.description}")
    return ExitStatus.OK


def _named(args: argparse.Namespace, name: str) -> Cfg:
    known = NETWORKS.get(name)
    if known is None:
        path = Path(name)
        if not path.is_file():
            raise UsageError(f"there is no network {name!r}.", hint=f"Choose one of {', '.join(NETWORKS)}.")
        from annotator.darknet.network.own_cfg import read_own

        return read_own(path)
    dialect: Dialect = next(iter(sorted(known.dialects)), "alexeyab")
    side = known.fixed_size
    return build(
        name,
        classes=args.classes,
        width=side or args.width or STUDY_SIZE,
        height=side or args.height or STUDY_SIZE,
        channels=args.channels,
        batch=64,
        subdivisions=16,
        max_batches=6000,
        dialect=dialect,
    )


def _memory(cfg: Cfg) -> dict[str, int]:
    memory = training_memory(cfg)
    least, most = memory.total, memory.most
    return {"gpu_bytes": least, "gpu_bytes_at_most": most, "pictures_at_once": memory.mini_batch}


def _totals(table: Sequence[Layer]) -> dict[str, float]:
    return {
        "bflops": round(sum(layer.bflops for layer in table), 3),
        "parameters": sum(layer.parameters for layer in table),
    }


def _as_dict(layer: Layer) -> dict[str, object]:
    return {
        "index": layer.index,
        "kind": layer.kind,
        "filters": layer.filters,
        "size": layer.size,
        "stride": layer.stride,
        "sources": list(layer.sources),
        "input": list(layer.input),
        "output": list(layer.output),
        "bflops": layer.bflops,
        "parameters": layer.parameters,
    }


def _by(size: tuple[int, int, int]) -> str:
    return "x".join(map(str, size))
