// Shared by every figure: the data, what is chosen, colors of the theme, one way to draw.
"use strict";
const toposcope = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const state = { stat: null, dim: null, label: "", run: 0, layer: "", replicate: 0, hole: null };
  const listeners = [];
  const root = document.documentElement;

  // Plotly reads labels as pseudo-HTML; names of layers and classes are not ours to trust.
  const esc = (text) =>
    String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

  function short(name, limit) {
    const text = String(name);
    if (text.length <= limit) return text;
    const head = Math.floor((limit - 1) / 2);
    return text.slice(0, head) + "…" + text.slice(text.length - (limit - 1 - head));
  }

  // What all layers of a network begin with tells none of them apart: "features." goes.
  function layerNames(layers, limit) {
    let prefix = layers.length > 1 ? layers[0] : "";
    for (const layer of layers) {
      while (!layer.startsWith(prefix)) prefix = prefix.slice(0, -1);
    }
    const end = (text) => Math.max(text.lastIndexOf("."), text.lastIndexOf("/")) + 1;
    let cut = end(prefix);
    // A bare number is no name: "encoder.0" stays.
    if (layers.some((layer) => /^\d+$/.test(layer.slice(cut)))) cut = end(layers[0].slice(0, cut - 1));
    return layers.map((layer) => short(layer.slice(cut) || layer, limit));
  }

  function number(value, digits = 4) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e9) return value.toLocaleString("en-US");
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
    return String(Number(value.toPrecision(digits)));
  }

  function element(tag, attributes = {}, ...children) {
    const out = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) out.setAttribute(name, value);
    out.append(...children);
    return out;
  }

  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const isDark = () => dark.matches && !("printing" in root.dataset);
  const color = (run) => (isDark() ? run.style.dark : run.style.light);
  const narrow = () => document.documentElement.clientWidth < 640;

  function fade(hex, alpha) {
    const part = (i) => parseInt(hex.slice(i, i + 2), 16);
    return `rgba(${part(1)},${part(3)},${part(5)},${alpha})`;
  }

  function axis(title, more = {}) {
    return {
      title: { text: title, font: { size: 13 }, standoff: 8 },
      gridcolor: css("--grid"), linecolor: css("--line"), tickcolor: css("--line"),
      zeroline: false, showline: true, ticks: "outside", ticklen: 4, automargin: true,
      tickfont: { size: 12 }, fixedrange: narrow(), ...more,
    };
  }

  function draw(target, traces, layout) {
    const base = {
      height: 320, margin: { l: 52, r: 12, t: 12, b: 44 }, showlegend: false,
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: css("--sans"), size: 13, color: css("--ink") },
      hoverlabel: {
        bgcolor: css("--paper"), bordercolor: css("--line"), align: "left",
        font: { family: css("--sans"), size: 13, color: css("--ink") },
      },
      hovermode: "closest", dragmode: narrow() ? false : "zoom",
    };
    return Plotly.react(target, traces, { ...base, ...layout }, {
      responsive: true, displaylogo: false, showTips: false,
      // The bar would hold a button that sends the figure to somebody's server.
      displayModeBar: false, showSendToCloud: false,
    });
  }

  // Panels are kept between draws, so that a changed choice only moves what it changes.
  function panels(figure, titles) {
    const grid = figure.querySelector(".plots");
    while (grid.children.length > titles.length) {
      Plotly.purge(grid.lastElementChild.querySelector(".plot"));
      grid.lastElementChild.remove();
    }
    while (grid.children.length < titles.length) {
      grid.append(element("div", { class: "panel" }, element("h4"), element("div", { class: "plot" })));
    }
    return titles.map(([title, detail], i) => {
      const heading = grid.children[i].querySelector("h4");
      heading.replaceChildren(title, detail ? element("span", {}, ` ${detail}`) : "");
      heading.hidden = !title && !detail;
      return grid.children[i].querySelector(".plot");
    });
  }

  function say(figure, name, ...parts) {
    figure.querySelector(name).replaceChildren(...parts);
  }

  function refresh() {
    for (const listener of listeners) listener();
  }

  function set(changes) {
    Object.assign(state, changes);
    const run = data.runs[state.run];
    if (!run.layers.includes(state.layer)) state.layer = run.layers.at(-1);
    if (!labels().includes(state.label)) state.label = labels()[0];
    refresh();
  }

  const labels = () => [...new Set(data.runs.flatMap((run) => run.labels))];
  const labelText = (label) => (label === "" ? "all classes pooled" : label);
  const dims = () => [...new Set(data.runs.flatMap((run) => run.shapes.map((s) => s.dim)))].sort();
  const statDims = (stat) =>
    [...new Set(data.runs.flatMap((run) => run.series.filter((s) => s.stat === stat).map((s) => s.dim)))];

  // A picker with fewer than two options decides nothing and is left out.
  function picker(container, text, name, options, choose) {
    const select = element("select", { name });
    const label = element("label", {}, text, select);
    container.append(label);
    select.addEventListener("change", () => choose(select.value));
    listeners.push(() => {
      const { items, value } = options();
      select.replaceChildren(
        ...items.map(([key, shown]) => element("option", { value: key }, short(shown, 60))),
      );
      select.value = String(value);
      label.hidden = items.length < 2;
      label.style.display = items.length < 2 ? "none" : "";
    });
    return select;
  }

  function runPicker(container) {
    picker(container, "Run", "run", () => ({
      items: data.runs.map((run, i) => [i, run.name]), value: state.run,
    }), (value) => set({ run: Number(value) }));
  }

  function layerPicker(container) {
    const select = picker(container, "Layer", "layer", () => {
      const layers = data.runs[state.run].layers;
      return { items: layers.map((layer, i) => [i, layer]), value: layers.indexOf(state.layer) };
    }, (value) => set({ layer: data.runs[state.run].layers[Number(value)] }));
    return select;
  }

  function labelPicker(container) {
    picker(container, "Class", "label", () => ({
      items: labels().map((label, i) => [i, labelText(label)]), value: labels().indexOf(state.label),
    }), (value) => set({ label: labels()[Number(value)] }));
  }

  // The statistic of this page and its degree of homology.
  function statisticPickers(container) {
    picker(container, "Statistic", "statistic", () => ({
      items: Object.entries(data.statistics).map(([key, s]) => [key, s.title]), value: state.stat,
    }), (stat) => {
      const known = statDims(stat);
      set({ stat, dim: known.includes(state.dim) ? state.dim : known[0] });
    });
    picker(container, "Homology", "homology", () => ({
      items: statDims(state.stat).map((dim) => [String(dim), dim === null ? "–" : `H${dim}`]),
      value: String(state.dim),
    }), (dim) => set({ dim: dim === "null" ? null : Number(dim) }));
  }

  // One closed outline per stretch without a gap: a gap must not be bridged.
  function band(x, low, high, fill) {
    const xs = [], ys = [];
    let stretch = [];
    const close = () => {
      if (stretch.length > 1) {
        const back = [...stretch].reverse();
        xs.push(...stretch.map((i) => x[i]), ...back.map((i) => x[i]), null);
        ys.push(...stretch.map((i) => high[i]), ...back.map((i) => low[i]), null);
      }
      stretch = [];
    };
    x.forEach((_, i) => { if (low[i] === null || high[i] === null) close(); else stretch.push(i); });
    close();
    return {
      x: xs, y: ys, mode: "lines", line: { width: 0 }, fill: "toself", fillcolor: fill,
      hoverinfo: "skip", type: "scatter",
    };
  }

  const interval = (value, low, high, digits) => number(value, digits)
    + (low === null ? "" : ` [${number(low, digits)}, ${number(high, digits)}]`);
  // What stands beside a point: escaped lines; what is not said is left out.
  const hover = (...lines) => lines.filter(Boolean).join("<br>");

  // One pattern of line for each null model, in the order the page names them.
  const DASHES = ["dot", "dash", "dashdot", "longdash", "longdashdot", "6px 2px"];
  const dash = (name) => DASHES[Object.keys(data.nulls).indexOf(name)];

  const shape = (run, dim) =>
    run.shapes.find((s) => s.dim === dim && run.labels[s.label] === state.label);
  const hole = () => (dims().includes(state.hole) ? state.hole : dims().at(-1));
  const grid = (s) => Array.from({ length: s.size }, (_, i) => (s.end * i) / (s.size - 1));
  const design = (run) => run.design;

  // Figures are drawn again when the theme, the width or the medium changes.
  function watch() {
    dark.addEventListener("change", refresh);
    let width = narrow();
    window.addEventListener("resize", () => {
      if (narrow() !== width) { width = narrow(); refresh(); }
    });
    // Styles for print apply only after this event: the figures would be drawn in screen colors.
    window.addEventListener("beforeprint", () => { root.dataset.printing = ""; refresh(); });
    window.addEventListener("afterprint", () => { delete root.dataset.printing; refresh(); });
  }

  function copying() {
    const button = document.getElementById("copy");
    const commands = document.getElementById("commands");
    button.hidden = false;
    button.addEventListener("click", async () => {
      const range = document.createRange();
      range.selectNodeContents(commands);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      const status = document.getElementById("copied");
      // Browsers may forbid the clipboard to a local file: the text is selected either way.
      try {
        await navigator.clipboard.writeText(commands.textContent);
        status.textContent = "Copied.";
      } catch {
        status.textContent = "Selected; copy it with Ctrl-C.";
      }
    });
  }

  function start() {
    watch();
    const stats = Object.keys(data.statistics);
    const stat = stats[0] ?? null;
    set({
      stat, dim: stat === null ? null : statDims(stat)[0], run: data.runs.length - 1,
      label: labels()[0], hole: dims().at(-1),
    });
  }

  return {
    data, state, listeners, esc, short, layerNames, number, element, css, color, fade, narrow, axis, draw, panels,
    say, set, refresh, labels, labelText, dims, statDims, picker, runPicker, layerPicker, labelPicker,
    statisticPickers, band, interval, dash, hover, shape, hole, grid, design, watch, copying, start,
  };
})();
