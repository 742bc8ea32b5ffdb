// Figures 3 and 4: the landscape panel of the network and distances between its layers.
"use strict";
(() => {
  const t = toposcope;
  const panel = document.getElementById("figure-panel");
  const distances = document.getElementById("figure-distances");
  const controls = panel.querySelector(".controls");
  t.runPicker(controls);
  t.labelPicker(controls);

  const bar = (title) => ({
    thickness: 10, len: 1, outlinewidth: 0, ticklen: 3, tickfont: { size: 11 }, nticks: 5,
    title: { text: title, side: "right", font: { size: 12 } },
  });

  // Slanted names below a map need more room than names beside it.
  function layerAxis(layers, more, most = 30) {
    const limit = t.narrow() ? 10 : 18;
    const step = Math.ceil(layers.length / (t.narrow() ? 14 : most));
    const shown = layers.map((_, i) => i).filter((i) => i % step === 0);
    const names = t.layerNames(layers, limit);
    return t.axis("", {
      tickvals: shown, ticktext: shown.map((i) => t.esc(names[i])),
      showgrid: false, tickfont: { size: 11 }, ...more,
    });
  }

  const height = (layers) => Math.min(640, Math.max(260, 110 + 22 * layers.length));

  // A chosen layer moves the frame only: a map of 500 by 500 layers takes a second to draw.
  function unlessDrawn(target, shapes, about, draw) {
    const key = [...about, t.state.run, t.state.label, t.css("--paper"), t.narrow()].join("|");
    if (target.dataset.drawn === key) {
      Plotly.relayout(target, { shapes });
    } else {
      draw();
      target.dataset.drawn = key;
    }
  }

  function drawPanel(target, run, shape) {
    const shapes = [t.frame(run.layers.indexOf(t.state.layer), "y")];
    unlessDrawn(target, shapes, ["panel", shape.dim], () => fillPanel(target, run, shape, shapes));
  }

  function fillPanel(target, run, shape, shapes) {
    const x = t.grid(shape), at = x.map((v) => t.number(v, 3));
    const z = shape.layers.map((one) => (one ? one.landscape[0] : x.map(() => null)));
    const text = z.map((row, i) => {
      const layer = t.esc(t.short(run.layers[i], 50));
      return row.map((v, j) => `${layer}<br>λ₁ = ${t.number(v, 3)} at ${at[j]}`);
    });
    t.draw(target, [{
      type: "heatmap", x, z, text, hoverinfo: "text", colorscale: "Cividis", zmin: 0,
      colorbar: bar("λ₁"), hoverongaps: false, name: "first landscape level by layer",
    }], {
      shapes, height: height(run.layers), margin: { l: 60, r: 8, t: 8, b: 44 },
      xaxis: t.axis("filtration value", { showgrid: false }),
      yaxis: layerAxis(run.layers, { autorange: "reversed" }),
    });
    t.onLayer(target, (point) => run.layers[point.y]);
  }

  // Beyond this many layers dots would hide the cells, and 100,000 of them the page.
  const DOTTED = 60;
  const isBelow = (found, i, j) => i !== j && found.floor !== null && found.matrix[i][j] < found.floor;
  const countBelow = (found) => found.layers.reduce((sum, _, i) =>
    sum + found.layers.slice(0, i).filter((__, j) => isBelow(found, i, j)).length, 0);

  function marksBelow(found) {
    const { layers, matrix } = found;
    if (layers.length > DOTTED) {
      const z = matrix.map((row, i) => row.map((_, j) => (isBelow(found, i, j) ? 1 : null)));
      return { type: "heatmap", z, hoverinfo: "skip", showscale: false, opacity: 0.6, colorscale: [[0, "#ffffff"], [1, "#ffffff"]] };
    }
    const x = [], y = [];
    matrix.forEach((row, i) => row.forEach((_, j) => { if (isBelow(found, i, j)) { x.push(j); y.push(i); } }));
    return { type: "scatter", mode: "markers", x, y, hoverinfo: "skip", marker: { size: layers.length > 15 ? 3 : 6, color: "#ffffff", line: { color: "#000000", width: 0.75 } } };
  }

  function drawDistances(target, dim, found) {
    const at = found.layers.indexOf(t.state.layer);
    const shapes = [t.frame(at, "y"), t.frame(at, "x")];
    unlessDrawn(target, shapes, ["distances", dim], () => fillDistances(target, found, shapes));
  }

  function fillDistances(target, found, shapes) {
    const { layers, matrix, floor } = found;
    const names = layers.map((layer) => t.esc(t.short(layer, 40)));
    const beside = `, noise floor ${t.number(floor, 3)}`;
    const text = matrix.map((row, i) => row.map((v, j) => `${names[i]}<br>${names[j]}<br>distance ${t.number(v, 3)}${beside}`));
    t.draw(target, [
      { type: "heatmap", z: matrix, text, hoverinfo: "text", colorscale: "Cividis", zmin: 0, colorbar: bar("distance"), name: "distances of layers" },
      marksBelow(found),
    ], {
      shapes, height: Math.min(680, height(layers) + 60), margin: { l: 60, r: 8, t: 8, b: 60 },
      xaxis: layerAxis(layers, { tickangle: -45, range: [-0.5, layers.length - 0.5] }, 16),
      yaxis: layerAxis(layers, { range: [layers.length - 0.5, -0.5] }),
    });
    t.onLayer(target, (point) => layers[point.y]);
  }

  function shown() {
    const run = t.data.runs[t.state.run];
    const shapes = t.dims().map((dim) => t.shape(run, dim)).filter(Boolean);
    const name = `${t.data.runs.length > 1 ? `${run.name}, ` : ""}`;
    const basis = `${t.design(run)}; ${t.labelText(t.state.label)}`;
    return { run, shapes, name, basis };
  }

  t.onChange(panel, () => {
    const { run, shapes, name, basis } = shown();
    const first = t.panels(panel, shapes.map((s) => [`H${s.dim}`, ""]));
    t.soon(panel, shapes.map((shape, i) => () => drawPanel(first[i], run, shape)));
    t.say(panel, ".plot-title", t.element("b", {}, `${name || "First"}${name ? "first" : ""} landscape level`), `, filtration values ${run.unit}. ${basis}.`);
    const gaps = run.layers.filter((_, i) => shapes.some((s) => !s.layers[i]));
    t.say(panel, ".missing", gaps.length ? `Empty rows have no diagrams: ${gaps.join(", ")}.` : "");
  });

  t.onChange(distances, () => {
    const { run, shapes, name, basis } = shown();
    const second = t.panels(distances, shapes.map((s) => [
      `H${s.dim}`, s.distances.floor === null ? "noise floor unknown: one replicate" : `noise floor ${t.number(s.distances.floor, 2)}`,
    ]));
    t.soon(distances, shapes.map((s, i) => () => drawDistances(second[i], s.dim, s.distances)));
    const below = shapes.map((s) => countBelow(s.distances));
    const dotted = shapes.every((s) => s.distances.layers.length <= DOTTED);
    const pairs = shapes.map((s) => (s.distances.layers.length * (s.distances.layers.length - 1)) / 2);
    t.say(distances, ".plot-title", t.element("b", {}, `${name || "Distance"}${name ? "distance" : ""} between layers`), `. ${basis}.`);
    t.say(distances, ".missing",
      "The noise floor is the distance that other draws of samples alone produce: the mean distance between "
      + `random halves of a layer’s ${run.replicates} replicates, scaled to means of all of them. `
      + `${dotted ? "White dots mark" : "Pale cells are"} pairs of layers below it: `
      + shapes.map((s, i) => `${below[i]} of ${pairs[i]} in H${s.dim}`).join(", ") + ".");
  });
})();
