"""The first sections: header, verdict in words, the summary's numbers, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .charts import Chart, tight_axis
from .html import colour, model_name, section, table, text, track
from .labels import grouped, overlap_name, points, signed

SHAPES = {
    "bbox": "boxes", "segm": "masks", "boundary": "boundaries of masks", "obb": "rotated boxes",
    "keypoints": "keypoints", "keypoints_crowd": "keypoints",
}  # fmt: skip
COST_TITLES = {
    "latency_ms": ("Latency", "ms an image"),
    "parameters": ("Parameters", "millions"),
    "peak_bytes": ("Peak memory", "MiB"),
}
COST_SCALES = {"latency_ms": 1.0, "parameters": 1e-6, "peak_bytes": 2.0**-20}


def header(content: Mapping[str, Any]) -> str:
    """Title, facts about the data, one tile per model."""
    data, protocol, n = content["data"], content["protocol"], len(content["models"])
    ious = protocol["iou_thresholds"]
    span = f"{overlap_name(content['iou_type'])} {ious[0]:.2f}" + (f" to {ious[-1]:.2f}" if len(ious) > 1 else "")
    facts = [
        count(data["images"], "image"), count(data["ground_truths"], "object"),
        count(data["categories"], "class", "classes"), SHAPES.get(content["iou_type"], content["iou_type"]), span,
        f"up to {grouped(max(protocol['max_dets']))} detections of a class in an image",
    ]  # fmt: skip
    tiles = "".join(_tile(content, i) for i in range(n))
    return (
        '<header><p class="over">Detection report</p>'
        '<button type="button" id="theme" class="needs-script" aria-label="Switch between light and dark">'
        '<svg viewBox="0 0 20 20" aria-hidden="true"><circle cx="10" cy="10" r="7.2"/><path d="M10 2.8a7.2 7.2 0 0 1 0 '
        '14.4z"/></svg></button>'
        f"<h1>{text(content['title'])}</h1>"
        f'<p class="facts">{" · ".join(facts)}</p></header>\n<div class="tiles">{tiles}</div>\n'
    )


def count(n: int, one: str, many: str = "") -> str:
    """A number of things."""
    return f"{grouped(n)} {one if n == 1 else many or one + 's'}"


def _tile(content: Mapping[str, Any], i: int) -> str:
    model, row = content["models"][i], content["rows"][0]
    found = model["metrics"][row["key"]]
    pair = _pair_with_first(content, model["name"])
    under = (
        ""
        if found["low"] is None
        else (f"95&nbsp;% interval {points(found['low'])}&nbsp;to&nbsp;{points(found['high'])}")
    )
    if pair is not None:
        under += f"<br>{_delta(pair, row['key'])} from the baseline"
    elif len(content["models"]) > 1:
        under += "<br>the baseline"
    return (
        f'<div class="tile {colour(i)}"><h3>{text(model["name"])}</h3>'
        f'<p class="big">{points(found["value"])}<small>{text(row["coco_key"])}</small></p><p>{under}</p></div>'
    )


def _pair_with_first(content: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    first = content["models"][0]["name"]
    return next((pair for pair in content["comparisons"] if (pair["first"], pair["second"]) == (first, name)), None)


def _delta(pair: Mapping[str, Any], key: str) -> str:
    """A difference in points; marked where its interval excludes 0."""
    found = pair["differences"][key]
    value, low, high = found["value"], found["low"], found["high"]
    if value is None:
        return '<span class="delta">–</span>'
    sure = low is not None and (low > 0 or high < 0)
    kind = (" up" if value > 0 else " down") if sure else ""
    title = "no interval" if low is None else f"95 % interval {signed(low)} to {signed(high)}"
    return f'<span class="delta{kind}" title="{title}">{signed(value)}</span>'


def verdict(content: Mapping[str, Any]) -> str:
    """What the numbers say, in sentences."""
    lines = [_comparison_sentence(content, pair) for pair in content["comparisons"]]
    lines += [_model_sentence(content, i) for i in range(len(content["models"]))]
    few = "" if content["data"]["images"] >= 30 else "<p>These are too few images to rely on any difference.</p>"
    items = "".join(f"<li>{line}</li>" for line in lines)
    return section("verdict", "In words", [f'<ul class="verdict">{items}</ul>{few}'])


def _comparison_sentence(content: Mapping[str, Any], pair: Mapping[str, Any]) -> str:
    key = next(row["coco_key"] for row in content["rows"] if row["key"] == pair["metric"])
    found, first, second = pair["differences"][pair["metric"]], text(pair["first"]), text(pair["second"])
    if found["value"] is None:
        return f"<strong>{first} and {second} cannot be compared:</strong> {key} is undefined."
    interval = "no interval" if found["low"] is None else (
        f"95&nbsp;% interval {signed(found['low'])}&nbsp;to&nbsp;{signed(found['high'])}"
    )  # fmt: skip
    if pair["reliable"]:
        words = f"{second} is {'better' if found['value'] > 0 else 'worse'} than {first}"
    else:
        words = f"No reliable difference between {first} and {second}"
    sentence = f"<strong>{words}:</strong> {signed(found['value'])} {key} ({interval})."
    costs = {model["name"]: (model["cost"] or {}).get("latency_ms") for model in content["models"]}
    one, other = costs.get(pair["first"]), costs.get(pair["second"])
    if one and other:
        ratio = one / other
        sentence += (
            " Both take the same time." if 0.98 < ratio < 1.02
            else f" It takes {other / one:.2g} times as long." if ratio < 1 else f" It is {ratio:.2g} times as fast."
        )  # fmt: skip
    return sentence


def _model_sentence(content: Mapping[str, Any], i: int) -> str:
    model = content["models"][i]
    best, tide = model["best"], model["tide"]
    if best is None:
        return f"{model_name(i, model['name'])} has nothing to find a confidence threshold with."
    n_gt, counted = best["tp"] + best["fn"], best["tp"] + best["fp"]
    sentence = (
        f"{model_name(i, model['name'])} is best used from a confidence of {best['threshold']:.2f} on: it then finds "
        f"{points(best['tp'] / n_gt if n_gt else None, 0)}&nbsp;% of the objects, and "
        f"{points(best['tp'] / counted if counted else None, 0)}&nbsp;% of what it reports is right."
    )
    if tide is not None:
        name = max(("Cls", "Loc", "Both", "Dupe", "Bkg", "Miss"), key=tide["costs"].__getitem__)
        if tide["costs"][name] > 0:
            sentence += f" Most is lost by {LOSSES[name]} ({tide['costs'][name]:.1f} points of AP)."
    return sentence


LOSSES = {
    "Cls": "wrong classes", "Loc": "detections that overlap too little", "Both": "detections wrong in class and place",
    "Dupe": "duplicates", "Bkg": "detections where nothing is", "Miss": "missed objects",
}  # fmt: skip


def numbers(content: Mapping[str, Any]) -> str:
    """The summary's numbers with intervals and differences, one row each."""
    models = content["models"]
    several = len(models) > 1
    rows = []
    for row, described in zip(content["rows"], _descriptions(content), strict=True):
        found = [model["metrics"][row["key"]] for model in models]
        best = max((one["value"] for one in found if one["value"] is not None), default=None)
        cells = [f"<b>{text(metric_name(row['coco_key']))}</b><small>{described}</small>"]
        for model, one in zip(models, found, strict=True):
            pair = _pair_with_first(content, model["name"]) if several else None
            is_best = several and one["value"] is not None and one["value"] == best
            interval = "" if one["low"] is None else f"<small>{points(one['low'])} – {points(one['high'])}</small>"
            delta = "" if pair is None else _delta(pair, row["key"])
            value = points(one["value"])
            cells.append(f"<span class='value{' best' if is_best else ''}'>{value}{delta}</span>{interval}")
        marks = [(i, one["value"], one["low"], one["high"]) for i, one in enumerate(found)]
        cells.append(f"<td class='wide'>{track(marks, stacked=True)}</td>")
        rows.append(cells)
    rows += _best_rows(models)
    head = ["", *(model_name(i, model["name"]) for i, model in enumerate(models)), '<th class="wide">0 to 100</th>']
    lead = "In points, 0 to 100, with 95 % intervals over draws of the images."
    if several:
        lead += f" The small number beside a value is the difference from {text(models[0]['name'])}"
        lead += ", coloured where its interval excludes 0." if content["comparisons"] else "."
    return section("numbers", "The numbers", [table(head, rows, "numbers" if len(models) > 2 else "numbers few")], lead)


def _best_rows(models: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    rows = []
    for key, name, described in (
        ("f1", "F1", "mean over classes, at its best confidence"),
        ("precision", "Precision", "mean over classes, there"),
        ("recall", "Recall", "mean over classes, there"),
        ("threshold", "Confidence", "of the highest F1"),
    ):
        found = [None if model["best"] is None else model["best"][key] for model in models]
        show = (lambda x: "–" if x is None else f"{x:.3f}") if key == "threshold" else points
        top = max((x for x in found if x is not None), default=None)
        is_ranked = len(models) > 1 and key != "threshold" and top is not None
        kinds = ["value best" if is_ranked and x == top else "value" for x in found]
        values = [f'<span class="{kind}">{show(x)}</span>' for kind, x in zip(kinds, found, strict=True)]
        marks = [(i, x, None, None) for i, x in enumerate(found)]
        plot = "" if key == "threshold" else track(marks, stacked=True)
        rows.append([f"<b>{name}</b><small>{described}</small>", *values, f"<td class='wide'>{plot}</td>"])
    return rows


def metric_name(key: str) -> str:
    """AP small in place of APs."""
    for end, word in (("s", "small"), ("m", "medium"), ("l", "large")):
        if key in (f"AP{end}", f"AR{end}"):
            return f"{key[:2]} {word}"
    return key


def _descriptions(content: Mapping[str, Any]) -> list[str]:
    """What is special about each row of the summary: its area, IoU threshold, limit or group of categories."""
    protocol, rows = content["protocol"], content["rows"]
    ious, name = protocol["iou_thresholds"], overlap_name(content["iou_type"])
    range_of = dict(zip(protocol["area_names"], protocol["area_ranges"], strict=True))
    whole = "all" if "all" in range_of or not range_of else protocol["area_names"][0]
    has_limits = len({row["max_dets"] for row in rows if row["metric"] == "recall" and row["area"] == whole}) > 1
    described = []
    for row in rows:
        if row["categories"] is not None:
            words = f"classes of the group {text(row['categories'])}"
        elif row["area"] != whole:
            words = _area_words(row["area"], range_of.get(row["area"]))
        elif row["iou"] is not None:
            words = f"{name} {row['iou']:.2f}"
        elif row["metric"] == "recall" and has_limits:
            words = count(row["max_dets"] or 0, "detection") + " of a class in an image"
        else:
            words = f"{name} {ious[0]:.2f} to {ious[-1]:.2f}" if len(ious) > 1 else f"{name} {ious[0]:.2f}"
        described.append(words)
    return described


def _area_words(name: str, ends: Sequence[float | None] | None) -> str:
    if ends is None:
        return text(name)
    low, high = (None if end is None else _side(end) for end in ends)
    if not ends[0]:
        return f"area up to {high} pixels"
    return f"area from {low} pixels" if ends[1] is None or ends[1] >= 1e10 else f"area {low} to {high} pixels"


def _side(area: float) -> str:
    """32² for 1024."""
    side = area**0.5
    return f"{side:.0f}²" if side == int(side) else f"{area:,.6g}"


def costs(content: Mapping[str, Any]) -> str:
    """Accuracy against latency, parameters and peak memory."""
    models = [(i, model) for i, model in enumerate(content["models"]) if model["cost"]]
    if not models:
        return ""
    key, label = content["rows"][0]["key"], content["rows"][0]["coco_key"]
    known = [cost for cost in COST_TITLES if any(model["cost"].get(cost) is not None for _, model in models)]
    charts = [chart for cost in known if (chart := _cost_chart(models, cost, key, label))]
    head = ["", label, *(f"{COST_TITLES[cost][0]}<small>{COST_TITLES[cost][1]}</small>" for cost in known)]
    rows = [
        [model_name(i, model["name"]), points(model["metrics"][key]["value"])]
        + [_cost_text(model["cost"].get(cost), cost) for cost in known]
        for i, model in models
    ]
    lead = f"{label} against what a model costs. Left and up is better; the line joins the models that no other beats."
    return section(
        "costs", "Accuracy and cost", [f'<div class="charts">{"".join(charts)}</div>', table(head, rows)], lead
    )


def _cost_text(value: float | None, cost: str) -> str:
    return "–" if value is None else f"{value * COST_SCALES[cost]:,.3g}" if value * COST_SCALES[cost] < 1000 else (
        f"{value * COST_SCALES[cost]:,.0f}"
    )  # fmt: skip


def _cost_chart(models: Sequence[tuple[int, Any]], cost: str, key: str, label: str) -> str:
    found = [
        (i, model["name"], model["cost"][cost] * COST_SCALES[cost], model["metrics"][key])
        for i, model in models
        if model["cost"].get(cost) is not None and model["metrics"][key]["value"] is not None
    ]
    if not found:
        return ""
    title, unit = COST_TITLES[cost]
    ends = [x for _, _, _, one in found for x in (one["value"], one["low"], one["high"]) if x is not None]
    x_axis = tight_axis([x for _, _, x, _ in found], f"{title}, {unit}")
    chart = Chart(x_axis, tight_axis(ends, label, 100, 1), f"{label} against {title.lower()}")
    front, highest = [], -1.0
    for _, _, x, one in sorted(found, key=lambda item: (item[2], -item[3]["value"])):
        if one["value"] > highest:
            highest = one["value"]
            front.append((x, highest))
    chart.line(front, "front")
    for i, name, x, one in found:
        if one["low"] is not None:
            chart.line([(x, one["low"]), (x, one["high"])], f"whisker {colour(i)}")
        chart.dot(x, one["value"], f"dot {colour(i)}", f"{name}: {points(one['value'])} {label}, {x:.3g} {unit}", 5.5)
    return chart.html()
