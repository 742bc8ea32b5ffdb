// Figure 5: the samples on the longest loops of a layer, as pictures on a ring, texts as a list.
"use strict";
(() => {
  const t = toposcope;
  const figure = document.getElementById("figure-loops");
  if (!figure) return;
  const controls = figure.querySelector(".controls");
  const SHOWN = 3, RING = 24, svg = t.svg;
  t.runPicker(controls);
  t.layerPicker(controls);
  t.labelPicker(controls);

  function ring(loop) {
    const count = loop.rows.length, size = 320, middle = size / 2;
    const radius = 128, side = Math.min(46, 2 * radius * Math.sin(Math.PI / Math.max(count, 3)) * 0.74);
    const place = (i) => {
      const angle = (2 * Math.PI * i) / count - Math.PI / 2;
      return [middle + radius * Math.cos(angle), middle + radius * Math.sin(angle)];
    };
    // Names stand inside the ring, where no picture covers them.
    const inside = (i, box, name) => {
      const [x, y] = place(i);
      const across = (middle - x) / radius, down = (middle - y) / radius;
      const reach = (box / 2 + 8) / Math.max(Math.abs(across), Math.abs(down));
      return { x: x + across * reach + across * 3 * name.length, y: y + down * reach + 4 };
    };
    const out = svg("svg", {
      viewBox: `0 0 ${size} ${size}`, role: "img", "aria-label": `Loop of samples: ${loop.classes.join(", ")}`,
    });
    out.append(svg("polygon", { class: "path", points: loop.rows.map((_, i) => place(i).join(",")).join(" ") }));
    loop.rows.forEach((row, i) => {
      const [x, y] = place(i);
      const box = { x: x - side / 2, y: y - side / 2, width: side, height: side };
      const name = t.short(loop.classes[i], count > 12 ? 7 : 11);
      const tip = svg("title", {}, `${loop.classes[i]}, row ${row}`);
      out.append(
        svg("image", { ...box, href: loop.pictures[i].toDataURL(), preserveAspectRatio: "xMidYMid meet" }, tip),
        svg("rect", { class: "frame", ...box }),
        svg("text", inside(i, side, name), name),
      );
    });
    return out;
  }

  const sequence = (loop) => t.element("p", { class: "sequence" },
    loop.classes.map((name) => t.short(name, 40)).join(" → ") + " → back to the first");

  const texts = (loop) => t.element("ol", { class: "texts" },
    ...loop.texts.map((text, i) => t.element("li", {},
      t.element("b", {}, t.short(loop.classes[i], 24)), ` ${text}`)),
    t.element("li", { class: "again" }, "and back to the first"));

  t.onChange(figure, () => {
    const run = t.data.runs[t.state.run];
    const cloud = t.cloud(), entry = cloud && t.samples(cloud);
    const loops = (t.cloudLayer()?.loops ?? []).slice(0, SHOWN).map(([birth, death, points]) => {
      const every = Math.ceil(points.length / RING), rows = points.filter((_, i) => i % every === 0);
      const pictures = rows.map((i) => t.cut(entry, i));
      return {
        birth, death, size: points.length, every, rows: rows.map((i) => entry.rows[i] ?? i),
        classes: rows.map((i) => t.sampleName(entry, i)),
        pictures: pictures.every(Boolean) ? pictures : null,
        texts: entry.texts ? rows.map((i) => entry.texts[i]) : null,
      };
    });
    figure.querySelector(".rings").replaceChildren(...loops.map((loop, i) => {
      const every = loop.every > 1 ? `, every ${loop.every === 2 ? "second" : `${loop.every}th`} shown` : "";
      return t.element("div", { class: "ring" }, t.element("h4", {}, `Loop ${i + 1}`, t.element("span", {},
        `born at ${t.number(loop.birth, 3)}, fills in at ${t.number(loop.death, 3)}; ${loop.size} samples${every}`)),
      loop.pictures ? ring(loop) : loop.texts ? texts(loop) : sequence(loop));
    }));
    t.say(figure, ".plot-title", t.element("b", {}, `${t.data.runs.length > 1 ? `${run.name}, ` : ""}${t.state.layer}`),
      loops.length ? `, the ${loops.length} longest H1 loop${loops.length > 1 ? "s" : ""} of ${t.number(run.points)} points, filtration values ${run.unit}.`
        : " has no loops.");
    const unseen = entry?.left_out;
    t.say(figure, ".missing", unseen ? "Pictures are left out to keep this file small." : "");
  });
})();
