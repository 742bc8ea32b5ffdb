// Figure 1: every layer's cloud in the plane, moved through depth and through training.
"use strict";
(() => {
  const t = toposcope;
  const figure = document.getElementById("figure-cloud");
  if (!figure) return;
  const stage = figure.querySelector(".stage"), canvas = stage.querySelector("canvas");
  const tip = stage.querySelector(".tip"), key = figure.querySelector(".key"), strip = figure.querySelector(".strip-loop");
  const depth = figure.querySelector("input.depth"), play = figure.querySelector("button.play");
  const training = figure.querySelector(".training"), steps = training.querySelector("input");
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
  const KEYS = 12;
  let at = null, step = null, playing = null, pointed = null, drag = null, drawn = null;

  t.runPicker(figure.querySelector(".controls"));
  t.labelPicker(figure.querySelector(".controls"));

  const HUES = [
    ["#1d6fd1", "#6cb4ff"], ["#d9480f", "#ff9152"], ["#15803d", "#4ade80"], ["#9333ea", "#c79bff"],
    ["#a16207", "#facc15"], ["#0e8aa5", "#67e8f9"], ["#be123c", "#fb7185"], ["#55801a", "#bef264"],
    ["#db2777", "#f9a8d4"], ["#475569", "#cbd5e1"],
  ];
  const isDark = () => t.css("--paper") !== "#ffffff";
  const hue = (c) => HUES[c % HUES.length][isDark() ? 1 : 0];

  const run = () => t.data.runs[t.state.run];
  // Checkpoints of one training over the same samples, by step.
  function checkpoints() {
    const own = run();
    if (own.step === null) return [];
    const same = t.data.runs.map((one, i) => [one, i]).filter(([one]) => one.model === own.model && one.step !== null
      && t.cloud(one) && t.cloud(one).samples === t.cloud(own)?.samples && one.layers.join() === own.layers.join());
    return same.sort((a, b) => a[0].step - b[0].step).map(([, i]) => i);
  }

  const kept = new Map();
  function coordinates(one, layer) {
    const cloud = t.cloud(one), entry = cloud?.layers[layer];
    if (!entry?.xy) return null;
    if (!kept.has(entry)) {
      kept.set(entry, Float32Array.from(t.unpack(entry.xy), (v) => (2 * v / 65535 - 1) * cloud.half));
    }
    return kept.get(entry);
  }

  const blend = (a, b, share) => (!a ? b : !b || !share ? a : a.map((v, i) => v + share * (b[i] - v)));
  const soft = (x) => x * x * (3 - 2 * x);

  // The cloud between two layers, and between two checkpoints.
  function between() {
    const own = run(), layers = own.layers;
    const i = Math.min(Math.floor(at), layers.length - 1), j = Math.min(i + 1, layers.length - 1);
    const inRun = (one) => blend(coordinates(one, layers[i]), coordinates(one, layers[j]), soft(at - i));
    const series = checkpoints();
    if (series.length < 2 || step === null) return inRun(own);
    const a = Math.min(Math.floor(step), series.length - 1), b = Math.min(a + 1, series.length - 1);
    return blend(inRun(t.data.runs[series[a]]), inRun(t.data.runs[series[b]]), soft(step - a));
  }

  function lit() {
    if (t.state.bar) return t.barPoints(t.state.bar.dim, t.state.bar.rank);
    return t.state.brushed?.size ? { points: t.state.brushed } : null;
  }

  // The same cloud stands beside the diagram of a layer, so that a bar and its points are seen together.
  const beside = document.querySelector("#figure-layer .beside");
  function paint() {
    const cloud = t.cloud(), xy = cloud && between();
    drawn = view(stage, cloud, xy);
    if (beside) view(beside, cloud, xy);
  }

  function view(stage, cloud, xy) {
    const canvas = stage.querySelector("canvas");
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const width = stage.clientWidth, height = stage.clientHeight;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const pen = canvas.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    if (!xy || !width) return null;
    const entry = t.samples(cloud), n = xy.length / 2;
    const scale = Math.min(width, height) / 2 / cloud.half * 0.97;
    const x = (i) => width / 2 + scale * xy[2 * i], y = (i) => height / 2 - scale * xy[2 * i + 1];
    const size = (n <= 300 ? 4.4 : n <= 800 ? 3.6 : 2.8) * (width < 420 ? 0.85 : 1);
    const light = lit(), cls = t.state.cls;
    const full = (i) => (light ? light.points.has(i) : cls === null || !entry.classes || entry.classes[i] === cls);
    const dot = (i, r) => { pen.moveTo(x(i) + r, y(i)); pen.arc(x(i), y(i), r, 0, 2 * Math.PI); };
    const groups = new Map();
    for (let i = 0; i < n; i += 1) {
      const c = entry.classes ? entry.classes[i] : 0;
      const own = `${full(i) ? 2 : light?.other?.has(i) ? 1 : 0} ${c}`;
      if (!groups.has(own)) groups.set(own, []);
      groups.get(own).push(i);
    }
    for (const [group, members] of [...groups].sort((a, b) => a[0][0] - b[0][0])) {
      const [level, c] = group.split(" ").map(Number);
      pen.globalAlpha = level === 2 ? 0.88 : level === 1 ? 0.45 : 0.13;
      pen.fillStyle = hue(entry.classes ? c : 0);
      pen.beginPath();
      for (const i of members) dot(i, level === 2 && light ? size * 1.35 : size);
      pen.fill();
    }
    pen.globalAlpha = 1;
    if (light?.path && light.path.every((i) => i < n)) {
      pen.strokeStyle = t.css("--ink");
      pen.lineWidth = 1.6;
      pen.beginPath();
      light.path.forEach((i, k) => (k ? pen.lineTo(x(i), y(i)) : pen.moveTo(x(i), y(i))));
      if (light.closed) pen.closePath();
      pen.stroke();
    }
    if (light) {
      pen.strokeStyle = t.css("--ink");
      pen.lineWidth = 1.2;
      pen.beginPath();
      for (const i of light.points) if (i < n) dot(i, size * 1.35 + 1);
      pen.stroke();
    }
    if (pointed !== null && pointed < n) {
      pen.strokeStyle = t.css("--ink");
      pen.lineWidth = 2;
      pen.beginPath();
      dot(pointed, size + 3);
      pen.stroke();
    }
    if (drag?.box && stage.id === "stage") {
      pen.strokeStyle = t.css("--accent");
      pen.fillStyle = t.fade(t.css("--accent"), 0.12);
      pen.lineWidth = 1;
      const [a, b, c, d] = drag.box;
      pen.fillRect(a, b, c - a, d - b);
      pen.strokeRect(a, b, c - a, d - b);
    }
    return { x, y, n, entry };
  }

  function point(px, py) {
    if (!drawn) return null;
    let best = null, nearest = 14 * 14;
    for (let i = 0; i < drawn.n; i += 1) {
      const far = (drawn.x(i) - px) ** 2 + (drawn.y(i) - py) ** 2;
      if (far < nearest) { nearest = far; best = i; }
    }
    return best;
  }

  function showTip(i) {
    pointed = i;
    tip.hidden = i === null;
    if (i !== null) {
      const { entry } = drawn, picture = t.cut(entry, i), text = entry.texts?.[i];
      tip.replaceChildren(...[picture, t.element("b", {}, t.short(t.sampleName(entry, i), 40)),
        entry.kind === "samples" ? t.element("span", {}, `row ${entry.rows[i]}`) : null,
        text ? t.element("p", {}, text) : null].filter(Boolean));
      const right = drawn.x(i) > stage.clientWidth / 2;
      tip.style.left = right ? "" : `${drawn.x(i) + 14}px`;
      tip.style.right = right ? `${stage.clientWidth - drawn.x(i) + 14}px` : "";
      tip.style.top = `${Math.max(0, Math.min(drawn.y(i) - 30, stage.clientHeight - 110))}px`;
    }
    paint();
  }

  const where = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  canvas.addEventListener("pointermove", (event) => {
    const [px, py] = where(event);
    if (drag) {
      drag.box = [drag.from[0], drag.from[1], px, py];
      tip.hidden = true;
      paint();
      return;
    }
    const found = point(px, py);
    if (found !== pointed) showTip(found);
  });
  canvas.addEventListener("pointerleave", () => { if (pointed !== null) showTip(null); });
  canvas.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "touch") { showTip(point(...where(event))); return; }
    drag = { from: where(event), box: null };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointerup", () => {
    if (!drag) return;
    const box = drag.box;
    drag = null;
    const wide = box && Math.abs(box[2] - box[0]) + Math.abs(box[3] - box[1]) > 8;
    if (!wide && !t.state.brushed && !t.state.bar) { paint(); return; }
    const chosen = new Set();
    if (wide && drawn) {
      const [a, c] = [box[0], box[2]].sort((p, q) => p - q), [b, d] = [box[1], box[3]].sort((p, q) => p - q);
      for (let i = 0; i < drawn.n; i += 1) {
        if (drawn.x(i) >= a && drawn.x(i) <= c && drawn.y(i) >= b && drawn.y(i) <= d) chosen.add(i);
      }
    }
    t.set({ brushed: chosen.size ? chosen : null, bar: null });
  });
  canvas.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (by) { event.preventDefault(); go(Math.round(at) + by); }
    if (event.key === "Escape") t.set({ brushed: null, bar: null });
  });

  // Moves to a layer; while it moves only the cloud is painted, all figures follow at the end.
  function go(to) {
    const layers = run().layers, end = Math.max(0, Math.min(to, layers.length - 1));
    const from = at, begun = performance.now(), long = calm.matches ? 0 : 420;
    const frame = (now) => {
      const share = long ? Math.min(1, (now - begun) / long) : 1;
      at = from + (end - from) * share;
      depth.value = at;
      if (share < 1) { paint(); requestAnimationFrame(frame); return; }
      at = end;
      t.set({ layer: layers[end] });
    };
    requestAnimationFrame(frame);
  }

  function stop() {
    cancelAnimationFrame(playing);
    playing = null;
    play.textContent = "▶";
    play.setAttribute("aria-label", "Play through the layers");
  }
  play.addEventListener("click", () => {
    if (playing !== null) { stop(); t.set({ layer: run().layers[Math.round(at)] }); return; }
    const end = run().layers.length - 1;
    if (at >= end) at = 0;
    play.textContent = "❚❚";
    play.setAttribute("aria-label", "Pause");
    let last = performance.now();
    const frame = (now) => {
      at = Math.min(end, at + (now - last) / (end > 14 ? 450 : 900));
      last = now;
      depth.value = at;
      const layer = run().layers[Math.round(at)];
      if (layer !== t.state.layer) { moving = true; t.set({ layer }); moving = false; }
      paint();
      said();
      if (at >= end) { stop(); return; }
      playing = requestAnimationFrame(frame);
    };
    playing = requestAnimationFrame(frame);
  });
  let moving = false;
  depth.addEventListener("input", () => {
    at = Number(depth.value);
    const layer = run().layers[Math.round(at)];
    moving = true;
    if (layer !== t.state.layer) t.set({ layer }); else { paint(); said(); }
    moving = false;
  });
  depth.addEventListener("change", () => { if (playing === null) go(Math.round(at)); });
  steps.addEventListener("input", () => {
    step = Number(steps.value);
    const nearest = checkpoints()[Math.round(step)];
    moving = true;
    if (nearest !== t.state.run) t.set({ run: nearest }); else paint();
    moving = false;
  });
  steps.addEventListener("change", () => { step = Math.round(step); steps.value = step; paint(); });

  function said() {
    const layer = t.cloudLayer();
    const out = figure.querySelector(".readout");
    const place = `${run().layers.indexOf(t.state.layer) + 1} of ${run().layers.length}`;
    out.replaceChildren(t.element("b", {}, t.short(t.state.layer, 40)), ` (${place})`);
    if (layer?.xy) {
      const held = Math.round(100 * (layer.share[0] + layer.share[1]));
      const kept = layer.agreement === null ? "" : `, distances keep their order to ${layer.agreement.toFixed(2)}`;
      out.append(` · this view holds ${held} % of the variance${kept}`);
    } else out.append(` · no picture${layer?.why ? `: ${t.short(layer.why, 120)}` : ""}`);
    depth.setAttribute("aria-valuetext", t.state.layer);
  }

  function keys() {
    const cloud = t.cloud(), entry = cloud && t.samples(cloud);
    if (!entry?.classes || entry.names.length < 2) { key.replaceChildren(); return; }
    if (entry.names.length > KEYS) {
      const select = t.element("select", { "aria-label": "Class shown" }, t.element("option", { value: "" }, "every class"),
        ...entry.names.slice(0, 500).map((name, c) => t.element("option", { value: c }, t.short(name, 40))));
      select.value = t.state.cls ?? "";
      select.addEventListener("change", () => t.set({ cls: select.value === "" ? null : Number(select.value) }));
      key.replaceChildren(select);
      return;
    }
    key.replaceChildren(...entry.names.map((name, c) => {
      const chip = t.element("button", { type: "button", "aria-pressed": String(t.state.cls === c) },
        t.element("i", { class: "dot" }), t.short(name, 18));
      chip.firstChild.style.background = hue(c);
      chip.addEventListener("click", () => t.set({ cls: t.state.cls === c ? null : c, bar: null, brushed: null }));
      return chip;
    }));
  }

  // The samples around the longest loop: what a class of H1 is made of.
  function loop() {
    const layer = t.cloudLayer(), cloud = t.cloud(), rank = t.state.bar?.dim === 1 ? t.state.bar.rank : 0;
    const one = layer?.loops[rank];
    if (!one) { strip.replaceChildren(); return; }
    const entry = t.samples(cloud), on = t.state.bar?.dim === 1;
    const show = t.element("button", { type: "button", "aria-pressed": String(on) },
      rank ? `loop ${rank + 1} in length` : "longest loop");
    show.addEventListener("click", () => t.set({ bar: on ? null : { dim: 1, rank: 0 }, brushed: null }));
    const cells = one[2].slice(0, 16).map((i) => t.cut(entry, i)
      ?? t.element("span", { class: "word" }, t.short(t.sampleName(entry, i), 9)));
    cells.forEach((cell, k) => { cell.title = t.sampleName(entry, one[2][k]); });
    strip.replaceChildren(show, ...cells, one[2].length > 16 ? `and ${one[2].length - 16} more` : "");
  }

  function note() {
    const light = lit(), out = figure.querySelector(".chosen");
    const brushed = t.state.brushed;
    const text = t.state.bar && light
      ? (t.state.bar.dim === 1 ? `H1 bar ${t.state.bar.rank + 1}: the ${light.points.size} points on its loop`
        : `H0 bar ${t.state.bar.rank + 1}: ${light.points.size} point${light.points.size > 1 ? "s" : ""} join the other ${light.other.size}`)
      : t.state.bar ? "Of this bar no points are known: they are looked up for the longest ones, in the first draw."
        : brushed ? `${brushed.size} points chosen: ${t.dims().filter((d) => d < 2).map((d) => `${t.barsOf(d, brushed).size} bars of H${d}`).join(", ")} touch them`
          : "";
    out.replaceChildren(text);
    if (brushed || t.state.bar) {
      const clear = t.element("button", { type: "button" }, "clear");
      clear.addEventListener("click", () => t.set({ brushed: null, bar: null }));
      out.append(" ", clear);
    }
  }

  t.onChange(figure, () => {
    const layers = run().layers, index = layers.indexOf(t.state.layer), series = checkpoints();
    depth.max = layers.length - 1;
    if (!moving && playing === null) { at = index; depth.value = at; }
    if (at === null || at > layers.length - 1) at = index;
    play.parentElement.hidden = layers.length < 2;  // nothing to move through
    training.hidden = series.length < 2;
    steps.max = Math.max(series.length - 1, 0);
    if (!moving) { step = series.indexOf(t.state.run); steps.value = step; }
    training.querySelector("output").textContent = run().step === null ? "" : `${run().stepUnit} ${t.number(run().step)}`;
    const cloud = t.cloud();
    stage.classList.toggle("empty", !cloud?.shown);
    canvas.setAttribute("aria-label", `${t.state.layer} of ${run().name}: ${cloud?.shown ?? 0} points in the plane of the two `
      + "widest directions. Arrow keys move through the layers, Escape clears what is chosen.");
    t.say(figure, ".shown", cloud?.shown ? `${t.number(cloud.shown)} ${cloud.shown < run().points ? `of ${t.number(run().points)} ` : ""}points of the first draw` : "");
    keys();
    said();
    note();
    loop();
    paint();
  });
  new ResizeObserver(() => paint()).observe(stage);
  // While a bar is pointed at, only what belongs to it is drawn again.
  t.pointed.push(() => { note(); loop(); paint(); });
  t.cloudNow = () => drawn && {
    rows: Array.from({ length: drawn.n }, (_, i) => [drawn.entry.rows[i] ?? i, t.sampleName(drawn.entry, i),
      drawn.x(i), drawn.y(i), hue(drawn.entry.classes ? drawn.entry.classes[i] : 0)]),
    width: stage.clientWidth, height: stage.clientHeight,
  };
})();
