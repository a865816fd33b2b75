"""Which weights of a run are worth keeping: the best and the last; those in between can go."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from annotator.darknet.evaluation.checkpoints import read_measured
from annotator.darknet.evaluation.stored import load_stored
from annotator.darknet.run.folder import RunFolder, SavedWeights
from converters.errors import DataError, WriteError


def sorted_out(run: RunFolder) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The weights that are kept, and the spare ones.

    Kept are the newest, those that an evaluation chose, the best of those that were measured while it
    trained, and those that Darknet itself writes over. Where that cannot be told all are kept.
    """
    try:
        saved = run.weights()
    except DataError:
        return (), ()  # without its network nobody knows which of them are whole
    if not saved:
        return (), ()
    try:
        chosen = _chosen(run)
    except DataError:
        return tuple(one.path for one in saved), ()  # nobody knows which of them an evaluation chose
    # Kinds other than numbered are written over by Darknet itself: there is one of each.
    spare = [one for one in saved if _is_spare(one, saved[-1], chosen)]
    if run.is_looked_after():
        spare = [one for one in spare if one.kind == "numbered"]
    kept = tuple(one.path for one in saved if one not in spare)
    return kept, tuple(one.path for one in spare)


def best_measured(run: RunFolder) -> float | None:
    """The highest mAP@0.50 on validation that was measured while it trained, None where none was."""
    return max((one.mean_ap for one in read_measured(run)), default=None)


def thin_out(run: RunFolder) -> int:
    """Delete the spare weights for good, also of a run that is being trained; returns the bytes.

    Raises:
        WriteError: One cannot be deleted.
    """
    total = 0
    for path in sorted_out(run)[1]:
        size = 0
        with suppress(OSError):
            size = path.stat().st_size
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError.from_os_error(error, path) from error
        total += size
    return total


def _chosen(run: RunFolder) -> set[str]:
    """Names of the weights that an evaluation, or what was measured meanwhile, calls the best."""
    stored = load_stored(run)
    chosen = {Path(stored.chosen).name} if stored is not None else set()
    measured = [one for one in read_measured(run) if one.checkpoint.path_in(run).is_file()]
    best = max(measured, key=lambda one: (one.mean_ap, -one.iteration), default=None)
    return chosen | ({best.checkpoint.weights} if best is not None else set())


def _is_spare(one: SavedWeights, last: SavedWeights, chosen: set[str]) -> bool:
    return one.kind in ("numbered", "previous") and one.path != last.path and one.path.name not in chosen
