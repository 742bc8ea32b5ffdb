"""Cubical homology by boundary matrices over Z/2, as in a textbook: slow, and nothing shared."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np


def cell_values(volume: np.ndarray, construction: str) -> np.ndarray:
    """Filtration value of every cell; cell p has as many odd coordinates as dimensions."""
    shape = np.array(volume.shape)
    size = 2 * shape - 1 if construction == "V" else 2 * shape + 1
    values = np.empty(size)
    for cell in product(*map(range, size)):
        if construction == "V":  # its corners
            around = [(c // 2, (c + 1) // 2) for c in cell]
            values[cell] = max(volume[v] for v in product(*around))
        else:  # the voxels it is a face of
            around = [(c // 2,) if c % 2 else (c // 2 - 1, c // 2) for c in cell]
            inside = [
                v
                for v in product(*around)
                if all(0 <= a < n for a, n in zip(v, shape, strict=True))
            ]
            values[cell] = min(volume[v] for v in inside)
    return values


def dimension(cell: tuple[int, ...]) -> int:
    return sum(c % 2 for c in cell)


def faces(cell: tuple[int, ...]) -> list[tuple[int, ...]]:
    odd = [k for k, c in enumerate(cell) if c % 2]
    return [(*cell[:k], cell[k] + step, *cell[k + 1 :]) for k in odd for step in (-1, 1)]


def rank_mod_2(matrix: np.ndarray) -> int:
    rows = matrix.astype(bool).copy()
    rank = 0
    for column in range(rows.shape[1]):
        pivots = np.flatnonzero(rows[rank:, column]) + rank
        if len(pivots) == 0:
            continue
        rows[[rank, pivots[0]]] = rows[[pivots[0], rank]]
        others = np.flatnonzero(rows[:, column])
        rows[others[others != rank]] ^= rows[rank]
        rank += 1
        if rank == len(rows):
            break
    return rank


def betti_by_ranks(volume: np.ndarray, threshold: float, construction: str) -> list[int]:
    """dim C_k - rank d_k - rank d_(k + 1) of the cells at most the threshold."""
    values = cell_values(volume, construction)
    cells = [c for c in product(*map(range, values.shape)) if values[c] <= threshold]
    by_degree = [[c for c in cells if dimension(c) == k] for k in range(volume.ndim + 1)]
    ranks = [0]
    for low, high in pairwise(by_degree):
        number = {c: i for i, c in enumerate(low)}
        matrix = np.zeros((len(high), len(low)), bool)
        for j, cell in enumerate(high):
            matrix[j, [number[f] for f in faces(cell)]] = True
        ranks.append(rank_mod_2(matrix) if matrix.size else 0)
    ranks.append(0)
    return [len(by_degree[k]) - ranks[k] - ranks[k + 1] for k in range(volume.ndim)]


def diagrams_by_reduction(volume: np.ndarray, construction: str) -> list[np.ndarray]:
    """Pairs of positive length by the standard column algorithm; +inf never enters."""
    values = cell_values(volume, construction)
    cells = [c for c in product(*map(range, values.shape)) if values[c] < np.inf]
    cells.sort(key=lambda c: (values[c], dimension(c), c))
    number = {c: i for i, c in enumerate(cells)}
    columns: dict[int, set[int]] = {}
    paired = set()
    found: list[list[tuple[float, float]]] = [[] for _ in range(volume.ndim + 1)]
    for j, cell in enumerate(cells):
        column = {number[f] for f in faces(cell)}
        while column and max(column) in columns:
            column ^= columns[max(column)]
        if column:
            low = max(column)
            columns[low] = column
            paired |= {low, j}
            found[dimension(cells[low])].append((values[cells[low]], values[cell]))
    for i, cell in enumerate(cells):
        if i not in paired:
            found[dimension(cell)].append((values[cell], np.inf))
    kept = [sorted(p for p in pairs if p[0] < p[1]) for pairs in found[:-1]]
    return [np.array(pairs, dtype=float).reshape(-1, 2) for pairs in kept]
