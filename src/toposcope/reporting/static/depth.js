// Figure 1: a statistic over depth, one line and band per run, with its null models.
"use strict";
(() => {
  const t = toposcope;
  const figure = document.getElementById("figure-depth");
  const controls = figure.querySelector(".controls");
  const hidden = new Set();
  const models = [...new Set(t.data.runs.map((run) => run.model))];
  const stepped = t.data.runs.length > models.length;
  let arrange = models.length > 1 && stepped ? "models" : "together";
  let nulls = "last";

  t.statisticPickers(controls);
  t.labelPicker(controls);
  const names = Object.keys(t.data.nulls);
  t.picker(controls, names.length > 1 ? "Null models" : "Null model", "null", () => ({
    items: !names.length ? [] : [
      ["last", t.data.runs.length > 1 ? "of the last run in each panel" : "shown"],
      ...(t.data.runs.length > 1 ? [["every", "of every run"]] : []),
      ["none", "hidden"],
    ],
    value: nulls,
  }), (value) => { nulls = value; t.refresh(); });
  t.picker(controls, "Panels", "panels", () => ({
    items: models.length > 1 ? [["models", "one per model"], ["together", "all in one"]] : [],
    value: arrange,
  }), (value) => { arrange = value; t.refresh(); });

  if (t.data.runs.length > 1) {
    figure.querySelector(".legend").append(...t.data.runs.map((run, i) => {
      const box = t.element("input", { type: "checkbox" });
      box.checked = true;
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(i); else hidden.add(i);
        t.refresh();
      });
      const swatch = t.element("i", { class: `swatch ${run.style.marker}` });
      swatch.style.setProperty("--light", run.style.light);
      swatch.style.setProperty("--dark", run.style.dark);
      return t.element("label", {}, box, swatch, run.name);
    }));
  }

  const series = (run, cloud) => run.series.find(
    (s) => s.stat === t.state.stat && s.dim === t.state.dim && s.cloud === cloud
      && run.labels[s.label] === t.state.label,
  );

  function bars(one, color) {
    const difference = (a, b) => (a === null || b === null ? 0 : a - b);
    return {
      type: "data", symmetric: false, color, thickness: 1.2, width: 3,
      array: one.mean.map((m, i) => difference(one.high[i], m)),
      arrayminus: one.mean.map((m, i) => difference(m, one.low[i])),
    };
  }

  function hover(run, one, what) {
    return run.layers.map((layer, i) => t.hover(
      `<b>${t.esc(t.short(run.name, 40))}</b>${what}`, t.esc(t.short(layer, 50)),
      t.interval(one.mean[i], one.low[i], one.high[i]),
      one.cube?.[i] && `reads as a cube of ${one.cube[i]}`,
      `${100 * run.level} % interval; ${one.reps[i] ?? 0} of ${t.design(run)}`,
      one.why[i] && t.esc(t.short(one.why[i], 60)),
    ));
  }

  function runTraces(run, x) {
    const one = series(run, "data");
    if (!one) return [];
    const color = t.color(run);
    return [t.band(x, one.low, one.high, t.fade(color, 0.2)), {
      x, y: one.mean, name: run.name, type: "scatter", mode: "lines+markers", line: { color, width: 2 },
      marker: { color, size: 7, symbol: run.style.marker, line: { color: t.css("--paper"), width: 1 } },
      error_y: bars(one, t.fade(color, 0.7)),
      text: hover(run, one, ""), hoverinfo: "text", connectgaps: false,
    }];
  }

  function nullTraces(run, x, several) {
    return names.flatMap((name) => {
      const one = series(run, name);
      if (!one) return [];
      const color = several ? t.color(run) : t.css("--null");
      const line = {
        x, y: one.mean, name: `${run.name}: ${t.data.nulls[name]}`, type: "scatter", mode: "lines", line: { color, width: 1.5, dash: t.dash(name) },
        text: hover(run, one, `: ${t.data.nulls[name]}`), hoverinfo: "text", connectgaps: false,
      };
      return several ? [line] : [t.band(x, one.low, one.high, t.fade(t.css("--null"), 0.25)), line];
    });
  }

  function xAxis(runs, several) {
    const layers = runs[0].layers;
    const same = runs.every((run) => run.layers.join("\n") === layers.join("\n"));
    if (!same) {
      return { axis: t.axis("relative depth", { range: [0, 1.02] }), place: (run) => run.depth, letters: 0 };
    }
    const most = t.narrow() ? 7 : several ? 10 : 28;
    const step = Math.ceil(layers.length / most);
    const shown = layers.map((_, i) => i).filter((i) => i % step === 0);
    const short = t.layerNames(layers, t.narrow() ? 12 : 20);
    const letters = Math.max(...shown.map((i) => short[i].length));
    return {
      axis: t.axis("layer, input to output", {
        tickvals: shown, ticktext: shown.map((i) => t.esc(short[i])), range: [-0.3, layers.length - 0.7],
      }),
      place: (run) => run.layers.map((_, i) => i),
      // A letter takes 7 pixels, and the axis has 560 beside the cloud: names that would touch are turned.
      letters: (letters + 1) * shown.length > (t.narrow() ? 38 : several ? 46 : 80) ? letters : 0,
    };
  }

  function yRange(groups) {
    const values = groups.flat().flatMap((run) => ["data", ...(nulls === "none" ? [] : names)]
      .map((cloud) => series(run, cloud)).filter(Boolean)
      .flatMap((one) => [...one.low, ...one.high, ...one.mean]));
    const [low, high] = t.ends(values);
    if (low > high) return [0, 1];
    const pad = (high - low || Math.abs(high) || 1) * 0.07;
    return [low - pad, high + pad];
  }

  function marker(group, place) {
    const run = group.includes(t.data.runs[t.state.run]) ? t.data.runs[t.state.run]
      : group.find((one) => one.layers.includes(t.state.layer));
    const x = place(run)[run.layers.indexOf(t.state.layer)];
    return { type: "line", x0: x, x1: x, y0: 0, y1: 1, yref: "paper", line: { color: t.css("--mark"), width: 1.5 }, layer: "below" };
  }

  function caption(runs) {
    const statistic = t.data.statistics[t.state.stat];
    const dim = t.state.dim === null ? "" : `H${t.state.dim} `;
    const title = dim
      + (dim ? statistic.title.replace(/^[A-Z](?=[a-z])/, (c) => c.toLowerCase()) : statistic.title);
    const units = [...new Set(runs.map((run) => run.unit))].join("; ");
    const unit = statistic.unit.startsWith("length")
      ? `${statistic.unit === "length" ? "" : `${statistic.unit}, `}${units}`
      : statistic.unit === "activation" ? "in units of the activations" : statistic.unit;
    const designs = [...new Set(runs.map(t.design))].join("; ");
    const levels = [...new Set(runs.map((run) => `${100 * run.level} %`))].join(", ");
    t.say(figure, ".plot-title", t.element("b", {}, title), unit ? `, ${unit}` : "",
      `. Mean and ${levels} t-interval over ${designs}; ${t.labelText(t.state.label)}.`);
    const meaning = statistic.meaning;
    t.say(figure, ".meaning", meaning ? `${statistic.title}: ${meaning}.` : "");
    const gaps = runs.flatMap((run) => {
      const one = series(run, "data");
      const why = one ? one.why : run.layers.map(() => "not measured");
      return run.layers.map((layer, i) => [layer, why[i] ?? (one.mean[i] === null ? "not measured" : null)])
        .filter(([, reason]) => reason)
        .map(([layer, reason]) => `${t.data.runs.length > 1 ? `${run.name}, ` : ""}${layer} (${reason})`);
    });
    const more = gaps.length > 6 ? `, and ${gaps.length - 6} more` : "";
    t.say(figure, ".missing", gaps.length ? `Without a full value: ${gaps.slice(0, 6).join("; ")}${more}.` : "");
    return title;
  }

  t.onChange(figure, () => {
    const runs = t.data.runs.filter((_, i) => !hidden.has(i));
    const groups = (arrange === "models" ? models.map((m) => runs.filter((r) => r.model === m)) : [runs])
      .filter((group) => group.length);
    if (t.state.stat === null || !groups.length) {
      t.say(figure, ".plot-title", "Nothing is shown: every run is switched off.");
      t.panels(figure, []);
      return;
    }
    const title = caption(runs);
    const range = yRange(groups);
    const plots = t.panels(figure, groups.map((g) => [groups.length > 1 ? g[0].modelName : "", ""]));
    const axes = groups.map((group) => xAxis(group, groups.length > 1));
    // One turn and one margin for all panels, so that their vertical axes stay level.
    const letters = Math.max(...axes.map((one) => one.letters));
    groups.forEach((group, i) => {
      const { axis, place } = axes[i];
      const xaxis = { ...axis, automargin: false, tickangle: letters ? -40 : 0 };
      const withNull = nulls === "none" ? [] : nulls === "every" ? group : group.slice(-1);
      const traces = [
        ...withNull.flatMap((run) => nullTraces(run, place(run), nulls === "every")),
        ...group.flatMap((run) => runTraces(run, place(run))),
      ];
      t.draw(plots[i], traces, {
        height: (t.narrow() ? 300 : groups.length > 1 ? 230 : 330) + (groups.length > 1 ? 2 : 5) * letters, xaxis,
        margin: { l: 56, r: 12, t: 8, b: 44 + 5 * letters },
        yaxis: t.axis(title, { range }),
        shapes: group.some((run) => run.layers.includes(t.state.layer)) ? [marker(group, place)] : [],
      });
      // Traces of a run carry its name: a click on any of its points chooses run and layer.
      plots[i].removeAllListeners?.("plotly_click");
      plots[i].on("plotly_click", (event) => {
        const point = event.points[0];
        const k = t.data.runs.findIndex((run) => point.data.name?.startsWith(run.name));
        if (k >= 0) t.set({ run: k, layer: t.data.runs[k].layers[point.pointIndex] });
      });
    });
  });
})();
