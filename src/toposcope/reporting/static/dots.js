// Many points of a figure as a few paths: as an object each, the 500 pairs of a diagram took 100 of its 125 ms.
// Plotly keeps what they are (mode "none"), finds which one is pointed at, and exports them as markers.
"use strict";
(() => {
  const t = toposcope;
  // A path covers its own overlaps with one shade: on several sheets crowded places still look darker.
  const SHEETS = 6;

  t.svg = (tag, attributes, ...children) => {
    const out = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) out.setAttribute(name, value);
    out.append(...children);
    return out;
  };

  const round = (v) => Math.round(10 * v) / 10;
  const circle = ([x, y], r) => `M${round(x - r)},${round(y)}a${r},${r} 0 1,0 ${2 * r},0a${r},${r} 0 1,0 ${-2 * r},0`;

  function paths(one, xaxis, yaxis) {
    const { marker, selectedpoints } = one, strong = selectedpoints && new Set(selectedpoints);
    const sheets = Array.from({ length: SHEETS }, () => []), full = [];
    one.x.forEach((x, i) => {
      const place = [xaxis.d2p(x), yaxis.d2p(one.y[i])];
      if (!place.every(Number.isFinite)) return;
      (strong?.has(i) ? full : sheets[i % SHEETS]).push(place);
    });
    const open = marker.symbol === "circle-open";
    const look = { fill: open ? "none" : marker.color, stroke: marker.line.color, "stroke-width": marker.line.width };
    const path = (places, size, opacity) => t.svg("path", { ...look, opacity, d: places.map((at) => circle(at, size / 2)).join("") });
    return [
      ...sheets.filter((places) => places.length).map((places) => path(places, marker.size, strong ? one.unselected.marker.opacity : 1)),
      ...(full.length ? [path(full, one.selected.marker.size, 1)] : []),
    ];
  }

  function paint(target) {
    const plot = target.querySelector(".overplot > .xy");
    const { xaxis, yaxis } = target._fullLayout;
    plot.querySelector(":scope > .dots")?.remove();
    plot.append(t.svg("g", { class: "dots", "pointer-events": "none" },
      ...target.data.filter((one) => one.dots).flatMap((one) => paths(one, xaxis, yaxis))));
  }

  // Traces with `dots` are drawn here, now and whenever the axes move.
  t.dots = (target) => {
    if (target.dotted) return;
    target.dotted = true;
    target.on("plotly_afterplot", () => paint(target));
    paint(target);
  };

  // A drawing to take along has an object for every point.
  t.whole = (target) => ({
    layout: target.layout, data: target.data.map((one) => (one.dots ? { ...one, mode: "markers" } : one)),
  });
})();
