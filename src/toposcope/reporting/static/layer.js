// Figure 2: diagram, barcode, Betti curves and landscape of the layer the reader chose.
"use strict";
(() => {
  const t = toposcope;
  const figure = document.getElementById("figure-layer");
  const controls = figure.querySelector(".controls");
  const BARS = 60;

  t.runPicker(controls);
  t.layerPicker(controls);
  t.picker(controls, "Homology", "homology", () => ({
    items: t.dims().map((dim) => [dim, `H${dim}`]), value: t.hole(),
  }), (value) => t.set({ hole: Number(value) }));
  t.labelPicker(controls);
  t.picker(controls, "Replicate", "replicate", () => {
    const one = chosen(t.hole());
    const count = one ? one.pairs.length : 0;
    return { items: Array.from({ length: count }, (_, i) => [i, i]), value: replicate(one) };
  }, (value) => t.set({ replicate: Number(value) }));

  function chosen(dim) {
    const run = t.data.runs[t.state.run];
    const shape = t.shape(run, dim);
    return shape ? shape.layers[run.layers.indexOf(t.state.layer)] : null;
  }

  const replicate = (one) => (one ? Math.min(t.state.replicate, one.pairs.length - 1) : 0);
  const births = (pairs) => pairs.birth ?? pairs.death.map(() => 0);

  const nullsOf = (one) => Object.entries(one.nulls);

  // A layer fills its own axes; Figure 3 compares layers on a common one.
  function lastDeath(dim) {
    const one = chosen(dim);
    const deaths = one ? one.pairs.flatMap((pairs) => pairs.death).filter((d) => d !== null) : [];
    return deaths.reduce((a, b) => Math.max(a, b), 0);
  }

  function lastValue(x, curves) {
    const alive = x.findLastIndex((_, i) => curves.some((y) => y && y[i] !== y.at(-1)));
    return x[Math.min(x.length - 1, alive + 3)] || x.at(-1);
  }

  function pairText(dim, birth, death) {
    const life = death === null ? "never dies" : `persistence ${t.number(death - birth)}`;
    return `H${dim}: birth ${t.number(birth)}, death ${death === null ? "∞" : t.number(death)}<br>${life}`;
  }

  // Finite pairs come longest first, as the points of their bars do; essential ones have no rank.
  function ranks(pairs) {
    let next = 0;
    return pairs.death.map((d) => (d === null ? null : next++));
  }
  const barAt = (dim) => (event) => {
    const rank = event.points[0]?.customdata;
    return rank === undefined || rank === null ? null : { dim: event.points[0].data.meta ?? dim, rank };
  };
  function follow(target, dim) {
    for (const name of ["plotly_hover", "plotly_unhover", "plotly_click"]) target.removeAllListeners?.(name);
    let kept = t.state.bar;
    target.on("plotly_hover", (event) => { const bar = barAt(dim)(event); if (bar) t.point(bar); });
    target.on("plotly_unhover", () => t.point(kept));
    target.on("plotly_click", (event) => {
      kept = barAt(dim)(event);
      t.set({ bar: kept, brushed: null });
    });
  }
  const emphasis = (dim) => {
    if (t.state.bar) return t.state.bar.dim === dim ? new Set([t.state.bar.rank]) : new Set();
    return t.state.brushed ? t.barsOf(dim, t.state.brushed) : null;
  };

  function points(dim, end, color, open) {
    const one = chosen(dim);
    if (!one) return [];
    const pairs = one.pairs[replicate(one)];
    const birth = births(pairs), rank = ranks(pairs), strong = emphasis(dim);
    return [{
      selectedpoints: strong ? rank.map((r, i) => (strong.has(r) ? i : -1)).filter((i) => i >= 0) : undefined,
      selected: { marker: { opacity: 1, size: 9 } }, unselected: { marker: { opacity: 0.25 } },
      name: `H${dim}`, meta: dim, customdata: rank,
      x: birth, y: pairs.death.map((d) => d ?? 1.07 * end), type: "scatter", mode: "none", dots: true,
      marker: {
        size: open || birth.length > 150 ? 5 : 7, color: t.fade(color, birth.length > 150 ? 0.35 : 0.6), symbol: open ? "circle-open" : "circle",
        line: { color: t.fade(color, open || birth.length > 150 ? 0.6 : 1), width: 1 },
      },
      text: pairs.death.map((d, i) => pairText(dim, birth[i], d)), hoverinfo: "text",
    }];
  }

  function drawDiagram(target, run, dim, end) {
    const others = t.dims().filter((k) => k !== dim && t.shape(run, k));
    const range = [-0.02 * end, 1.12 * end];
    const guide = (x, y, dash) => ({
      x, y, type: "scatter", mode: "lines", hoverinfo: "skip", line: { color: t.css("--null"), width: 1, dash },
    });
    t.draw(target, [
      guide([0, end], [0, end], "solid"), guide([0, 1.1 * end], [1.07 * end, 1.07 * end], "dot"),
      ...others.flatMap((k) => points(k, end, t.css("--null"), true)),
      ...points(dim, end, t.color(run), false),
    ], {
      xaxis: t.axis("birth", { range, constrain: "domain" }),
      yaxis: t.axis("death", { range, scaleanchor: "x", constrain: "domain" }), height: 360,
      annotations: [{
        x: 1.1 * end, y: 1.07 * end, text: "∞", showarrow: false, yshift: 9, xanchor: "right",
        font: { color: t.css("--soft"), size: 13 },
      }],
    });
    t.dots(target);
    follow(target, dim);
  }

  function drawBarcode(target, run, dim, end) {
    const one = chosen(dim);
    const pairs = one.pairs[replicate(one)];
    const birth = births(pairs);
    const rank = ranks(pairs), strong = emphasis(dim);
    const bars = pairs.death.map((d, i) => [birth[i], d, rank[i]]).slice(0, BARS)
      .sort((a, b) => a[0] - b[0] || (a[1] ?? Infinity) - (b[1] ?? Infinity));
    const x = [], y = [], text = [], own = [];
    const bold = { x: [], y: [] };
    bars.forEach(([b, d, r], i) => {
      own.push(r, r, null);
      if (strong?.has(r)) { bold.x.push(b, d, null); bold.y.push(i, i, null); }
      x.push(b, d ?? 1.07 * end, null);
      y.push(i, i, null);
      text.push(pairText(dim, b, d), pairText(dim, b, d), "");
    });
    const forever = bars.map(([, d], i) => (d === null ? i : -1)).filter((i) => i >= 0);
    const color = t.color(run);
    t.draw(target, [
      { x, y, text, customdata: own, meta: dim, name: `H${dim} bars`, type: "scatter", mode: "lines", line: { color: strong ? t.fade(color, 0.4) : color, width: bars.length > 40 ? 2 : 3 }, hoverinfo: "text" },
      { ...bold, type: "scatter", mode: "lines", line: { color, width: 5 }, hoverinfo: "skip" },
      { x: forever.map(() => 1.07 * end), y: forever, type: "scatter", mode: "markers", hoverinfo: "skip",
        marker: { symbol: "triangle-right", size: 9, color } },
    ], {
      xaxis: t.axis("filtration value", { range: [-0.02 * end, 1.12 * end] }),
      yaxis: t.axis("bars by birth", { showticklabels: false, ticks: "", showgrid: false, range: [-1, Math.max(bars.length, 8)] }),
    });
    follow(target, dim);
    return bars.length;
  }

  function drawBetti(target, run, dim, shape) {
    const one = chosen(dim), x = t.grid(shape), color = t.color(run);
    const curve = (y, line, text) => ({
      x, y, name: text || undefined, type: "scatter", mode: "lines", line: { shape: "hv", ...line },
      hoverinfo: text ? "text" : "skip",
      text: text ? y.map((v, i) => `${text}<br>β${dim} = ${t.number(v)} at ${t.number(x[i], 3)}`) : undefined,
    });
    // Replicates have nothing to point at and are one path; single, they took as long as all else here.
    const gap = (values) => values.flatMap((row) => [...row, null]);
    const traces = one.betti.length ? [{
      ...curve([], { color: t.fade(color, 0.3), width: 1 }), x: gap(one.betti.map(() => x)), y: gap(one.betti),
    }] : [];
    nullsOf(one).forEach(([name, null_]) => traces.push(curve(
      null_.betti, { color: t.css("--null"), width: 1.5, dash: t.dash(name) }, `${t.data.nulls[name]}, mean`,
    )));
    traces.push(curve(one.betti_mean, { color, width: 2.25 }, `mean of ${one.count.length} replicates`));
    t.draw(target, traces, {
      xaxis: t.axis("filtration value", { range: [0, lastValue(x, [one.betti_mean, ...nullsOf(one).map(([, n]) => n.betti), ...one.betti])] }),
      yaxis: t.axis(`Betti number β${dim}`, { rangemode: "tozero" }),
    });
  }

  function drawLandscape(target, run, dim, shape) {
    const one = chosen(dim), x = t.grid(shape), color = t.color(run);
    const curve = (y, line, text) => ({
      x, y, name: text, type: "scatter", mode: "lines", line, hoverinfo: "text",
      text: y.map((v, i) => `${text}<br>λ = ${t.number(v, 3)} at ${t.number(x[i], 3)}`),
    });
    const traces = one.landscape.map((y, i) => curve(
      y, { color: t.fade(color, [1, 0.65, 0.4][i] ?? 0.3), width: [2.25, 1.75, 1.5][i] ?? 1 },
      `level ${i + 1}, mean of ${one.count.length} replicates`,
    )).reverse();
    nullsOf(one).forEach(([name, null_]) => traces.unshift(curve(
      null_.landscape, { color: t.css("--null"), width: 1.5, dash: t.dash(name) }, `${t.data.nulls[name]}, level 1`,
    )));
    t.draw(target, traces, {
      xaxis: t.axis("filtration value", { range: [0, lastValue(x, [...one.landscape, ...nullsOf(one).map(([, n]) => n.landscape)])] }),
      yaxis: t.axis("landscape λ", { rangemode: "tozero" }),
    });
  }

  t.onChange(figure, () => {
    const run = t.data.runs[t.state.run], dim = t.hole();
    const shape = t.shape(run, dim), one = chosen(dim);
    if (!one) {
      t.panels(figure, []);
      t.say(figure, ".plot-title", t.element("b", {}, t.state.layer), " has no diagram: see failures and warnings.");
      t.say(figure, ".missing");
      return;
    }
    const r = replicate(one), total = one.count[r], shown = Math.min(BARS, total);
    const [diagram, barcode, betti, landscape] = t.panels(figure, [
      ["Persistence diagram", `replicate ${r}`],
      ["Barcode", `replicate ${r}, ${shown < total ? `${shown} longest of ${t.number(total)}` : `all ${total}`} bars`],
      ["Betti curve", `${one.count.length} replicates`],
      ["Landscape", `mean of ${one.count.length} replicates`],
    ]);
    drawDiagram(diagram, run, dim, Math.max(...t.dims().map(lastDeath)) || 1);
    t.soon(figure, [
      () => drawBarcode(barcode, run, dim, lastDeath(dim) || 1),
      () => drawBetti(betti, run, dim, shape),
      () => drawLandscape(landscape, run, dim, shape),
    ]);
    t.say(figure, ".plot-title", t.element("b", {}, `${t.data.runs.length > 1 ? `${run.name}, ` : ""}${t.state.layer}`),
      `, H${dim}, filtration values ${run.unit}. ${t.design(run)}; ${t.labelText(t.state.label)}.`);
    const plan = t.data.pairs, notes = [];
    if (t.dims().length > 1) notes.push(`Open gray circles: ${t.dims().filter((k) => k !== dim).map((k) => `H${k}`).join(", ")}.`);
    if (plan.replicates === "first") notes.push("To keep this file small, single pairs are held for replicate 0 only.");
    if (plan.longest) notes.push(`Of each diagram the ${t.number(plan.longest)} longest pairs are held; curves use all.`);
    if (!one.betti.length) notes.push("Betti curves are means; single replicates are left out to keep this file small.");
    t.say(figure, ".missing", notes.join(" "));
  });
})();
