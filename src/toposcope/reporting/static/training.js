// Figure 1b: the statistic of Figure 1 over training, one line and band per layer.
"use strict";
(() => {
  const t = toposcope;
  const figure = document.getElementById("figure-training");
  if (!figure) return;
  const stepped = t.data.runs.filter((run) => run.step !== null);
  const models = [...new Set(stepped.map((run) => run.model))]
    .map((model) => stepped.filter((run) => run.model === model).sort((a, b) => a.step - b.step))
    .filter((runs) => runs.length > 2);

  const series = (run) => run.series.find(
    (s) => s.stat === t.state.stat && s.dim === t.state.dim && s.cloud === "data"
      && run.labels[s.label] === t.state.label,
  );

  // Position of a layer in every run: a layer that one of them lacks is a gap there.
  function values(runs, layer, key) {
    return runs.map((run) => {
      const one = series(run), i = run.layers.indexOf(layer);
      return one && i >= 0 ? one[key][i] : null;
    });
  }

  // Early checkpoints are often close together: where the gaps differ much, all are drawn alike.
  function xAxis(runs) {
    const steps = runs.map((run) => run.step);
    const gaps = steps.slice(1).map((step, i) => step - steps[i]);
    if (Math.max(...gaps) <= 5 * Math.min(...gaps)) return { x: steps, axis: t.axis(runs[0].stepUnit) };
    const every = Math.ceil(steps.length / (t.narrow() ? 6 : 14));
    const shown = steps.map((_, i) => i).filter((i) => i % every === 0);
    return {
      x: steps.map((_, i) => i),
      axis: t.axis(`${runs[0].stepUnit}, checkpoints at equal distances`, {
        tickvals: shown, ticktext: shown.map((i) => t.number(steps[i])),
      }),
    };
  }

  function layerTraces(runs, layer, place, x) {
    const last = runs[runs.length - 1];
    const color = t.shade(t.color(last), place);
    const [mean, low, high] = ["mean", "low", "high"].map((key) => values(runs, layer, key));
    const difference = (a, b) => (a === null || b === null ? 0 : a - b);
    return {
      x, y: mean, name: layer, type: "scatter", mode: "lines+markers", connectgaps: false,
      line: { color, width: layer === t.state.layer ? 4 : 2 }, marker: { color, size: 6, symbol: last.style.marker },
      error_y: {
        type: "data", symmetric: false, color, thickness: 1, width: 2,
        array: mean.map((m, i) => difference(high[i], m)),
        arrayminus: mean.map((m, i) => difference(m, low[i])),
      },
      text: runs.map((run, i) => `<b>${t.esc(t.short(layer, 50))}</b><br>${t.esc(t.short(run.name, 40))}<br>`
        + `${t.number(mean[i])} [${t.number(low[i])}, ${t.number(high[i])}]`),
      hoverinfo: "text",
    };
  }

  t.onChange(figure, () => {
    if (t.state.stat === null) { t.panels(figure, []); return; }
    const statistic = t.data.statistics[t.state.stat].title;
    const lower = statistic.replace(/^[A-Z](?=[a-z])/, (c) => c.toLowerCase());
    const title = t.state.dim === null ? statistic : `H${t.state.dim} ${lower}`;
    t.say(figure, ".plot-title", t.element("b", {}, title), " over training, as chosen in Figure 1.");
    const plots = t.panels(figure, models.map((runs) => [models.length > 1 ? runs[0].modelName : "", ""]));
    models.forEach((runs, i) => {
      const layers = runs[runs.length - 1].layers;
      const place = (k) => (layers.length > 1 ? k / (layers.length - 1) : 1);
      const { x, axis } = xAxis(runs);
      t.draw(plots[i], layers.map((layer, k) => layerTraces(runs, layer, place(k), x)), {
        height: t.narrow() ? 300 : 370, margin: { l: 56, r: 12, t: 12, b: 48 },
        xaxis: axis, yaxis: t.axis(title),
      });
      t.onLayer(plots[i], (point) => point.data.name);
    });
  });
})();
