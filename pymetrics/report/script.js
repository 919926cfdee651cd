"use strict";
(() => {
  const root = document.documentElement, $ = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const content = JSON.parse($("pymetrics").textContent), models = content.models, scores = content.scores;
  root.classList.add("script");

  const unpack = (packed) => {
    const bytes = Uint8Array.from(atob(packed.data), (c) => c.charCodeAt(0));
    const values = packed.dtype === "uint32" ? new Uint32Array(bytes.buffer) : new Uint16Array(bytes.buffer);
    const share = (v) => (v === packed.none ? null : v / packed.scale);
    return { shape: packed.shape, at: (i) => (packed.scale ? share(values[i]) : values[i]) };
  };
  const points = (x) => (x === null ? "–" : (100 * x).toFixed(1));
  const grouped = (n) => n.toLocaleString("en-US");
  const ratio = (part, whole) => (whole ? part / whole : null);
  const colour = (i) => "m" + (i % 8);
  const svg = (name, attributes) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    return element;
  };

  // Light and dark.
  $("theme").addEventListener("click", () => {
    const dark = matchMedia("(prefers-color-scheme: dark)").matches, now = root.dataset.theme || (dark ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });

  // A chart's pixels, as charts.py draws them.
  const X = (x) => 38 + 290 * x, Y = (y) => 10 + 210 * (1 - y);
  const path = (ys, xs) => {
    const found = [];
    ys.forEach((y, j) => { if (y !== null) found.push(X(xs[j]).toFixed(1) + " " + Y(y).toFixed(1)); });
    return found.length ? "M" + found.join("L") : "";
  };

  // A thin line for each class in the curves of precision over recall.
  const curves = models.map((model) => unpack(model.curves.precision)), classes = content.classes.with_curves;
  for (const group of all(".each")) {
    const c = +group.dataset.curves;
    models.forEach((model, i) => {
      const [, rows, n] = curves[i].shape;
      for (let row = 1; row < rows; row++) {
        const ys = Array.from({ length: n }, (_, j) => curves[i].at((c * rows + row) * n + j));
        const d = path(ys, model.curves.recall);
        if (!d) continue;
        const line = svg("path", { d, class: "thin " + colour(i), "data-class": row });
        const title = svg("title", {});
        title.textContent = model.name + ": " + content.classes.labels[classes[row - 1]];
        line.append(title);
        group.append(line);
      }
    });
  }

  // What holds at a confidence.
  const at = models.map((model) => ({ macro: unpack(model.at.macro), tp: unpack(model.at.tp), fp: unpack(model.at.fp), n_gt: model.at.n_gt }));
  const n = scores.length, span = scores[n - 1] - scores[0] || 1, place = (p) => (scores[p] - scores[0]) / span;
  const values = (i, row, p) => {
    const tp = at[i].tp.at(row * n + p), fp = at[i].fp.at(row * n + p), fn = Math.max(at[i].n_gt[row] - tp, 0);
    const rates = row === 0 ? [0, 1, 2].map((r) => at[i].macro.at(r * n + p))
      : [ratio(tp, tp + fp), ratio(tp, at[i].n_gt[row]), ratio(2 * tp, 2 * tp + fp + fn)];
    return { rates, counts: [tp, fp, fn] };
  };
  const slider = $("score"), choices = all(".class-choice"), rows = all("#confidence tbody tr");
  let model = 0, chosen = 0;

  const drawNumbers = (p) => {
    const row = chosen;
    rows.forEach((line, i) => {
      const { rates, counts } = values(i, row, p), texts = [...rates.map(points), ...counts.map(grouped)];
      all("td", line).forEach((cell, j) => { cell.textContent = texts[j]; });
    });
    for (const cursor of all(".cursor")) cursor.setAttribute("d", `M${X(place(p)).toFixed(1)} 10V220`);
  };
  const drawLines = () => {
    const row = chosen, xs = scores.map((_, p) => place(p));
    for (let r = 0; r < 3; r++) {
      all(`#at-${r} .line`).forEach((line, i) => line.setAttribute("d", path(xs.map((_, p) => values(i, row, p).rates[r]), xs)));
      all(`#at-${r} .dot`).forEach((dot) => { dot.style.display = row ? "none" : ""; });
    }
    for (const group of all(".each")) group.parentNode.classList.toggle("has-chosen", row > 0);
    for (const line of all(".thin")) line.classList.toggle("chosen", +line.dataset.class === row);
  };

  // The confusion matrix, at the nearest of the scores for which it is known.
  const confusion = models.map((one) => one.confusion && { ...one.confusion, counts: unpack(one.confusion.matrix) });
  const drawConfusion = (p) => {
    const known = confusion[model], block = document.querySelector(`.confusion[data-model="${model}"]`);
    if (!known || !block) return;
    const nearest = known.scores.reduce((best, score, q) => Math.abs(score - scores[p]) < Math.abs(known.scores[best] - scores[p]) ? q : best, 0);
    $("confusion-score").textContent = known.scores[nearest].toFixed(2);
    const size = known.classes.length + 1, count = (r, c) => known.counts.at((nearest * size + r) * size + c);
    let most = 0;
    for (let c = 0; c < size; c++) most = Math.max(most, count(size - 1, c));
    all(".matrix tbody tr", block).forEach((line, r) => {
      const total = r < size - 1 ? content.classes.n_gt[known.classes[r]] : most;
      all("td", line).forEach((cell, c) => {
        if (r === size - 1 && c === size - 1) return;
        const value = count(r, c), share = total ? Math.min(value / total, 1) : 0;
        cell.textContent = value || "";
        cell.classList.toggle("deep", share > 0.55);
        cell.classList.toggle("full", share > 0.78);
        cell.style.setProperty("--v", Math.round(100 * share) + "%");
      });
    });
    const top = block.querySelector(".top tbody");
    if (!top) return;
    const pairs = known.top[nearest].map(([a, b, n]) => [content.classes.labels[a], content.classes.labels[b], grouped(n)]);
    top.replaceChildren(...(pairs.length ? pairs : [["none", "", ""]]).map((texts) => {
      const line = document.createElement("tr");
      texts.forEach((value, j) => {
        const cell = document.createElement(j ? "td" : "th"), name = document.createElement("bdi");
        if (!j) cell.scope = "row";
        name.textContent = value;
        cell.append(name);
        line.append(cell);
      });
      return line;
    }));
  };

  // The images.
  const drawImages = (p) => {
    const score = scores[p];
    for (const image of all(".image")) {
      const layer = image.querySelector(`.of-model[data-model="${model}"]`);
      let right = 0, wrong = 0, missed = 0;
      for (const mark of all("[data-s]", layer || image)) {
        const shown = +mark.dataset.s >= score;
        mark.classList.toggle("below", !shown);
        if (shown && mark.classList.contains("tp")) right++;
        if (shown && mark.classList.contains("fp")) wrong++;
      }
      for (const mark of all("[data-t]", image)) {
        const taken = mark.dataset.t.split(",")[model], isMissed = taken === "" || +taken < score;
        mark.classList.toggle("missed", isMissed);
        if (isMissed) missed++;
      }
      const text = image.querySelector(".counts");
      if (text) text.textContent = `${right} right · ${wrong} false · ${missed} missed`;
    }
  };
  for (const box of all("[data-layer]")) {
    box.addEventListener("change", () => $("gallery").classList.toggle("no-" + box.dataset.layer, !box.checked));
  }

  const draw = () => {
    const p = +slider.value;
    $("score-value").textContent = scores[p].toFixed(2);
    slider.setAttribute("aria-valuetext", scores[p].toFixed(2));
    drawNumbers(p);
    drawConfusion(p);
    drawImages(p);
  };
  const choose = (i) => {
    model = i;
    for (const part of all(".of-model")) part.classList.toggle("chosen", +part.dataset.model === i);
    for (const image of all(".image")) image.style.order = image.dataset.rank.split(",")[i];
    draw();
  };
  slider.addEventListener("input", draw);
  for (const choice of choices) {
    choice.addEventListener("change", () => {
      chosen = +choice.value;
      for (const other of choices) other.value = choice.value;
      drawLines();
      draw();
    });
  }
  $("reset").addEventListener("click", () => {
    const best = models[model].best;
    if (!best) return;
    slider.value = scores.reduce((found, score, p) => Math.abs(score - best.threshold) < Math.abs(scores[found] - best.threshold) ? p : found, 0);
    draw();
  });
  for (const radio of all("input[name=model]")) radio.addEventListener("change", () => choose(+radio.value));

  // Tables that can be sorted.
  const number = (cell) => { const value = parseFloat(cell.textContent.replace(/,/g, "").replace("−", "-").replace("±", "")); return Number.isNaN(value) ? null : value; };
  for (const table of all("table.sortable")) {
    all("thead th", table).forEach((head, column) => {
      if (head.hasAttribute("data-plain")) return;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending", body = table.tBodies[0], sign = up ? 1 : -1;
        for (const other of all("thead th", table)) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const keyed = [...body.rows].map((line) => [column ? number(line.cells[column]) : line.cells[0].textContent, line]);
        keyed.sort(([a], [b]) => (a === null) - (b === null) || (typeof a === "string" ? sign * a.localeCompare(b) : sign * (a - b)));
        body.append(...keyed.map(([, line]) => line));
      });
    });
  }
  choose(0);
  drawLines();
})();
