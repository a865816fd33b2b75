"""What a training and its states are called in the window."""

from __future__ import annotations

from annotator.core.training import State, TrainingModel, duration
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n


def status_text(status: str) -> str:
    """A run's recorded status in words."""
    texts = {
        "running": tr("running"),
        "finished": tr("finished"),
        "stopped": tr("stopped"),
        "failed": tr("failed"),
    }
    return texts.get(status, status)


def headline(model: TrainingModel) -> str:
    """One line on where a training is."""
    match model.state:
        case State.IDLE:
            return tr("No training is running.")
        case State.STARTING:
            return tr("Darknet is starting…")
        case State.PAUSED if model.waits:
            return known(model.waits)
        case State.PAUSED:
            return tr("Paused at iteration {done} of {total}.", done=model.iteration, total=model.max_batches)
        case State.STOPPING:
            return tr("Darknet is being stopped…")
        case State.ENDING:
            return _ending(model)
        case State.RUNNING:
            return _running(model)
        case _:
            text = known(model.message)
            return text[:1].upper() + text[1:]


def _ending(model: TrainingModel) -> str:
    done, pictures = model.measured_pictures
    if not pictures:
        return tr("Darknet has ended; the last weights are being measured…")
    return tr(
        "Darknet has ended; the last weights are being measured ({done} of {pictures})…",
        done=done,
        pictures=tr_n("{n} picture", "{n} pictures", pictures),
    )


def _running(model: TrainingModel) -> str:
    parts = [
        tr("Iteration {done} of {total}", done=model.iteration, total=model.max_batches),
        tr("loss {loss}", loss=f"{model.losses[-1]:.3f}"),
        tr("average {loss}", loss=f"{model.averages[-1]:.3f}"),
    ]
    left = model.seconds_left()
    if left is not None:
        parts.append(tr("about {time} left", time=duration(left)))
    if model.saved:
        parts.append(tr("saved at {iteration}", iteration=model.saved))
    return " · ".join(parts)


def no_darknet() -> str:
    """That there is none, and what to do about it."""
    return tr(
        "No Darknet was found. Install Debian's for the CPU (apt install darknet), or build AlexeyAB's or "
        "hank-ai's with CUDA for the GPU; then put it on PATH and press Look again, or choose the program."
    )
