"""What is said of weights to start from, in a person's words."""

from __future__ import annotations

from pathlib import Path

from annotator.core.amounts import size_text
from annotator.darknet.network.pretrained import Pretrained
from annotator.darknet.network.weights_about import WeightsAbout, free_bytes
from annotator.qt.translation import numbers, tr, tr_n

_SHOWN = 4
"""Of a long list of classes."""


def about_text(about: WeightsAbout, network: str, *, same_classes: bool) -> str:
    """What a file is, and what becomes of it.

    Args:
        about: What is known of it.
        network: Name of the network that is to be trained; empty: a person's own.
        same_classes: Whether its classes are taken for this set's, in their order.
    """
    return f"{_what_it_is(about, network)}\n{_what_becomes(about, same_classes)}"


def _what_it_is(about: WeightsAbout, network: str) -> str:
    title = about.fit.title or network or tr("your own network")
    parts = [title, size_text(about.size)]
    if about.iteration:
        parts.append(tr("iteration {count}", count=numbers(f"{about.iteration:,}")))
    elif about.seen:
        parts.append(tr("trained on {count} pictures", count=numbers(f"{about.seen:,}")))
    if about.fit.trained:
        parts.append(tr("classes {names}", names=listed(about.fit.trained)))
    return " · ".join(parts)


def _what_becomes(about: WeightsAbout, same_classes: bool) -> str:
    fit = about.fit
    layers = tr("{some} of {all} layers are kept", some=about.kept_layers, all=fit.of)
    if same_classes and about.may_be_renamed:
        pairs = tuple(f"{theirs} → {ours}" for theirs, ours in about.renamed)
        return tr(
            "All {all} layers are kept, with the classes renamed: {pairs}.", all=fit.of, pairs=listed(pairs)
        )
    if fit.kind == "same":
        return tr("All {all} layers are kept: it goes on from what it knows.", all=fit.of)
    if fit.kind == "unnamed":
        return tr(
            "All {all} layers are kept. Nothing beside it says which classes it knows: they are taken for "
            "{names}, in this order.",
            all=fit.of,
            names=listed(fit.names),
        )
    if fit.kind == "heads-new":
        return tr("{layers}; the last ones begin at random, as it knows none of the classes.", layers=layers)
    if fit.kind == "mapped":
        known = tr("goes on from what it knows: {names}", names=listed(fit.kept))
        new = tr("begins at random: {names}", names=listed(fit.new)) if fit.new else ""
        left = tr("left out: {names}", names=listed(fit.left_out)) if fit.left_out else ""
        return "; ".join(filter(None, (layers, known, new, left))) + "."
    return tr("{layers}; the rest begins at random: it learns the classes of this set anew.", layers=layers)


def to_fetch_text(entry: Pretrained, folder: Path) -> str:
    """What fetching known weights takes.

    Args:
        entry: The weights.
        folder: Where to.
    """
    parts = [tr("{size} to fetch", size=size_text(entry.bytes)) if entry.bytes else tr("to be fetched")]
    free = free_bytes(folder)
    if free and entry.bytes and free < entry.bytes:
        parts.append(tr("only {free} are free in {folder}", free=size_text(free), folder=folder))
    elif free:
        parts.append(tr("{free} free in {folder}", free=size_text(free), folder=folder))
    parts.append(
        tr("knows the 80 classes of COCO; its last layers begin at random where yours are others")
        if entry.classes
        else tr("has no classes: it learns yours anew, on layers that know what pictures look like")
    )
    return " · ".join((entry.name, *parts))


def random_text() -> str:
    """What beginning at random means."""
    return tr(
        "A network that begins at random has to learn first what pictures look like: on few pictures that "
        "takes many times the iterations, hours more, and finds less in the end."
    )


def listed(names: tuple[str, ...]) -> str:
    """Names with commas between them, the first few of many."""
    shown = ", ".join(names[:_SHOWN])
    rest = len(names) - _SHOWN
    return tr_n("{names} and {n} more", "{names} and {n} more", rest, names=shown) if rest > 0 else shown
