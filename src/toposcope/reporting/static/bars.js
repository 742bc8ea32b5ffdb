// Which points of a cloud belong to a bar, and which bars to points that were chosen.
"use strict";
(() => {
  const t = toposcope;

  // Pairs of a diagram come longest first; loops and edges of the tree too: the rank joins them.
  t.barPoints = function (dim, rank) {
    const layer = t.cloudLayer();
    if (!layer || t.state.replicate !== 0) return null;
    if (dim === 1) {
      const loop = layer.loops[rank];
      return loop ? { points: new Set(loop[2]), path: loop[2], closed: true } : null;
    }
    if (dim !== 0 || !layer.tree) return null;
    const edges = t.unpack(layer.tree);
    if (2 * rank + 1 >= edges.length) return null;
    const side = Array.from({ length: layer.points }, (_, i) => i);
    const find = (i) => { while (side[i] !== i) { side[i] = side[side[i]]; i = side[i]; } return i; };
    for (let e = edges.length / 2 - 1; e > rank; e -= 1) side[find(edges[2 * e])] = find(edges[2 * e + 1]);
    const [a, b] = [edges[2 * rank], edges[2 * rank + 1]].map(find);
    const parts = [[], []];
    for (let i = 0; i < layer.points; i += 1) {
      const r = find(i);
      if (r === a) parts[0].push(i); else if (r === b) parts[1].push(i);
    }
    parts.sort((x, y) => x.length - y.length);
    return { points: new Set(parts[0]), other: new Set(parts[1]), path: [edges[2 * rank], edges[2 * rank + 1]], closed: false };
  };
  // Which bars have one of some samples on their loop, or at an end of the edge that closes them.
  t.barsOf = function (dim, chosen) {
    const layer = t.cloudLayer(), out = new Set();
    if (!layer || !chosen?.size) return out;
    if (dim === 1) layer.loops.forEach((loop, i) => { if (loop[2].some((p) => chosen.has(p))) out.add(i); });
    if (dim === 0 && layer.tree) {
      const edges = t.unpack(layer.tree);
      for (let e = 0; e < edges.length / 2; e += 1) if (chosen.has(edges[2 * e]) || chosen.has(edges[2 * e + 1])) out.add(e);
    }
    return out;
  };
})();
