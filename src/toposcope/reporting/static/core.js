// Shared by every figure: the data, what is chosen, colors of the theme, one way to draw.
"use strict";
const toposcope = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const state = {
    stat: null, dim: null, label: "", run: 0, layer: "", replicate: 0, hole: null,
    cls: null, bar: null, brushed: null,
  };
  const listeners = [], figures = [], pointed = [];
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

  const whole = new Intl.NumberFormat("en-US");  // made once: a curve asks it for hundreds of numbers
  function number(value, digits = 4) {
    if (value === null || value === undefined) return "–";
    const size = Math.abs(value);
    if (Number.isInteger(value) && size < 1e9) return whole.format(value + 0);  // no -0
    if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
    return String(Number(value.toPrecision(digits)));
  }

  function element(tag, attributes = {}, ...children) {
    const out = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) out.setAttribute(name, value);
    out.append(...children);
    return out;
  }

  // Colors are read once for a scheme: between two drawn panels the browser would style the page anew.
  const colors = new Map();
  let scheme = "";
  function css(name) {
    const now = `${dark.matches} ${"printing" in root.dataset}`;
    if (now !== scheme) { colors.clear(); scheme = now; }
    if (!colors.has(name)) colors.set(name, getComputedStyle(root).getPropertyValue(name).trim());
    return colors.get(name);
  }
  const isDark = () => dark.matches && !("printing" in root.dataset);
  const color = (run) => (isDark() ? run.style.dark : run.style.light);
  const narrow = () => document.documentElement.clientWidth < 640;

  function fade(hex, alpha) {
    const part = (i) => parseInt(hex.slice(i, i + 2), 16);
    return `rgba(${part(1)},${part(3)},${part(5)},${alpha})`;
  }

  // Lines in a row of shades, from the palest that stands out 3:1 from the paper to the full color.
  const channels = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  const luminance = (rgb) => rgb.map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  function contrast(a, b) {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  }
  function shade(hex, place) {
    const paper = channels(css("--paper")), full = channels(hex);
    const mix = (share) => full.map((v, i) => Math.round(share * v + (1 - share) * paper[i]));
    let palest = 0.3;
    while (palest < 1 && contrast(mix(palest), paper) < 3.05) palest += 0.02;
    return `rgb(${mix(palest + (1 - palest) * place).join(",")})`;
  }

  function axis(title, more = {}) {
    return {
      title: { text: title, font: { size: 13 }, standoff: 8 },
      gridcolor: css("--grid"), linecolor: css("--line"), tickcolor: css("--line"),
      zeroline: false, showline: true, ticks: "outside", ticklen: 4, automargin: true,
      ticklabeloverflow: "allow",  // margins make room for them; to look whether they do cost a quarter
      tickfont: { size: 12 }, fixedrange: narrow(), ...more,
    };
  }

  function draw(target, traces, layout) {
    describe(target, traces, layout);
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

  // Smallest and largest of any number of values: as arguments of Math.min a few hundred thousand overflow.
  function ends(values) {
    let low = Infinity, high = -Infinity;
    for (const v of values) if (v !== null) { if (v < low) low = v; if (v > high) high = v; }
    return [low, high];
  }

  // What a reader hears who does not see the figure: every series by its ends and its extremes.
  function describe(target, traces, layout) {
    const told = traces.filter((one) => one.name).slice(0, 12).map((one) => {
      if (one.type === "heatmap") {
        const [low, high] = ends(one.z.flat());
        return `${one.name}: ${one.z.length} rows, from ${number(low, 3)} to ${number(high, 3)}`;
      }
      const y = (one.y ?? []).filter((v) => typeof v === "number");
      if (!y.length) return `${one.name}: no value`;
      return `${one.name}: ${y.length} values, first ${number(y[0], 3)}, last ${number(y.at(-1), 3)}, `
        + `between ${ends(y).map((v) => number(v, 3)).join(" and ")}`;
    });
    const of = [layout.xaxis, layout.yaxis].map((one) => one?.title?.text).filter(Boolean).reverse().join(" over ");
    target.tabIndex = 0;
    target.setAttribute("role", "img");
    target.setAttribute("aria-label", [of || "Figure", ...told].join(". "));
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

  // Figures near the screen are drawn at once, the others one by one when there is time: a report of
  // 27 layers answers in the time of the two or three figures that are looked at.
  let queued = null;
  function onChange(element, listener) {
    const one = { element, listener, near: false, dirty: true };
    figures.push(one);
    watcher.observe(element);
    return one;
  }
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const one = figures.find((f) => f.element === entry.target);
      one.near = entry.isIntersecting;
      if (one.near && one.dirty && started) bring(one);
    }
  }, { rootMargin: "150px" });
  let started = false;

  function bring(one) {
    one.dirty = false;
    one.listener();
  }

  // Panels of a figure after its first one: each in a task of its own, so that a choice shows at once.
  const waiting = new Map();
  function soon(element, jobs) {
    waiting.set(element, jobs);
    root.dataset.settled = "false";
    queued ??= setTimeout(later, 0);
  }
  function nextPanel() {
    const [element, jobs] = waiting.entries().next().value;
    jobs.shift()();
    if (!jobs.length) waiting.delete(element);
  }

  function later() {
    queued = null;
    if (waiting.size) { nextPanel(); queued = setTimeout(later, 0); return; }
    const dirty = figures.filter((one) => one.dirty);
    if (!dirty.length) { root.dataset.settled = "true"; return; }
    bring(dirty.find((one) => onScreen(one.element)) ?? dirty[0]);
    queued ??= setTimeout(later, 8);
  }

  const onScreen = (element) => {
    const box = element.getBoundingClientRect();
    return box.top < innerHeight + 150 && box.bottom > -150;
  };

  function refresh({ all = false } = {}) {
    for (const listener of listeners) listener();
    for (const one of figures) one.dirty = true;
    root.dataset.settled = "false";
    waiting.clear();
    clearTimeout(queued);
    queued = null;
    // The figure that was touched answers in this task, the others on the screen right after it.
    const seen = figures.filter((one) => all || onScreen(one.element));
    const touched = seen.find((one) => one.element.contains(document.activeElement)) ?? seen[0];
    for (const one of all ? seen : [touched]) if (one) bring(one);
    while (all && waiting.size) nextPanel();
    clearTimeout(queued);
    queued = setTimeout(later, waiting.size || seen.length > 1 ? 0 : 60);
    remember();
  }

  // The layer that is chosen, marked in a figure: a thin frame around its row or column.
  function frame(i, along) {
    const across = along === "y" ? "x" : "y";
    return {
      type: "rect", [`${along}0`]: i - 0.5, [`${along}1`]: i + 0.5, [`${across}0`]: 0, [`${across}1`]: 1,
      [`${across}ref`]: "paper", line: { color: css("--mark"), width: 1.5 }, fillcolor: "rgba(0,0,0,0)",
      visible: i >= 0,
    };
  }

  // A click in a figure chooses the layer that is there.
  function onLayer(target, layerOf) {
    target.removeAllListeners?.("plotly_click");
    target.on("plotly_click", (event) => {
      const layer = layerOf(event.points[0]);
      if (layer) set({ layer });
    });
  }

  // A bar that is pointed at, until the pointer leaves; a click keeps it.
  function point(bar) {
    state.bar = bar;
    for (const listener of pointed) listener();
  }

  // What is chosen stands in the address, so that a link leads to what was seen.
  const KEPT = { stat: "stat", dim: "H", run: "run", layer: "layer", label: "class", hole: "hole" };
  function remember() {
    if (!started) return;
    const words = new URLSearchParams();
    for (const [key, name] of Object.entries(KEPT)) {
      const value = key === "run" ? data.runs[state.run].name : state[key];
      if (value !== null && value !== "") words.set(name, value);
    }
    // Browsers may forbid it to a page inside another one; the page works without.
    try { history.replaceState(null, "", `#${words}`); } catch { /* no address to keep it in */ }
  }
  function remembered() {
    const words = new URLSearchParams(location.hash.slice(1)), found = {};
    const run = data.runs.findIndex((one) => one.name === words.get("run"));
    if (run >= 0) found.run = run;
    if (Object.hasOwn(data.statistics, words.get("stat") ?? "")) {
      found.stat = words.get("stat");
      const dim = words.get("H") === null ? null : Number(words.get("H"));
      found.dim = statDims(found.stat).includes(dim) ? dim : statDims(found.stat)[0];
    }
    if (labels().includes(words.get("class"))) found.label = words.get("class");
    if (words.get("layer")) found.layer = words.get("layer");
    if (dims().includes(Number(words.get("hole") ?? NaN))) found.hole = Number(words.get("hole"));
    return found;
  }

  function set(changes) {
    const moved = ["run", "layer", "label", "hole", "replicate"].some((key) => key in changes && changes[key] !== state[key]);
    if (moved && !("bar" in changes)) state.bar = null;
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
    let before = null;
    listeners.push(() => {
      const { items, value } = options();
      const same = before && items.length === before.length
        && items.every(([key, shown], i) => key === before[i][0] && shown === before[i][1]);
      if (!same) {
        select.replaceChildren(
          ...items.map(([key, shown]) => element("option", { value: key }, short(shown, 60))),
        );
        before = items;
      }
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
    dark.addEventListener("change", () => refresh());
    let width = narrow();
    window.addEventListener("resize", () => {
      if (narrow() !== width) { width = narrow(); refresh(); }
    });
    // Styles for print apply only after this event: the figures would be drawn in screen colors.
    window.addEventListener("beforeprint", () => { root.dataset.printing = ""; refresh({ all: true }); });
    window.addEventListener("afterprint", () => { delete root.dataset.printing; refresh({ all: true }); });
  }

  // Numbers come packed: two bytes each, in base64.
  function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Uint16Array(bytes.buffer);
  }
  const cloud = (run = data.runs[state.run]) => run.clouds.find((one) => one.label === state.label) ?? null;
  const cloudLayer = (run = data.runs[state.run], layer = state.layer) => cloud(run)?.layers[layer] ?? null;
  const samples = (one) => data.samples[one.samples];

  // The picture of a sample as a canvas, cut out of its sheet; null until the sheet is there.
  const sheets = [];
  function cut(entry, i) {
    const at = entry.sheet;
    if (!at) return null;
    if (!sheets[at.at]) {
      const image = new Image();
      image.src = data.sheets[at.at];
      image.decode().then(() => { image.whole = true; refresh(); }, () => { image.broken = true; });
      sheets[at.at] = image;
    }
    if (!sheets[at.at].whole) return null;
    const out = element("canvas", { width: at.width, height: at.height, class: "thumb", role: "img",
      "aria-label": `picture of a sample, ${sampleName(entry, i)}` });
    out.getContext("2d").drawImage(sheets[at.at], (i % at.across) * at.width,
      Math.floor(i / at.across) * at.height, at.width, at.height, 0, 0, at.width, at.height);
    return out;
  }
  const sampleName = (entry, i) => (entry.kind === "samples" ? entry.names[entry.classes[i]]
    : `${entry.kind.slice(0, -1)} ${i}`);

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
    const stats = Object.keys(data.statistics), first = data.first ?? {};
    const stat = first.stat ?? stats[0] ?? null;
    const chosen = {
      stat, dim: stat === null ? null : first.stat === undefined ? statDims(stat)[0] : first.dim,
      run: first.run ?? data.runs.length - 1, layer: first.layer ?? "",
      label: labels()[0], hole: dims().includes(first.dim) ? first.dim : dims().at(-1), ...remembered(),
    };
    set(chosen);
    started = true;
  }

  return {
    data, state, listeners, pointed, point, frame, onLayer, onChange, soon, figures, shade, unpack, cloud, cloudLayer, samples, cut, sampleName, esc, short, layerNames, number, element, css, color, fade, narrow, axis, draw, ends, panels,
    say, set, refresh, labels, labelText, dims, statDims, picker, runPicker, layerPicker, labelPicker,
    statisticPickers, band, interval, dash, hover, shape, hole, grid, design, watch, copying, start,
  };
})();
