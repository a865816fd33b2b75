"""What weights to start from are, and what becomes of them: said as soon as they are chosen."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from annotator.darknet.network.cfg import Cfg, read_cfg
from annotator.darknet.network.pretrained import Pretrained
from annotator.darknet.network.transfer import Fit, find_fit
from annotator.darknet.network.weights import all_finite, ends_in_nothing, read_weights_header
from converters.errors import DataError, FormatError


@dataclass(frozen=True, slots=True)
class WeightsAbout:
    """A file of weights beside a network.

    Attributes:
        path: The file.
        size: Its bytes.
        seen: Pictures it was trained on.
        iteration: Likewise in iterations; None where no cfg beside it says how many pictures one has.
        fit: How it fits the network.
        heads: How many layers of the network are heads, which know the classes.
    """

    path: Path
    size: int
    seen: int
    iteration: int | None
    fit: Fit
    heads: int

    @property
    def kept_layers(self) -> int:
        """Layers that keep all their numbers."""
        whole = self.fit.kind in ("same", "unnamed") or (self.fit.kind == "mapped" and not self.fit.new)
        return self.fit.layers if whole or self.fit.layers < self.fit.of else self.fit.layers - self.heads

    @property
    def may_be_renamed(self) -> bool:
        """Whether they may be of this set's classes under other names: there are as many."""
        trained, names = self.fit.trained, self.fit.names
        return self.fit.kind in ("mapped", "heads-new") and len(trained) == len(names)

    @property
    def renamed(self) -> list[tuple[str, str]]:
        """Names that would be taken for the same class, theirs and ours, where they differ."""
        pairs = zip(self.fit.trained, self.fit.names, strict=False)
        return [(theirs, ours) for theirs, ours in pairs if theirs != ours]


def about_weights(weights: Path, cfg: Cfg, names: Sequence[str]) -> WeightsAbout:
    """Look at a file (some tenths of a second: all of its numbers are read).

    Args:
        weights: The file.
        cfg: The network that is to be trained.
        names: Its classes.

    Raises:
        FormatError: It is no weights file, is cut short, of another network, or of a training that diverged.
    """
    header = read_weights_header(weights)
    fit = find_fit(weights, cfg, names)
    refuse_broken(weights)
    batch = _batch_of(weights)
    return WeightsAbout(
        weights,
        weights.stat().st_size,
        header.seen,
        header.iteration(batch) if batch else None,
        fit,
        len(cfg.detectors),
    )


def refuse_broken(weights: Path) -> None:
    """Refuse weights that nothing can be learned from.

    Raises:
        FormatError: They have values that are no numbers, or an end that was never written.
    """
    if ends_in_nothing(weights):
        raise FormatError(
            "its end was never written (the power failed, or a download stopped).",
            path=weights,
            code="bad-weights",
            hint="Take another.",
        )
    if not all_finite(weights):
        raise FormatError(
            "its values are no numbers (NaN): the training that saved it had diverged.",
            path=weights,
            code="bad-weights",
            hint="Take weights from before that.",
        )


def _batch_of(weights: Path) -> int:
    """Pictures in an iteration of the training that saved them; 0: nothing says it."""
    for place in (weights.parent.parent / "net.cfg", weights.with_suffix(".cfg")):
        with suppress(DataError):
            if place.is_file():
                return read_cfg(place).net.get_int("batch")
    return 0


def proposed(table: Sequence[Pretrained], network: str) -> Pretrained | None:
    """The known weights with which a training of a network best begins: a backbone, else a whole network.

    Args:
        table: Those that are known.
        network: Its name.
    """
    fitting = [entry for entry in table if network in entry.networks]
    return min(fitting, key=lambda entry: bool(entry.classes), default=None)


def free_bytes(folder: Path) -> int:
    """What is free where a folder is, or will be made; 0 where that cannot be told."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    with suppress(OSError):
        return shutil.disk_usage(folder).free
    return 0
