// Betti curves of feature volumes: a number against the threshold, one line per layer.
"use strict";
(() => {
  const t = toposcope;
  const figure = document.getElementById("figure-thresholds");
  const controls = figure.querySelector(".controls");
  const KINDS = {
    betti_total: ["total", null], betti_number: ["H", "degree"],
    total_per_voxel: ["total per voxel", null], betti_per_voxel: ["per voxel, H", "degree"],
  };
  let chosen = null;

  const split = (name) => {
    const [base, threshold] = name.split("@");
    return [base, threshold === undefined ? null : Number(threshold)];
  };

  // Every (statistic, degree) with thresholds that the run holds.
  function curves(run) {
    const found = new Map();
    for (const one of run.series) {
      const [base, threshold] = split(one.stat);
      if (threshold === null || one.cloud !== "data" || run.labels[one.label] !== t.state.label) continue;
      const key = `${base} ${one.dim}`;
      if (!found.has(key)) found.set(key, []);
      found.get(key).push([threshold, one]);
    }
    for (const list of found.values()) list.sort((a, b) => a[0] - b[0]);
    return found;
  }

  const name = (key) => {
    const [base, dim] = key.split(" ");
    const [text, degree] = KINDS[base] ?? [base, null];
    return degree ? `${text}${dim}` : text;
  };

  t.runPicker(controls);
  t.picker(controls, "Betti number", "betti", () => {
    const keys = [...curves(t.data.runs[t.state.run]).keys()];
    if (!keys.includes(chosen)) chosen = keys[0] ?? null;
    return { items: keys.map((key) => [key, name(key)]), value: chosen };
  }, (value) => { chosen = value; t.refresh(); });
  t.labelPicker(controls);

  t.onChange(figure, () => {
    const run = t.data.runs[t.state.run];
    const list = curves(run).get(chosen);
    if (!list) {
      t.say(figure, ".plot-title", "This run holds no Betti numbers at thresholds.");
      t.panels(figure, []);
      return;
    }
    const x = list.map(([threshold]) => threshold);
    const [plot] = t.panels(figure, [["", ""]]);
    const color = t.color(run);
    const traces = run.layers.map((layer, i) => {
      const at = (part) => list.map(([, one]) => one[part][i]);
      const mean = at("mean"), low = at("low"), high = at("high"), reps = at("reps");
      const shade = t.shade(color, (i + 1) / run.layers.length);
      const gap = (a, b) => (a === null || b === null ? 0 : a - b);
      return {
        x, y: mean, name: layer, type: "scatter", mode: "lines+markers", connectgaps: false,
        line: { color: shade, width: layer === t.state.layer ? 4 : 2 }, marker: { color: shade, size: 5 },
        error_y: {
          type: "data", symmetric: false, color: shade, thickness: 1, width: 2,
          array: mean.map((m, j) => gap(high[j], m)), arrayminus: mean.map((m, j) => gap(m, low[j])),
        },
        hoverinfo: "text", text: x.map((threshold, j) => [
          `<b>${t.esc(t.short(layer, 50))}</b>`, `${name(chosen)} at ${t.number(threshold)}`,
          `${t.number(mean[j])} [${t.number(low[j])}, ${t.number(high[j])}]`,
          `${100 * run.level} % interval; ${reps[j] ?? 0} of ${t.design(run)}`,
        ].join("<br>")),
      };
    });
    const title = `Betti number: ${name(chosen)}`;
    t.say(figure, ".plot-title", t.element("b", {}, title),
      `. Mean and ${100 * run.level} % t-interval over ${t.design(run)}; ${t.labelText(t.state.label)}.`);
    const absent = run.layers.filter((_, i) => list.every(([, one]) => one.mean[i] === null));
    t.say(figure, ".missing", absent.length ? `Not measured: ${absent.join(", ")}.` : "");
    t.draw(plot, traces, {
      height: t.narrow() ? 300 : 370, xaxis: t.axis(`threshold, ${run.unit}`), yaxis: t.axis(title),
    });
    t.onLayer(plot, (point) => point.data.name);
  });
})();
