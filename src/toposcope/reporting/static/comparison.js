// The page of a comparison: curves over depth, the matrix of all layers, and their map.
"use strict";
(() => {
  const t = toposcope;
  const { networks, places, measures, pairs } = t.data;
  const curves = document.getElementById("figure-pairs");
  const matrix = document.getElementById("figure-matrix");
  const map = document.getElementById("figure-map");
  const alpha = 1 - t.data.level + 1e-12;
  const chosen = { measure: 0, pair: 0, shown: "gaps" };
  const couples = [...new Set(pairs.map((p) => `${p.a}/${p.b}`))];
  const coupleName = (key) => key.split("/").map((i) => networks[Number(i)].name).join(" and ");

  const choose = (name) => (value) => { chosen[name] = value; t.refresh(); };
  const measurePicker = (container) => t.picker(container, "Measure", "measure", () => ({
    items: measures.map((m, i) => [i, m.name]), value: chosen.measure,
  }), (value) => choose("measure")(Number(value)));
  measurePicker(curves.querySelector(".controls"));
  t.picker(curves.querySelector(".controls"), "Networks", "networks", () => ({
    items: couples.map((key, i) => [i, coupleName(key)]), value: chosen.pair,
  }), (value) => choose("pair")(Number(value)));
  measurePicker(matrix.querySelector(".controls"));
  t.picker(matrix.querySelector(".controls"), "Figure 2 shows", "shown", () => ({
    items: [["gaps", "gaps"], ["values", "values as measured"]], value: chosen.shown,
  }), choose("shown"));

  function hover(pair, i) {
    const [a, b] = pair.layers[i].map((name) => t.esc(t.short(name, 40)));
    return t.hover(
      a === b ? a : `${a}<br>against ${b}`,
      `value ${t.interval(pair.value[i], pair.low[i], pair.high[i], 3)}`,
      `gap ${t.interval(pair.gap[i], pair.gap_low[i], pair.gap_high[i], 3)}`,
      `noise ${t.number(pair.noise[i], 3)}`, `adjusted p = ${t.number(pair.adjusted_p[i], 2)}`,
      pair.why[i] && t.esc(t.short(pair.why[i], 60)),
    );
  }

  // Full markers: the test found a difference. The y axis of distances starts at 0.
  function curve(pair, y, low, high, color) {
    const x = pair.depth_a;
    const open = pair.adjusted_p.map((p) => !(p !== null && p <= alpha));
    return [t.band(x, low, high, t.fade(color, 0.2)), {
      x, y, type: "scatter", mode: "lines+markers", line: { color, width: 2 },
      marker: { size: 9, color: open.map((o) => (o ? t.css("--paper") : color)), line: { color, width: 2 } },
      text: x.map((_, i) => hover(pair, i)), hoverinfo: "text", connectgaps: false,
    }];
  }

  function onset(pair) {
    if (!pair.change) return {};
    const [depth, low, high] = pair.change;
    const line = t.css("--notice-line");
    const shape = (x0, x1, more) => ({ type: "rect", xref: "x", yref: "paper", x0, x1, y0: 0, y1: 1, layer: "below", ...more });
    return {
      shapes: [
        shape(low, high, { fillcolor: t.fade(line, 0.16), line: { width: 0 } }),
        shape(depth, depth, { line: { color: line, width: 2, dash: "dot" } }),
      ],
    };
  }

  function level(pair, y, text) {
    return {
      x: t.ends(pair.depth_a), y: [y, y], type: "scatter", mode: "lines",
      line: { color: t.css("--null"), width: 1.5, dash: "dash" }, hoverinfo: "text", text,
    };
  }

  function drawCurves() {
    const [a, b] = couples[chosen.pair].split("/").map(Number);
    const pair = pairs.find((p) => p.a === a && p.b === b && p.measure === chosen.measure);
    const measure = measures[chosen.measure];
    const color = t.color(networks[b]);
    const null_ = t.css("--null");
    const noise = {
      x: pair.depth_a, y: pair.noise, type: "scatter", mode: "lines", hoverinfo: "skip",
      line: { color: null_, width: 1.5, dash: "dot" },
    };
    const titles = [
      [measure.similar ? "Similarity" : measure.diagrams ? "Distance as measured" : "Value", "dotted: noise"],
      [measure.similar ? "Distance from equal layers" : "Gap", pair.step === null ? "" : "dashed: one step between neighbors"],
    ];
    const [left, right] = t.panels(curves, titles);
    const x = t.axis(`relative depth in ${t.esc(t.short(networks[a].name, 30))}`, { range: [0, 1.03] });
    const layout = (values, title) => {
      const [least, most] = t.ends(values.flat());
      const low = Math.min(0, least), high = Math.max(0, most) || 1;
      const pad = 0.06 * (high - low);
      return { height: 330, xaxis: x, yaxis: t.axis(title, { range: [low - (low < 0 ? pad : 0), high + pad], zeroline: low < 0, zerolinecolor: t.css("--line") }), ...onset(pair) };
    };
    t.draw(left, [...curve(pair, pair.value, pair.low, pair.high, color), noise], layout([pair.value, pair.low, pair.high, pair.noise], measure.similar ? "similarity" : "distance"));
    const steps = pair.step === null ? [] : [level(pair, pair.step, `one step: ${t.number(pair.step, 3)}`)];
    t.draw(right, [...curve(pair, pair.gap, pair.gap_low, pair.gap_high, color), ...steps], layout([pair.gap, pair.gap_low, pair.gap_high, [pair.step]], "gap"));
    t.say(curves, ".plot-title", t.element("b", {}, measure.name), `, ${coupleName(couples[chosen.pair])}. ${pair.n} draws.`);
    const shade = onset(pair).shapes ? " The dotted line marks the depth from which they differ, the shade its interval." : "";
    t.say(curves, ".meaning", measure.diagrams
      ? `Left, mean distance between different draws; right, the gap, with the noise of draws taken out. Full markers: adjusted p ≤ ${t.number(alpha, 2)}.${shade}`
      : `Left, mean over draws of the same samples in both networks, and what unrelated samples give; right, the distance from equal layers. Full markers: related, adjusted p ≤ ${t.number(alpha, 2)}.${shade}`);
    const gaps = pair.why.map((why, i) => [pair.layers[i][0], why]).filter(([, why]) => why);
    t.say(curves, ".missing", gaps.length ? `Without a full value: ${gaps.slice(0, 6).map(([n, w]) => `${n} (${w})`).join("; ")}${gaps.length > 6 ? `, and ${gaps.length - 6} more` : ""}.` : "");
  }

  const bounds = networks.map((_, i) => places.findIndex((p) => p[0] === i));
  const label = ([network, layer]) => `${t.esc(t.short(networks[network].name, 30))}: ${t.esc(t.short(layer, 40))}`;
  const placeNames = places.map(label);

  // Every layer is named where there is room, else every second, third ...
  const MOST_TICKS = 36;
  function netAxis(more) {
    const every = Math.ceil(places.length / (t.narrow() ? MOST_TICKS / 2 : MOST_TICKS));
    const named = places.map((_, i) => i).filter((i) => i % every === 0);
    return t.axis("", {
      tickvals: named, ticktext: named.map((i) => t.esc(t.short(places[i][1], t.narrow() ? 8 : 16))),
      tickfont: { size: 10 }, showgrid: false, ticks: "", automargin: true, ...more,
    });
  }

  function netNames() {
    const last = places.length;
    const middle = bounds.map((start, i) => (start + (bounds[i + 1] ?? last) - 1) / 2);
    const font = { size: 12, color: t.css("--ink") };
    return networks.map((net, i) => ({
      x: middle[i], y: 1, xref: "x", yref: "paper", yanchor: "bottom", showarrow: false, font,
      text: `<b>${t.esc(t.short(net.name, t.narrow() ? 12 : 26))}</b>`,
    }));
  }

  function drawMatrix() {
    const measure = measures[chosen.measure];
    const z = chosen.shown === "gaps" ? measure.gaps.map((row) => row.map((v) => (v === null ? null : Math.max(0, v)))) : measure.values;
    const signed = chosen.shown === "gaps" ? measure.gaps : measure.values;
    const text = signed.map((row, i) => row.map((v, j) => `${placeNames[i]}<br>${placeNames[j]}<br>${t.number(v, 3)}`));
    const [target] = t.panels(matrix, [["", ""]]);
    const size = Math.min(target.clientWidth || 640, 680);
    const edge = bounds.slice(1).map((b) => b - 0.5);
    const ink = "#ffffff";
    const lines = edge.flatMap((e) => [
      { type: "line", x0: e, x1: e, y0: -0.5, y1: places.length - 0.5, line: { color: ink, width: 2 } },
      { type: "line", y0: e, y1: e, x0: -0.5, x1: places.length - 0.5, line: { color: ink, width: 2 } },
    ]);
    const similar = measure.similar && chosen.shown === "values";
    t.draw(target, [{
      type: "heatmap", z, text, hoverinfo: "text", colorscale: "Cividis", reversescale: similar, hoverongaps: false,
      ...(similar ? {} : { zmin: 0 }),
      colorbar: { title: { text: chosen.shown === "gaps" ? "gap" : measure.similar ? "similarity" : "distance", side: "right", font: { size: 11 } }, thickness: 10, len: 1, outlinewidth: 0, ticklen: 3, tickfont: { size: 11 }, nticks: 5 },
    }], {
      height: size, margin: { l: 60, r: 8, t: 24, b: 60 }, shapes: lines, annotations: netNames(),
      xaxis: netAxis({ range: [-0.5, places.length - 0.5], tickangle: -90 }),
      yaxis: netAxis({ range: [places.length - 0.5, -0.5] }),
    });
    t.say(matrix, ".plot-title", t.element("b", {}, measure.name), `, ${chosen.shown === "gaps" ? "gaps" : "values"} between all layers; each network from its first layer (top, left) to its last.`);
    t.say(matrix, ".meaning", chosen.shown === "gaps"
      ? "Dark is alike. Gaps below 0, which chance gives, are drawn as 0."
      : measure.diagrams ? "Dark is alike. Mean distances between different draws; the diagonal is what other draws of one layer alone give."
      : "Dark is alike. Means over draws.");
    const empty = measure.values.flat().filter((v) => v === null).length;
    t.say(matrix, ".missing", empty ? `${empty} of ${measure.values.length ** 2} entries have no value.` : "");
  }

  function drawMap() {
    const measure = measures[chosen.measure];
    t.say(map, ".plot-title", t.element("b", {}, `${measure.name}, map of all layers`),
      measure.map ? `. Stress ${t.number(measure.map.stress, 2)} (0 is exact; above 0.2 distances mislead).` : "");
    if (!measure.map) {
      t.panels(map, []);
      t.say(map, ".missing", `Not drawn: ${measure.why}.`);
      return;
    }
    const [target] = t.panels(map, [["", ""]]);
    const traces = networks.map((net, k) => {
      const rows = places.map((p, i) => i).filter((i) => places[i][0] === k);
      const color = t.color(net);
      const first = rows.map((_, i) => i === 0);
      return {
        x: rows.map((i) => measure.map.x[i]), y: rows.map((i) => measure.map.y[i]),
        type: "scatter", mode: "lines+markers", line: { color: t.fade(color, 0.45), width: 1.5 },
        marker: {
          symbol: net.style.marker, size: rows.map((_, i) => (i === 0 || i === rows.length - 1 ? 12 : 7)),
          color: first.map((f) => (f ? t.css("--paper") : color)), line: { color, width: 2 },
        },
        text: rows.map((i) => `${label(places[i])}<br>depth ${t.number(places[i][2], 2)}`), hoverinfo: "text",
      };
    });
    t.draw(target, traces, {
      height: 420, xaxis: t.axis("", { scaleanchor: "y", scaleratio: 1 }), yaxis: t.axis(""),
    });
    t.say(map, ".missing", measure.map.stress > 0.2 ? "The stress is high: read the matrix, not the map." : "");
  }

  map.querySelector(".legend").append(...networks.map((net) => {
    const swatch = t.element("i", { class: `swatch ${net.style.marker}` });
    swatch.style.setProperty("--light", net.style.light);
    swatch.style.setProperty("--dark", net.style.dark);
    return t.element("label", {}, swatch, net.name);
  }));

  t.listeners.push(drawCurves, drawMatrix, drawMap);
  t.watch();
  t.copying();
  t.refresh();
  document.documentElement.dataset.ready = "true";
})();
