"""Which of a run's weights are used where the person names none."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from annotator.darknet.network.weights import WeightsError
from annotator.darknet.run.folder import RunFolder

EVALUATION = Path("evaluation", "evaluation.json")
"""Where in the run folder an evaluation says what it chose."""


def default_weights(run: RunFolder) -> Path:
    """The weights to use where the person names none: chosen by evaluation, else final, else newest.

    Raises:
        WeightsError: There are none yet.
        FormatError: The cfg cannot be read.
    """
    # The evaluation says what is wrong with its file; predicting goes on with the final weights.
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads((run.path / EVALUATION).read_text(encoding="utf-8"))
        chosen = run.backup / str(content["chosen"]["weights"])
        if chosen.is_file():
            return chosen
    found = run.weights()
    if not found:
        raise no_weights(run)
    return next((saved.path for saved in reversed(found) if saved.kind == "final"), found[-1].path)


def no_weights(run: RunFolder) -> WeightsError:
    """The error that says there is nothing to measure yet."""
    return WeightsError(
        "there are no whole weights in this run yet.",
        path=run.backup,
        code="no-weights",
        hint="Darknet saves the first after 100 iterations, or at the end of a shorter training.",
    )
