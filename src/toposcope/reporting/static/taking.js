// What readers take along: every figure as CSV, SVG or PNG, and the call that draws it in Python.
"use strict";
(() => {
  const t = toposcope;

  // Names come from files: one that spreadsheets would run as a formula gets an apostrophe. Numbers keep their sign.
  const quoted = (value) => {
    const plain = value === null || value === undefined ? "" : String(value);
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(plain) ? `'${plain}` : plain;
    return /[",\n]/.test(text) ? `"${text.replace(/"/g, '""')}"` : text;
  };
  const csv = (rows) => rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";

  function save(name, uri) {
    const link = t.element("a", { download: name, href: uri });
    document.body.append(link);
    link.click();
    link.remove();
  }
  const saveText = (name, kind, text) => save(name, `data:${kind};charset=utf-8,${encodeURIComponent(text)}`);

  // Every series of every panel: what stands on its axes, with the ends of its interval.
  function rowsOf(figure) {
    if (figure.id === "figure-cloud") {
      const now = t.cloudNow();
      return [["run", "layer", "sample", "class", "x", "y"], ...(now?.rows ?? []).map(([row, name, x, y]) =>
        [t.data.runs[t.state.run].name, t.state.layer, row, name, x.toFixed(2), (now.height - y).toFixed(2)])];
    }
    const out = [["panel", "series", "x", "y", "value", "low", "high"]];
    figure.querySelectorAll(".panel").forEach((panel, p) => {
      const plot = panel.querySelector(".plot"), name = panel.querySelector("h4").textContent.trim() || p + 1;
      const ticks = (axis, v) => {
        const at = axis?.tickvals?.indexOf(v) ?? -1;
        return at >= 0 ? axis.ticktext[at] : v;
      };
      for (const one of plot.data ?? []) {
        if (!one.name) continue;
        if (one.type === "heatmap") {
          one.z.forEach((row, i) => row.forEach((v, j) => out.push(
            [name, one.name, one.x ? one.x[j] : ticks(plot.layout.xaxis, j), ticks(plot.layout.yaxis, i), v, "", ""])));
        } else {
          one.x.forEach((x, i) => {
            if (x === null) return;
            const bars = one.error_y?.array, y = one.y[i];
            const ends = bars && y !== null ? [y - one.error_y.arrayminus[i], y + bars[i]] : ["", ""];
            out.push([name, one.name, ticks(plot.layout.xaxis, x), y, "", ...ends]);
          });
        }
      }
    });
    return out;
  }

  // Panels one below the other in one drawing.
  async function svgOf(figure) {
    if (figure.id === "figure-cloud") {
      const now = t.cloudNow();
      if (!now) return null;
      const dots = now.rows.map(([, , x, y, color]) => `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3.5" fill="${color}" fill-opacity="0.85"/>`);
      return [`<svg xmlns="http://www.w3.org/2000/svg" width="${now.width}" height="${now.height}" viewBox="0 0 ${now.width} ${now.height}">${dots.join("")}</svg>`, now.width, now.height];
    }
    const parts = [];
    let height = 0, width = 0;
    for (const plot of figure.querySelectorAll(".plot")) {
      const box = plot.getBoundingClientRect();
      if (!box.width) continue;
      const uri = await Plotly.toImage(t.whole(plot), { format: "svg", width: box.width, height: box.height });
      const text = decodeURIComponent(uri.slice(uri.indexOf(",") + 1));
      parts.push(`<g transform="translate(0,${height})">${text.slice(text.indexOf("<svg"))}</g>`);
      height += box.height;
      width = Math.max(width, box.width);
    }
    return [`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${parts.join("")}</svg>`, width, height];
  }

  async function png(figure, name) {
    const found = await svgOf(figure);
    if (!found) return;
    const [text, width, height] = found;
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = t.element("canvas", { width: 2 * width, height: 2 * height });
    const pen = canvas.getContext("2d");
    pen.fillStyle = t.css("--paper");
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, canvas.width, canvas.height);
    save(`${name}.png`, canvas.toDataURL("image/png"));
  }

  const word = (text) => JSON.stringify(text);
  function python(figure) {
    const run = t.data.runs[t.state.run], at = run.folder === null ? "analysis" : `ts.load_analysis(${word(run.folder)}${run.analysis ? `, ${word(run.analysis)}` : ""})`;
    const label = t.state.label === "" ? "" : `, label=${word(t.state.label)}`;
    const k = t.state.dim === null ? "" : `, ${t.state.dim}`;
    const pairs = `found.diagrams.pairs(${word(t.state.layer)}, ${t.hole()}, replicate=${t.state.replicate}${label})`;
    const draws = `[found.diagrams.pairs(${word(t.state.layer)}, ${t.hole()}, replicate=r${label}) for r in found.diagrams.replicates]`;
    const lines = {
      "figure-cloud": [`ts.plots.plot_cloud(found, ${word(t.state.layer)}${label})`],
      "figure-depth": [`ts.plots.plot_depth(found, ${word(t.state.stat)}${k}${label})`],
      "figure-layer": [`ts.plots.plot_diagram(${pairs})`, `ts.plots.plot_barcode(${pairs})`,
        `ts.plots.plot_betti_curve(${draws})`, `ts.plots.plot_landscape(${draws})`],
      "figure-panel": t.dims().map((d) => `ts.plots.plot_landscape_panel(found.diagrams, ${d}${label})`),
      "figure-distances": t.dims().map((d) => `ts.plots.plot_layer_distances(found.diagrams, ${d}${label})`),
    }[figure.id] ?? ["found.intervals  # the numbers of this figure"];
    return ["import toposcope as ts", "", `found = ${at}`, ...lines].join("\n");
  }

  const said = t.element("p", { class: "said", role: "status" });
  document.body.append(said);
  for (const figure of document.querySelectorAll("figure")) {
    const name = `${document.title.replace(/[^\w-]+/g, "_").slice(0, 40)}_${figure.id.replace("figure-", "")}`;
    const bar = t.element("div", { class: "take", role: "group", "aria-label": "Take this figure along" });
    const button = (text, act) => {
      const one = t.element("button", { type: "button" }, text);
      one.addEventListener("click", act);
      bar.append(one);
    };
    button("CSV", () => saveText(`${name}.csv`, "text/csv", csv(rowsOf(figure))));
    if (figure.id !== "figure-loops") {
      button("SVG", async () => { const found = await svgOf(figure); if (found) saveText(`${name}.svg`, "image/svg+xml", found[0]); });
      button("PNG", () => png(figure, name));
    }
    const code = t.element("pre", { class: "python", hidden: "", tabindex: "0" });
    button("Python", () => { code.hidden = !code.hidden; code.textContent = python(figure); });
    t.listeners.push(() => { if (!code.hidden) code.textContent = python(figure); });
    figure.append(bar, code);
  }
  const table = document.querySelector("#numbers .controls");
  const all = t.element("button", { type: "button", class: "all" }, "Every number as CSV");
  all.addEventListener("click", () => {
    const rows = [["run", "layer", "class", "cloud", "homology_dimension", "statistic", "mean", "low", "high", "replicates", "status"]];
    for (const run of t.data.runs) for (const s of run.series) run.layers.forEach((layer, i) => {
      if (s.reps[i] !== null) rows.push([run.name, layer, run.labels[s.label], s.cloud, s.dim, s.stat, s.mean[i], s.low[i], s.high[i], s.reps[i], s.why[i] ?? "ok"]);
    });
    saveText("intervals.csv", "text/csv", csv(rows));
  });
  table.after(all);

  // The clearest changes set the figures.
  let last = 0;
  document.querySelectorAll(".change").forEach((button, i) => {
    const to = t.data.changes[i];
    button.addEventListener("click", () => {
      last = i;
      t.set({ stat: to.stat, dim: to.dim, run: to.run, layer: to.layer });
    });
    t.listeners.push(() => button.setAttribute("aria-pressed", String(last === i
      && to.stat === t.state.stat && to.dim === t.state.dim && to.run === t.state.run && to.layer === t.state.layer)));
  });

  // Contents: what stands on the page, by its headings.
  const list = document.querySelector(".contents ol");
  for (const heading of document.querySelectorAll("main section > h2")) {
    const section = heading.parentElement;
    if (!section.id || section.id === "answer") continue;
    list.append(t.element("li", {}, t.element("a", { href: `#${section.id}` }, heading.textContent)));
  }
  // A link to a section must not lose what is chosen, which stands in the address.
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#"]');
    const target = link && document.getElementById(link.getAttribute("href").slice(1));
    if (!target) return;
    event.preventDefault();
    target.scrollIntoView({ behavior: "smooth" });
    target.tabIndex = -1;
    target.focus({ preventScroll: true });
  });
})();
