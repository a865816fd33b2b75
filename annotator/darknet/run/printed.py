"""What Darknet itself printed of its mAP while it trained, to be shown beside our numbers."""

from __future__ import annotations

import math

from annotator.darknet.program.events import MapBlock
from annotator.darknet.program.parser import OutputParser
from annotator.darknet.run.folder import RunFolder

_PART = 1 << 16


def printed_maps(run: RunFolder) -> dict[int, MapBlock]:
    """Darknet's own measurements on validation by the iteration they were made at; the last of each.

    A log that is missing or cannot be read has none.
    """
    found: dict[int, MapBlock] = {}

    def keep(event: object) -> None:
        if isinstance(event, MapBlock) and event.iteration is not None and math.isfinite(event.mean_ap):
            found[event.iteration] = event

    parser = OutputParser(keep)
    try:
        with run.log.open(encoding="utf-8", errors="replace") as file:
            while part := file.read(_PART):
                parser.feed(part)
    except OSError:
        return {}
    parser.close()
    return found


def printed_at(maps: dict[int, MapBlock], iteration: int) -> MapBlock | None:
    """The measurement that belongs to weights of an iteration, None where there is none.

    Darknet measures before it counts on: weights of iteration 1000 are those it measured as 999 or 1000.
    """
    return maps.get(iteration) or maps.get(iteration - 1)
