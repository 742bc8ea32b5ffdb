// The intervals as a table that sorts by any column.
"use strict";
(() => {
  const t = toposcope;
  const section = document.getElementById("numbers");
  const table = section.querySelector("table");
  const controls = section.querySelector(".controls");
  let sort = { column: "order", down: false };

  t.statisticPickers(controls);

  function rows() {
    const out = [];
    t.data.runs.forEach((run) => {
      const found = run.series.filter((s) => s.stat === t.state.stat && s.dim === t.state.dim);
      run.layers.forEach((layer, i) => found.forEach((s) => {
        if (s.reps[i] === null) return;
        out.push({
          order: out.length, run: run.name, layer, label: t.labelText(run.labels[s.label]), cloud: s.cloud,
          mean: s.mean[i], low: s.low[i], high: s.high[i], reps: s.reps[i], n: run.n, cube: s.cube?.[i] ?? "", status: s.why[i] ?? "ok",
        });
      }));
    });
    return out;
  }

  const hasCubes = () => t.data.runs.some((run) => run.series.some(
    (s) => s.cube && s.stat === t.state.stat && s.dim === t.state.dim));

  function columns() {
    return [
      ...(t.data.runs.length > 1 ? [["run", "Run", false]] : []), ["order", "Layer, in network order", false],
      ...(t.labels().length > 1 ? [["label", "Class", false]] : []), ["cloud", "Cloud", false],
      ["mean", "Mean", true], ["low", "Low", true], ["high", "High", true],
      ...(hasCubes() ? [["cube", "Reads as a cube of", false]] : []), ["reps", "Replicates", true],
      ["n", "n", true], ["status", "Status", false],
    ];
  }

  // Values that do not exist go last in either direction.
  function compare(a, b) {
    const x = a[sort.column], y = b[sort.column];
    if (x === null || y === null) return (x === null) - (y === null);
    const sign = sort.down ? -1 : 1;
    return sign * (typeof x === "number" ? x - y : String(x).localeCompare(String(y))) || a.order - b.order;
  }

  function head([key, title, numeric]) {
    const button = t.element("button", { type: "button" }, title);
    button.addEventListener("click", () => {
      sort = { column: key, down: sort.column === key ? !sort.down : false };
      render();
      table.querySelector(`th[data-key="${key}"] button`).focus();
    });
    const cell = t.element("th", { scope: "col", "data-key": key, ...(numeric ? { class: "num" } : {}) }, button);
    if (sort.column === key) cell.setAttribute("aria-sort", sort.down ? "descending" : "ascending");
    return cell;
  }

  // Measured values keep their trailing zeros, so that a column reads as one precision.
  const measured = new Set(["mean", "low", "high"]);
  function cell(key, value) {
    const plain = t.number(value);
    const whole = value === null || !measured.has(key) || Math.abs(value) >= 1000 || plain.includes("e");
    return whole ? plain : value.toPrecision(4);
  }

  function render() {
    const shown = columns();
    table.tHead.replaceChildren(t.element("tr", {}, ...shown.map(head)));
    table.tBodies[0].replaceChildren(...rows().sort(compare).map((row) => t.element("tr", {},
      ...shown.map(([key, , numeric]) => t.element("td", numeric ? { class: "num" } : {},
        numeric ? cell(key, row[key]) : String(key === "order" ? row.layer : row[key]))))));
    if (t.state.stat === null) return;
    const dim = t.state.dim === null ? "" : `H${t.state.dim} `;
    const levels = [...new Set(t.data.runs.map((run) => `${100 * run.level} %`))].join(", ");
    t.say(section, ".caption", `${dim}${t.data.statistics[t.state.stat].title}: mean over replicates and ends of its ${levels} t-interval.`);
  }

  t.listeners.push(render);
})();
