"""What a training is going to be: a new one by its options, or a run that goes on; checked, then made."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from annotator.darknet.commands.network import make_network
from annotator.darknet.commands.weights import find_weights, look_for_weights
from annotator.darknet.network.cfg import Cfg, write_cfg
from annotator.darknet.network.presets import default_max_batches, extended
from annotator.darknet.network.pretrained import Pretrained
from annotator.darknet.network.transfer import find_fit, write_fitted
from annotator.darknet.preflight.look import Watch, check_training, look_at_set
from annotator.darknet.preflight.machine import say_to_fetch
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.run.data import read_list
from annotator.darknet.run.folder import RunFolder, SavedWeights
from annotator.darknet.training.launcher import train_command
from annotator.darknet.training.trainer import Start, Unsound
from converters.errors import DataError
from converters.files import write_atomic
from converters.model import Split
from converters.report import Report
from converters.work import WorkFolder, list_texts, read_names, read_split, write_lists


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A new training.

    Attributes:
        work: The data set.
        darknet: Who will train.
        network: Name of the network.
        cfg: The network.
        class_names: In the order of their ids.
        lists: Pictures of each split.
        weights: Where it starts from, None for random weights.
        seed: Kept with the run.
        trained: The classes the weights were trained on, None: what lies beside them.
        to_fetch: Weights to start from that are not here yet; a plan with these can only be looked at.
    """

    work: WorkFolder
    darknet: Darknet
    network: str
    cfg: Cfg
    class_names: Sequence[str]
    lists: Mapping[Split, Sequence[str]]
    weights: Path | None
    seed: int | None
    trained: tuple[str, ...] | None = None
    to_fetch: Pretrained | None = None

    def check(self, watch: Watch | None = None) -> Report:
        """Everything that would make it fail. Changes nothing."""
        watch = watch or Watch()
        if self.to_fetch is not None:
            say_to_fetch(self.to_fetch, watch.report)
        report = check_training(
            self.work.root,
            self.lists,
            self.class_names,
            self.darknet,
            self.cfg,
            weights=self.weights,
            runs=self.work.runs,
            watch=watch,
            trained=self.trained,
            work=self.work,
        )
        if self.to_fetch is not None:
            watch.sheet.say("weights", f"{self.to_fetch.name}, to be fetched")
        return report

    def create(self) -> RunFolder:
        """Make its folder, with weights to start from that every Darknet can take.

        Raises as :meth:`RunFolder.create`, and FormatError where the weights do not fit.
        """
        fit = None
        if self.weights is not None:
            fit = find_fit(self.weights, self.cfg, self.class_names, self.trained)
        run = RunFolder.create(
            self.work,
            network=self.network,
            cfg=self.cfg,
            darknet=self.darknet,
            seed=self.seed,
            weights=self.weights,
            asked=sys.argv,
        )
        if fit is not None and self.weights is not None and not fit.is_ready:
            # Its copy may be a link to the person's file: that is replaced, not written through.
            write_fitted(self.weights, self.cfg, fit, run.path / "start.weights", self.seed or 0)
        write_atomic(run.path / "train.sh", self._script(run))
        return run

    def _script(self, run: RunFolder) -> str:
        """How anybody repeats the training without this program."""
        program, *arguments = train_command(run, self.darknet, weights=self.start_of(run), clear=True)
        asked = "echo yes | " if self.darknet.dialect == "hank" else "exec "  # it asks before it uses a CPU
        lines = [
            "#!/bin/sh",
            f"# Repeats this training with Darknet alone ({self.darknet.title}); another one can be named:",
            "#   DARKNET=/path/to/darknet sh train.sh",
            "# It needs nothing but this folder, and writes over what is in backup/.",
            'cd "$(dirname "$0")" || exit',
            f'{asked}"${{DARKNET:-{program}}}" {shlex.join(arguments)}',
        ]
        return "\n".join(lines) + "\n"

    def start_of(self, run: RunFolder) -> Path | None:
        """The weights that a run of this plan begins with, its own copy of them."""
        return run.start_weights or self.weights


def plan_run(
    args: argparse.Namespace, work: WorkFolder, darknet: Darknet, *, only_looks: bool = False
) -> RunPlan:
    """The plan that the options of ``train-cli run`` ask for; the lists are derived anew.

    Args:
        args: The options.
        work: The data set.
        darknet: Who will train.
        only_looks: Write nothing, and fetch nothing: the plan is for :meth:`RunPlan.check` alone.

    Raises:
        UsageError: The Darknet does not know the network, or an option is impossible.
        FormatError: The data set's lists or names cannot be read.
        WriteError: The lists cannot be written.
    """
    if args.cfg is None:
        darknet.require(args.network)
    if only_looks:
        lists = _derived_lists(work)
    else:
        write_lists(work)
        lists = {split: read_list(work.list_of(split)) for split in Split}
    names = read_names(work.names)
    if args.max_batches is None:
        args.max_batches = default_max_batches(len(names), len(lists[Split.TRAIN]))
    network, cfg = make_network(args, work, darknet, names)
    weights, to_fetch = None, None
    if args.weights is not None:
        found = look_for_weights(args.weights) if only_looks else find_weights(args.weights)
        weights, to_fetch = (found, None) if isinstance(found, Path) else (None, found)
    trained = tuple(names) if getattr(args, "same_classes", False) else None
    return RunPlan(work, darknet, network, cfg, names, lists, weights, args.seed, trained, to_fetch)


def _derived_lists(work: WorkFolder) -> dict[Split, list[str]]:
    """What the lists will say when they are derived anew, wherever they are old now."""
    texts = list_texts(work, read_split(work))
    return {split: texts[work.list_of(split).name].split("\n")[:-1] for split in Split}


def check_set(work: WorkFolder, darknet: Darknet, watch: Watch) -> None:
    """Look at the data set alone, where nothing is known of the network: one thing wrong hides no other.

    Args:
        work: The data set.
        darknet: Who would train.
        watch: Told what was found; not what its own files say is wrong with them, which is known already.
    """
    lists: dict[Split, list[str]] = {}
    names: tuple[str, ...] = ()
    with suppress(DataError):
        lists = _derived_lists(work)
    with suppress(DataError):
        names = read_names(work.names)
    if lists:
        look_at_set(work.root, lists, names, darknet, watch, work)


@dataclass(frozen=True, slots=True)
class Resumption:
    """The continuation of a run.

    Attributes:
        run: The run.
        darknet: Who will train.
        newest: The newest sound weights, None where nothing was saved yet.
        wanted: Train up to this iteration.
        unsound: Newer weights that are not sound, if they are still there.
    """

    run: RunFolder
    darknet: Darknet
    newest: SavedWeights | None
    wanted: int
    unsound: Sequence[Unsound] = ()

    @property
    def iteration(self) -> int:
        """The iteration from which it goes on."""
        return self.newest.iteration if self.newest else 0

    def check(self, watch: Watch | None = None) -> Report:
        """Everything that would make it fail. Raises FormatError where the run cannot be read."""
        run = self.run
        watch = watch or Watch()
        for one in self.unsound:
            watch.report.warning(
                "weights-unsound",
                f"is left out: {one.why}.",
                path=one.saved.path,
                hint=f"It goes on from iteration {self.iteration}." if self.newest else "It begins anew.",
            )
        return check_training(
            run.path,
            {split: run.own_list(split) for split in Split},
            run.info.class_names,
            self.darknet,
            self._cfg(),
            weights=self._weights(),
            runs=run.path,
            from_iteration=self.iteration,
            watch=watch,
            own_weights=self.newest is not None,
        )

    def prepare(self) -> Start:
        """Make the run folder ready; returns where to start from.

        Raises:
            FormatError: The run's cfg cannot be read.
            WriteError: The run folder cannot be written.
        """
        if self.wanted != self.run.info.max_batches:
            write_cfg(self.run.cfg, self._cfg())
            # Not finished any more: it may be killed before Darknet is started.
            self.run.update(max_batches=self.wanted, status="stopped", message="not gone on with yet")
        self.run.keep_best()
        newest = self.run.newest_weights()
        self.run.forget_metrics_after(self.iteration)
        return Start(newest.path if newest else self._weights(), newest is None, self.iteration)

    def _cfg(self) -> Cfg:
        cfg = self.run.read_cfg()
        return cfg if self.wanted == self.run.info.max_batches else extended(cfg, self.wanted)

    def _weights(self) -> Path | None:
        if self.newest:
            return self.newest.path
        if self.run.start_weights is not None:
            return self.run.start_weights
        return Path(self.run.info.weights) if self.run.info.weights else None
