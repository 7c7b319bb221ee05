"""A run as one HTML page that needs nothing else: no network, no script, pictures inside.

Everything given is plain data, and everything is escaped: a class may be called ``<script>``. The page's
own policy forbids all but its one style sheet (named by checksum) and pictures inside the page. It is
readable at 360 pixels and on paper; where colour says something, a number says it too.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pellucid.errors import DataError
from pellucid.metrics import Points, Score

LARGEST_MATRIX = 30  # classes; above that the confusions are listed instead
LISTED = 20  # confusions in that list
LONGEST = 400  # characters of one value in a table of settings
POLICY = "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'"
PNG = b"\x89PNG\r\n\x1a\n"
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: #fff; color: #1a1a1a;
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: .5rem 0; }
h2 { font-size: 1.3rem; margin: 2.2rem 0 .4rem; border-bottom: 2px solid #0b4f8a; }
.headline { font-size: 1.3rem; margin: .5rem 0; }
.headline strong { font-size: 2.2rem; color: #0b4f8a; }
.note { background: #eef4fa; border-left: 4px solid #0b4f8a; padding: .6rem .9rem; }
.wide { overflow-x: auto; margin: .8rem 0; }
.wide:focus { outline: 3px solid #0b4f8a; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
caption { text-align: left; font-weight: 600; padding: .3rem 0; }
th, td { padding: .25rem .55rem; border: 1px solid #c8d0d8; text-align: right; vertical-align: top; }
thead th { background: #eef2f6; }
th[scope=row], .words td { text-align: left; }
thead th:first-child, .words thead th { text-align: left; }
.words td { overflow-wrap: anywhere; }
code, pre { font: .9rem/1.4 ui-monospace, monospace; background: #f3f5f7; padding: .1rem .3rem; }
pre { white-space: pre-wrap; padding: .6rem .9rem; }
figure { margin: 1.2rem 0; }
figure img { max-width: 100%; height: auto; }
figcaption { color: #444; }
.right { font-weight: 700; outline: 2px solid #1a1a1a; outline-offset: -3px; }
.shade0 { background: #fff; } .shade1 { background: #e3eef8; } .shade2 { background: #c1daf0; }
.shade3 { background: #8fbce2; } .shade4 { background: #0b4f8a; color: #fff; }
@media (max-width: 30rem) {
  table { font-size: .8rem; }
  th, td { padding: .15rem .3rem; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 11pt; }
  .wide { overflow: visible; }
  tr, figure, .note { break-inside: avoid; }
  h2 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


def page(
    title: str,
    *,
    scores: Mapping[str, Any],
    task: Mapping[str, Any],
    training: Mapping[str, Any],
    facts: Mapping[str, Any],
    environment: Mapping[str, Any],
    pictures: Mapping[str, bytes] | None = None,
) -> str:
    """Return the report of a run: a complete HTML document in ASCII.

    Args:
        scores: what ``evaluate`` found: ``{"scores": {name: score}, "command", "step"}`` and, where there are
            any, "per_class" (a list in the order of ``facts["classes"]``), "confusion" (rows true, columns
            predicted), "calibration" (``Calibration.to_json()``, with "temperature" if one was fitted) and
            "robustness" (``{name: [{"level": ..., **score}]}``).
            A score is ``{"value", "low", "high", "n"}``: a share, or points where there are "players".
        task, training, facts, environment: the run's JSON files of these names.
        pictures: PNG files by caption, in their order.
    Raises:
        DataError: there is no score, a score is not one, or a picture is not a PNG file.
    """
    kind = Points if "players" in scores else Score
    found = {name: kind.from_json(value) for name, value in scores.get("scores", {}).items()}
    if not found:
        raise DataError('report: there are no scores; expected {"scores": {name: score}} from evaluate')
    names = class_names(facts, scores)
    parts = [
        header(title, found),
        method(scores, training, facts),
        section("Scores", score_table(found)),
        per_class(scores.get("per_class", []), names),
        confusion(scores.get("confusion", []), names),
        calibration(scores.get("calibration", {})),
        robustness(scores.get("robustness", {})),
        section("Pictures", *(figure(caption, png) for caption, png in (pictures or {}).items())),
        section("Task", settings("The settings of the task", task)),
        section("Training", settings("The settings of the training", training)),
        section("Data", settings("What is known about the data", facts)),
        section("Environment", settings("The machine and the versions", environment)),
    ]
    text = document(title, "\n".join(part for part in parts if part))
    return text.encode("ascii", "xmlcharrefreplace").decode()


def document(title: str, body: str) -> str:
    """Return a whole page around ``body``, with a policy that allows it to load nothing."""
    checksum = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"{POLICY}; style-src 'sha256-{checksum}'"
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}</title>
<style>{STYLE}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def header(title: str, scores: Mapping[str, Score]) -> str:
    """Return the title and the first score, large."""
    name, score = next(iter(scores.items()))
    value, _, rest = str(score).partition(" (")
    line = f"<strong>{escape(value)}</strong> {escape(spoken(name))} ({escape(rest)}"
    return f'<header>\n<h1>{escape(title)}</h1>\n<p class="headline">{line}</p>\n</header>'


def method(scores: Mapping[str, Any], training: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return how the numbers came about: command, seed, data, licence, and who chose and who only judged."""
    missing = "not recorded"
    rows = [
        ("Data", escape(facts.get("source", missing))),
        ("Licence of the data", escape(facts.get("licence", missing))),
        ("Seed", escape(training.get("seed", missing))),
        ("Weights", f"of step {scores['step']:,}" if "step" in scores else missing),
        ("Command that repeats it", f"<code>{escape(scores.get('command', missing))}</code>"),
    ]
    lines = "\n".join(f'<tr><th scope="row">{name}</th><td>{value}</td></tr>' for name, value in rows)
    note = (
        "Every choice (settings, stopping, weights, temperature) was made on the validation samples. "
        "The test samples chose nothing; they were used for this report only. "
        "An interval is one of 95 %: Wilson's for a share of n independent samples, the bootstrap's for "
        "everything else. It says how much another test set of this size would differ, not how much another "
        "seed would."
    )
    table = f'<table class="words"><caption>What was measured</caption>\n<tbody>\n{lines}\n</tbody></table>'
    return section("How this was measured", f'<p class="note">{note}</p>', table)


def score_table(scores: Mapping[str, Score]) -> str:
    """Return all scores with interval and number of samples."""
    rows = []
    for name, score in scores.items():
        value, _, rest = str(score).partition(" (")
        interval = rest.partition(", n")[0] if score.low is not None else "-"
        rows.append([spoken(name), value, interval, f"{score.n:,}"])
    return table("Scores on the test samples", ["Score", "Value", "95 % interval", "n"], rows)


def per_class(classes: Sequence[Mapping[str, Any]], names: Sequence[str]) -> str:
    """Return precision, recall and F1 of each class."""
    rows = []
    for name, entry in zip(names, classes, strict=False):
        precision, recall = (Score.from_json(entry[key]) for key in ("precision", "recall"))
        rows.append([name, *map(short, (precision, recall)), f"{entry['f1']:.4f}", f"{entry['support']:,}"])
    heads = ["Class", "Precision, % (95 % interval)", "Recall, % (95 % interval)", "F1", "Test samples"]
    explained = (
        "<p>Precision: of the answers with this class, how many were right. "
        "Recall: of the samples of this class, how many were found.</p>"
    )
    return section("Each class", explained, table("Scores of each class", heads, rows)) if rows else ""


def confusion(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Return the confusion matrix, or its largest mistakes where there are many classes."""
    if not matrix:
        return ""
    if len(matrix) > LARGEST_MATRIX:
        return section("Confusions", confusion_list(matrix, names))
    most = max((n for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j), default=0)
    lines = []
    for i, row in enumerate(matrix):
        cells = [f'<td class="{"right" if i == j else shade(n, most)}">{n:,}</td>' for j, n in enumerate(row)]
        lines.append(f'<tr><th scope="row">{escape(names[i])}</th>{"".join(cells)}</tr>')
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    caption = "Confusion matrix (rows true, columns predicted)"
    body = f'<thead><tr><th scope="col">true \\ predicted</th>{heads}</tr></thead>\n<tbody>\n'
    grid = f"<table><caption>{caption}</caption>\n{body}" + "\n".join(lines) + "\n</tbody></table>"
    explained = (
        "<p>Rows are the true classes, columns the predicted ones. "
        "Framed: right answers. Shaded: mistakes, the darker the more frequent.</p>"
    )
    return section("Confusions", explained, scrolling(caption, grid))


def confusion_list(matrix: Sequence[Sequence[int]], names: Sequence[str]) -> str:
    """Return the most frequent confusions as a table."""
    cells = [(n, i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if i != j and n]
    worst = sorted(cells, key=lambda cell: -cell[0])[:LISTED]
    rows = [[names[i], names[j], f"{n:,}"] for n, i, j in worst]
    return table(
        f"The {len(rows)} most frequent confusions", ["True class", "Predicted class", "Samples"], rows
    )


def calibration(found: Mapping[str, Any]) -> str:
    """Return the reliability table: how sure the answers were and how often they were right."""
    if not found:
        return ""
    rows = [
        [f"{low:.3f} to {high:.3f}", percent(sure), percent(right), f"{count:,}"]
        for low, high, sure, right, count in zip(
            found["edges"][:-1],
            found["edges"][1:],
            found["confidence"],
            found["accuracy"],
            found["counts"],
            strict=True,
        )
        if count
    ]
    said = f"<p>Expected calibration error: {found['ece']:.4f} (0 is perfect)."
    if found.get("temperature") is not None:
        said += f" Temperature fitted on the validation samples: {found['temperature']:.3f}."
    heads = ["Probability of the answer", "Mean probability, %", "Right, %", "Test samples"]
    return section("Calibration", said + "</p>", table("How sure, and how often right", heads, rows))


def robustness(found: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return the scores on spoilt inputs."""
    rows = []
    for name, levels in found.items():
        for entry in levels:
            score = Score.from_json({key: value for key, value in entry.items() if key != "level"})
            rows.append([spoken(name), str(entry["level"]), short(score), f"{score.n:,}"])
    heads = ["What was done to the inputs", "Level", "Accuracy, % (95 % interval)", "n"]
    return section("Robustness", table("Accuracy on spoilt test samples", heads, rows)) if rows else ""


def settings(caption: str, values: Mapping[str, Any]) -> str:
    """Return names and values as a table of two columns."""
    rows = [[spoken(name), plain(value)] for name, value in values.items()]
    return table(caption, ["Name", "Value"], rows, words=True) if rows else ""


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: bool = False) -> str:
    """Return a table whose first column heads its rows; every text is escaped."""
    top = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    lines = []
    for first, *rest in rows:
        cells = "".join(f"<td>{escape(text)}</td>" for text in rest)
        lines.append(f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>')
    kind = ' class="words"' if words else ""
    head = f"<table{kind}><caption>{escape(caption)}</caption>\n<thead><tr>{top}</tr></thead>\n<tbody>\n"
    return scrolling(caption, head + "\n".join(lines) + "\n</tbody></table>")


def scrolling(label: str, content: str) -> str:
    """Return ``content`` in a box that scrolls sideways on a small screen, by keyboard too."""
    return f'<div class="wide" role="region" tabindex="0" aria-label="{escape(label)}">\n{content}\n</div>'


def figure(caption: str, png: bytes) -> str:
    """Return a picture with its caption, inside the page."""
    if not png.startswith(PNG):
        raise DataError(f'report: the picture "{caption}" is not a PNG file')
    source = "data:image/png;base64," + base64.b64encode(png).decode()
    text = escape(caption)
    return f'<figure>\n<img src="{source}" alt="{text}">\n<figcaption>{text}</figcaption>\n</figure>'


def section(title: str, *parts: str) -> str:
    """Return a section, or nothing if it would be empty."""
    content = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>" if content else ""


def class_names(facts: Mapping[str, Any], scores: Mapping[str, Any]) -> list[str]:
    """Return a name for each class that the scores speak of; its number where the facts name none."""
    count = max(len(scores.get("confusion", [])), len(scores.get("per_class", [])))
    names = [str(name) for name in facts.get("classes", [])]
    return names if len(names) == count else [str(number) for number in range(count)]


def shade(count: int, most: int) -> str:
    """Return the style of one cell of mistakes: five steps of one hue, by its share of the largest."""
    return f"shade{-(-4 * count // most) if most else 0}"


def short(score: Score) -> str:
    """Return '98.62 (98.37 to 98.83)' for a column that says percent and has n beside it."""
    if score.low is None or score.high is None:
        return f"{score.value:.4f}"
    return f"{100 * score.value:.2f} ({100 * score.low:.2f} to {100 * score.high:.2f})"


def percent(share: float | None) -> str:
    """Return a share in percent."""
    return "-" if share is None else f"{100 * share:.2f}"


def spoken(name: str) -> str:
    """Return a name of a field as words."""
    return str(name).replace("_", " ")


def plain(value: Any) -> str:
    """Return a setting's value as text, cut where it is very long."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}... ({len(text):,} characters)"


def escape(text: Any) -> str:
    """Return text that HTML shows as it is; what cannot be printed becomes a question mark."""
    return html.escape(UNPRINTABLE.sub("?", str(text)), quote=True)
