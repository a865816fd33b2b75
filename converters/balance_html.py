"""The balance of a set as one HTML file to send to someone: charts, tables, samples, no script."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence

from converters.balance_facts import BalanceFacts
from converters.balance_plan import BalancePlan, ratio_of, ratio_text
from converters.balance_samples import SIDE, Sample, samples_of
from converters.chart_drawing import draw
from converters.chart_svg import STYLE, as_svg, hex_colour, safe
from converters.charts import charts_of
from converters.class_weights import counters_per_class, multipliers
from converters.colours import class_colour
from converters.formats.base import ProgressCallback
from converters.model import Split
from converters.report import Report
from converters.words import counted

_STYLE = """
:root { color-scheme: light dark; --text: #1d1f21; --muted: #5c6166; --grid: #dddfe2; --paper: #ffffff;
  --panel: #f5f6f7; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e6e6; --muted: #a4a9ae; --grid: #404448;
  --paper: #1b1d1f; --panel: #25282b; } }
@media print { :root { color-scheme: light; --text: #000000; --muted: #444444; --grid: #cccccc;
  --paper: #ffffff; --panel: #ffffff; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.5rem 3rem; max-width: 1180px; background: var(--paper);
  color: var(--text); font: 15px/1.5 system-ui, "Segoe UI", "DejaVu Sans", sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .3rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; }
h3 { font-size: 1rem; margin: 1rem 0 .4rem; overflow-wrap: anywhere; }
p { margin: .4rem 0; max-width: 75ch; overflow-wrap: anywhere; } .muted { color: var(--muted); }
.lead { font-size: 1.15rem; }
.figures { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1rem 0; }
.figures div { background: var(--panel); border: 1px solid var(--grid); border-radius: 6px;
  padding: .5rem .9rem; }
.figures b { display: block; font-size: 1.35rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr));
  gap: 1.6rem 2rem; align-items: start; }
svg { display: block; width: 100%; max-width: 680px; height: auto; font-family: inherit; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--grid); text-align: right; }
th { font-weight: 600; vertical-align: bottom; } tfoot td { font-weight: 600; }
th:first-child, td:first-child { text-align: left; max-width: 22rem; overflow-wrap: anywhere; }
i.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .5em; border-radius: 2px;
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.samples { display: flex; flex-wrap: wrap; gap: .6rem; }
.samples figure { margin: 0; text-align: center; font-size: .75rem; color: var(--muted); }
.samples span { position: relative; display: inline-block; }
.samples img { display: block; border-radius: 3px; }
.samples u { position: absolute; border: 2px solid; border-radius: 1px; }
code { display: block; padding: .5rem .8rem; background: var(--panel); border: 1px solid var(--grid);
  border-radius: 4px; font: .85rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
svg rect { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
@media print { body { padding: 0; font-size: 11pt; max-width: none; }
  .charts { grid-template-columns: 1fr 1fr; gap: 1rem; }
  svg, figure, tr { break-inside: avoid; } h2, h3 { break-after: avoid; } }
"""
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def report_html(
    facts: BalanceFacts, name: str, report: Report, on_progress: ProgressCallback | None = None
) -> bytes:
    """The report as one file.

    Args:
        facts: What it says.
        name: What the set is called.
        report: Told which pictures could not be read for the samples.
        on_progress: Told (pictures done, pictures to read).

    Returns:
        HTML in UTF-8; the same facts and pictures give the same bytes.
    """
    samples = samples_of(facts.dataset, report, on_progress)
    body = [_head(facts, name)]
    charts = [as_svg(draw(chart)) for chart in charts_of(facts)]
    if charts:
        body.append(f'<section class="charts">\n{chr(10).join(charts)}\n</section>')
        body += [_classes(facts), _sizes(facts)]
    if facts.plan is not None:
        body.append(_plan(facts.plan, facts))
    if charts:
        body += [_weights(facts), _samples(facts, samples)]
    page = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Class balance of {safe(name)}</title>\n<style>{_STYLE}{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(body)
        + "\n</body>\n</html>\n"
    )
    return page.encode("utf-8")


def _head(facts: BalanceFacts, name: str) -> str:
    found = facts.balance
    figures = [("pictures", found.images), ("boxes", found.boxes), ("classes", len(found.classes))]
    if found.copies:
        figures.append(("augmented copies, counted apart", found.copies))
    cells = [f"<div><b>{number:,}</b>{text}</div>" for text, number in figures]
    if found.imbalance is not None and found.imbalance > 1:
        cells.append(f"<div><b>{ratio_text(found.imbalance)}</b>largest to smallest class</div>")
    notes = []
    if found.empty:
        notes.append(f"{counted(found.empty, 'picture')} labelled as showing nothing")
    if found.unlabelled:
        notes.append(f"{counted(found.unlabelled, 'picture')} not labelled yet")
    if found.split_images:
        parts = ", ".join(f"{split} {found.split_images[split]:,}" for split in Split)
        notes.append(f"pictures by split: {parts}")
    else:
        notes.append("not split into train, val and test")
    note = "; ".join(notes)
    return (
        f"<h1>Class balance of <bdi>{safe(name)}</bdi></h1>\n"
        f'<p class="lead">{safe(found.sentence())}</p>\n<div class="figures">{"".join(cells)}</div>\n'
        f'<p class="muted">{safe(note[:1].upper() + note[1:])}. {facts.copies_sentence()}</p>'
    )


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], foot: Sequence[str] = (), title: str = ""
) -> str:
    """A table of cells that are HTML already."""
    lines = [f"<h2>{safe(title)}</h2>"] if title else []
    lines += ['<div class="wide"><table>', "<thead>" + _row(head, "th") + "</thead>", "<tbody>"]
    lines += [_row(row, "td") for row in rows]
    lines.append("</tbody>")
    if foot:
        lines.append("<tfoot>" + _row(foot, "td") + "</tfoot>")
    return "\n".join([*lines, "</table></div>"])


def _row(cells: Sequence[str], tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{cell}</{tag}>" for cell in cells) + "</tr>"


def _class_cell(facts: BalanceFacts, label: str) -> str:
    colour = hex_colour(class_colour(facts.dataset.colours, label))
    return f'<i class="swatch" style="background:{colour}"></i><bdi>{safe(label)}</bdi>'


def _classes(facts: BalanceFacts) -> str:
    found = facts.balance
    splits = list(Split) if found.split_images else []
    head = ["class", "boxes", "pictures", "alone", "ratio", *(f"{split}<br>boxes" for split in splits)]
    head += [f"{split}<br>pictures" for split in splits]
    copies = ["boxes in<br>copies", "boxes with<br>copies"] if found.copies else []
    rows = []
    most = max(c.boxes for c in found.classes)
    for c in found.classes:
        ratio = "–" if c.ratio is None else "most" if c.boxes == most else f"1 : {c.ratio:.1f}"
        row = [_class_cell(facts, c.label), f"{c.boxes:,}", f"{c.images:,}"]
        row += [f"{facts.together.alone.get(c.label, 0):,}", ratio]
        row += [f"{c.split_boxes[split]:,}" for split in splits]
        row += [f"{c.split_images[split]:,}" for split in splits]
        rows.append([*row, *([f"{c.copy_boxes:,}", f"{c.boxes + c.copy_boxes:,}"] if copies else [])])
    foot = ["all", f"{found.boxes:,}", f"{found.images:,}", "", ""]
    foot += [f"{sum(c.split_boxes[split] for c in found.classes):,}" for split in splits]
    foot += [f"{found.split_images[split]:,}" for split in splits]
    if copies:
        added = sum(c.copy_boxes for c in found.classes)
        foot += [f"{added:,}", f"{found.boxes + added:,}"]
    return _table([*head, *copies], rows, foot, "Classes") + (
        '\n<p class="muted">Alone: pictures that show no other class. Ratio: boxes of the largest class for '
        "each of this one.</p>"
    )


def _sizes(facts: BalanceFacts) -> str:
    kinds = ["small", "medium", "large", "median"]
    head = ["class", *kinds]
    at_network = {c.label: c for c in facts.network_sizes}
    if facts.network_size is not None:
        across, down = facts.network_size
        head += [f"{kind}<br>at {across} × {down}" for kind in kinds]
    rows = []
    for own in facts.sizes:
        row = [_class_cell(facts, own.label)]
        for sizes in (own, *([at_network[own.label]] if at_network else [])):
            row += [f"{sizes.small:,}", f"{sizes.medium:,}", f"{sizes.large:,}"]
            median = sizes.median_size
            row.append(f"{median[0]:.0f} × {median[1]:.0f}" if median is not None else "–")
        rows.append(row)
    return _table(head, rows, title="Sizes of the boxes in pixels") + (
        '\n<p class="muted">As COCO counts: small below 32², large from 96² square pixels.</p>'
    )


def _plan(plan: BalancePlan, facts: BalanceFacts) -> str:
    pasted = plan.pasted
    rows = []
    for label, before in plan.before.items():
        target = plan.target.get(label)
        row = [_class_cell(facts, label), f"{before:,}", f"{target:,}" if target is not None else "–"]
        rows.append([*row, f"{plan.after[label]:,}", f"{pasted[label]:,}" if pasted[label] else "–"])
    head = ["class", "training boxes", "target", "with the plan", "of which pasted"]
    sentences = [
        f"{counted(plan.copy_count, 'copy', 'copies')} of {counted(len(plan.copies), 'training picture')}."
        if plan.copies
        else "No copies.",
    ]
    ratio, planned = ratio_of(plan.before), ratio_of(plan.after)
    if ratio is not None and planned is not None:
        sentences.append(f"Largest to smallest class: {ratio_text(ratio)} now, {ratio_text(planned)} then.")
    sentences.append(
        "The target is reached." if plan.reached else "The target cannot be reached; this is nearest."
    )
    sentences += plan.notes
    return _table(head, rows, title="Plan") + "\n" + "\n".join(f"<p>{safe(text)}</p>" for text in sentences)


def _weights(facts: BalanceFacts) -> str:
    lines = ["<h2>Class weights for Darknet</h2>"]
    lines.append('<p class="muted">For each [yolo] section of a cfg, where the network is trained so.</p>')
    lines += _weight_lines(facts.trained_on, "now")
    if facts.plan is not None:
        lines += _weight_lines(facts.plan.after, "with the plan")
    return "\n".join(lines)


def _weight_lines(counts: Mapping[str, int], when: str) -> list[str]:
    weights = ", ".join(f"{label} {weight:.1f}" for label, weight in multipliers(counts).items())
    return [
        f"<code>{safe(counters_per_class(counts))}</code>",
        f'<p class="muted">{when}: losses are multiplied by {safe(weights)}</p>',
    ]


def _samples(facts: BalanceFacts, samples: Mapping[str, Sequence[Sample]]) -> str:
    lines = ["<h2>Samples</h2>", '<p class="muted">From the smallest boxes of each class to its largest.</p>']
    for label, of_class in samples.items():
        if of_class:
            colour = hex_colour(class_colour(facts.dataset.colours, label))
            figures = "\n".join(_figure(sample, colour) for sample in of_class)
            lines.append(f'<h3>{_class_cell(facts, label)}</h3>\n<div class="samples">\n{figures}\n</div>')
    return "\n".join(lines) if len(lines) > 2 else ""


def _figure(sample: Sample, colour: str) -> str:
    left, top, width, height = (f"{100 * value:.1f}%" for value in sample.frame)
    data = base64.b64encode(sample.jpeg).decode("ascii")
    size = f"{sample.size[0]:.0f} × {sample.size[1]:.0f}"
    return (
        f'<figure><span title="{safe(sample.image)}"><img alt="{safe(sample.label)}, {size} px" '
        f'style="max-width:{SIDE}px;max-height:{SIDE}px" src="data:image/jpeg;base64,{data}">'
        f'<u style="left:{left};top:{top};width:{width};height:{height};border-color:{colour}"></u></span>'
        f"<figcaption>{size}</figcaption></figure>"
    )
