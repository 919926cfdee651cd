"""The sections of curves: precision over recall, what holds at a confidence, calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .charts import Chart, curve_points, mean_line, percent_axis, score_axis
from .html import attribute, colour, model_name, section, table, text
from .labels import grouped, overlap_name, points
from .packed import unpack

MOST_THIN = 60  # lines of classes that are all shown at once
RATIOS = (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1"))


def precision_recall(content: Mapping[str, Any]) -> str:
    """Precision over recall at IoU .50, .75 and the mean over all thresholds."""
    models = content["models"]
    lines = [unpack(model["curves"]["precision"]) for model in models]
    charts = []
    overlap = overlap_name(content["iou_type"])
    for c, iou in enumerate(models[0]["curves"]["ious"]):
        title = f"Mean over all {overlap} thresholds" if iou is None else f"{overlap} {iou:.2f}"
        chart = Chart(percent_axis("Recall"), percent_axis("Precision"), title)
        chart.add(f'<g class="each" data-curves="{c}"></g>')
        for i, model in enumerate(models):
            name = f"{model['name']}: mean over classes"
            chart.line(curve_points(model["curves"]["recall"], lines[i][c, 0].tolist()), mean_line(i), name)
        means = [_mean(values[c, 0].tolist()) for values in lines]
        legend = "".join(
            f"<span>{model_name(i, model['name'])} <b>{points(means[i])}</b></span>" for i, model in enumerate(models)
        )
        charts.append(chart.html(legend))
    is_crowded = len(models) * len(content["classes"]["with_curves"]) > MOST_THIN
    crowded = " crowded" if is_crowded else ""
    lead = "Precision (upwards) over recall, in points. Bold: the mean over classes, its mean height beside the name"
    lead += "." if is_crowded else "; thin: each class."
    return section(
        "curves",
        "Precision and recall",
        [class_choice(content), f'<div class="charts{crowded}">{"".join(charts)}</div>'],
        lead,
    )


def class_choice(content: Mapping[str, Any]) -> str:
    """A list of the classes that have curves, to choose one from."""
    labels = content["classes"]["labels"]
    options = "".join(
        f'<option value="{j + 1}">{attribute(labels[k])}</option>'
        for j, k in enumerate(content["classes"]["with_curves"])
    )
    return (
        '<p class="choice needs-script"><label>Class <select class="class-choice">'
        f'<option value="0">All classes</option>{options}</select></label></p>'
    )


def _mean(values: list[float]) -> float | None:
    return None if not values or min(values) < 0 else sum(values) / len(values)


def confidence(content: Mapping[str, Any]) -> str:
    """Precision, recall and F1 against confidence, and their values where the slider stands."""
    models, scores, position = content["models"], content["scores"], content["position"]
    macro = [unpack(model["at"]["macro"]) for model in models]
    axis = score_axis(scores[0], scores[-1])
    charts = []
    for r, (_, title) in enumerate(RATIOS):
        chart = Chart(axis, percent_axis(title), title)
        for i, model in enumerate(models):
            chart.line(curve_points(scores, macro[i][r].tolist()), mean_line(i), model["name"])
            best = model["best"]
            if r == 2 and best is not None:
                name = f"{model['name']}: highest F1 {points(best['f1'])} at {best['threshold']:.3f}"
                chart.dot(best["threshold"], best["f1"], f"dot {colour(i)}", name)
        x, top = chart.at(scores[position], 1)
        chart.add(f'<path class="cursor" d="M{x:.1f} {top:.1f}V{chart.at(0, 0)[1]:.1f}"/>')
        charts.append(chart.html(id=f"at-{r}"))
    rows = []
    for i, model in enumerate(models):
        tp, fp = (int(unpack(model["at"][name])[0, position]) for name in ("tp", "fp"))
        n_gt = model["at"]["n_gt"][0]
        values = [points(x if x >= 0 else None) for x in macro[i][:, position].tolist()]
        counts = [grouped(n) for n in (tp, fp, max(n_gt - tp, 0))]
        cells = [f'<td data-at="{j}">{value}</td>' for j, value in enumerate([*values, *counts])]
        rows.append([model_name(i, model["name"]), *cells])
    head = ["", *(title for _, title in RATIOS), "Right", "False", "Missed"]
    lead = (
        f"What holds if detections count from a confidence on, at {overlap_name(content['iou_type'])} "
        f"{models[0]['at']['iou']:.2f}. Of all classes together, precision, recall and F1 are means over classes, and "
        "the counts are sums. The dots mark the highest F1."
    )
    numbers = table(head, rows, "at")
    return section(
        "confidence",
        "Choosing a confidence",
        [class_choice(content), f'<div class="charts">{"".join(charts)}</div>', numbers],
        lead,
    )


def calibration(content: Mapping[str, Any]) -> str:
    """Whether scores are probabilities."""
    found = [(i, model) for i, model in enumerate(content["models"]) if model["calibration"] is not None]
    if not found:
        reason = content["models"][0]["missing"].get("calibration", "")
        return section("calibration", "Calibration", [missing(reason)])
    chart = Chart(percent_axis("Confidence, in per cent"), percent_axis("right"), "Share that is right, in per cent")
    chart.line([(0, 0), (1, 1)], "diagonal")
    rows = []
    for i, model in found:
        cells = model["calibration"]
        filled = [
            (score, right, n)
            for score, right, n in zip(cells["score"], cells["right"], cells["counts"], strict=True)
            if score is not None and right is not None
        ]
        chart.line([(score, right) for score, right, _ in filled], mean_line(i), model["name"])
        for score, right, n in filled:
            chart.dot(score, right, f"dot {colour(i)}", f"{model['name']}: {points(right)} % of {grouped(n)} right", 3)
        total = sum(cells["counts"])
        gap = sum((score - right) * n for score, right, n in filled) / total if total else None
        words = (
            "–" if gap is None else "too sure" if gap > 0.02 else "too unsure" if gap < -0.02 else "on the whole right"
        )
        rows.append([model_name(i, model["name"]), points(cells["ece"]), points(cells["mce"]), words])
    head = ["", "ECE", "Largest gap", "Its scores are"]
    lead = (
        "Of the detections of a confidence, how many are right. On the dotted line, confidence is a probability. ECE, "
        "the expected calibration error, is the mean distance from it, in points."
    )
    body = f'<div class="beside">{chart.html()}{table(head, rows)}</div>'
    return section("calibration", "Calibration", [body], lead)


def missing(reason: str) -> str:
    """What stands in place of a section that the result has not got what it needs for."""
    return f'<p class="missing">Not shown: {text(reason)}.</p>'
