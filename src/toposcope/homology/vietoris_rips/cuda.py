"""Distances and spanning trees on a GPU through PyTorch, with the numbers of the CPU.

The only file of `homology` that imports torch, and only when called. Products in float32 exclude
pairs, as in `spanning.py`; what they leave is computed from differences in float64. Worth its while
for H0 from 5,000 points on (docs/engine.md); the tests also run it on torch's CPU device.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from toposcope.errors import UsageError, networks
from toposcope.homology.metrics import Products, centered, products, refuse_pairs
from toposcope.homology.spanning import kruskal
from toposcope.inputs.arrays import read_cloud

# Rows and columns of a tile of products: 256 MB in float32, and about four times that in all.
_TILE = 8192
_PER_PAIR = 48  # bytes of a tile for every pair, products and what becomes of them
_LEAST = 256  # rows of a tile, however little room there is
_PAIRS = 1 << 16  # differences computed at a time
_EXACT_BELOW = 1e-5  # as in metrics.py


def spanning_tree(
    X: ArrayLike, *, device: str = "cuda", tile: int = _TILE, call: str = "spanning_tree()"
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Exact Euclidean minimum spanning tree, by Boruvka's rounds over tiles.

    In each round every point looks for its nearest point in another component, and every component
    takes the shortest of these edges. Ten rounds or so, one matrix product each.

    Parameters
    ----------
    X
        (n, d) point cloud; n up to 200,000 (the matrix is never held).
    device
        A torch device.
    tile
        Most rows and columns of the products that are held; fewer where the device has less room.
    call
        Of the caller, for messages.

    Returns
    -------
    edges (n - 1, 2), lengths (n - 1,) in increasing order, as `spanning.tiled_tree`.

    Raises
    ------
    UsageError
        When the device is not there or has no room.

    Examples
    --------
    >>> spanning_tree([[0.0], [3.0], [1.0]], device="cpu")[1]
    array([1., 2.])
    """
    cloud = read_cloud(X, call=call).astype(np.float64)
    torch = _torch(device, call)
    # Equal points would be nearest to each other a million times over.
    first, group = np.unique(cloud, axis=0, return_index=True, return_inverse=True)[1:]
    copies = np.delete(np.arange(len(cloud)), first)
    edges = np.stack([first[group.ravel()[copies]], copies], axis=1)
    lengths = np.zeros(len(copies))
    scaled = products(cloud[first])
    component = np.arange(len(first))
    with _full_float32(torch), _room(torch, device, call):
        search = _Search(torch, scaled, device, _fitting(torch, device, tile))
        while component.any():
            i, j, squares = search.nearest_outside(component)
            pairs, values = _shortest_per_component(i, j, squares, component)
            edges = np.concatenate([edges, first[pairs]])
            lengths = np.concatenate([lengths, np.ldexp(np.sqrt(values), scaled.exponent)])
            component = _joined(component, pairs)
    return kruskal(len(cloud), np.sort(edges, axis=1), lengths)


def distances(
    X: ArrayLike, *, device: str = "cuda", tile: int = _TILE, call: str = "distances()"
) -> NDArray[np.float64]:
    """(n, n) Euclidean distances in float64, with the errors of `metrics.distances`.

    Parameters
    ----------
    X
        (n, d) point cloud.
    device, tile, call
        As in `spanning_tree`; the result itself is in main memory.

    Examples
    --------
    >>> distances([[0.0, 0.0], [3.0, 4.0]], device="cpu")
    array([[0., 5.],
           [5., 0.]])
    """
    cloud = read_cloud(X, call=call).astype(np.float64)
    refuse_pairs(*cloud.shape, per_pair=16, call=call)  # the result and tiles
    torch = _torch(device, call)
    middle, exponent = centered(cloud)
    result = np.empty((len(cloud), len(cloud)))
    with _room(torch, device, call):
        _fill(result, np.ldexp(cloud, -exponent), middle, torch, device, tile)
    return np.ldexp(result, exponent, out=result) if exponent else result


def _fill(
    result: NDArray[np.float64],
    cloud: NDArray[np.float64],
    middle: NDArray[np.float64],
    torch: ModuleType,
    device: str,
    tile: int,
) -> None:
    """Distances of `cloud` into `result`; `middle` is the same cloud around its mean."""
    points = torch.from_numpy(cloud).to(device)
    small = torch.from_numpy(np.ascontiguousarray(middle)).to(device)
    norms = (small * small).sum(1)
    tiles = _tiles(len(cloud), _fitting(torch, device, tile))
    for number, rows in enumerate(tiles):
        for columns in tiles[number:]:
            both = norms[rows, None] + norms[None, columns]
            squares = both - 2 * (small[rows] @ small[columns].T)
            a, b = torch.nonzero(squares <= _EXACT_BELOW * both, as_tuple=True)
            for start in range(0, len(a), _PAIRS):
                part = slice(start, start + _PAIRS)
                step = points[a[part] + rows.start] - points[b[part] + columns.start]
                squares[a[part], b[part]] = (step * step).sum(1)
            if rows == columns:
                # Which product comes first in a sum may differ between a pair and its mirror image.
                squares = torch.maximum(squares, squares.T)
            block = squares.sqrt()
            result[rows, columns] = block.cpu().numpy()
            if rows != columns:
                result[columns, rows] = block.T.contiguous().cpu().numpy()


class _Search:
    """Nearest points in other components, with the cloud on the device."""

    def __init__(self, torch: ModuleType, scaled: Products, device: str, tile: int) -> None:
        self._torch, self._tile, self._device = torch, tile, device
        self._small = torch.from_numpy(scaled.small).to(device)
        self._points = torch.from_numpy(scaled.points).to(device)
        self._squares = torch.from_numpy(scaled.squares).to(device)
        self._norms = self._squares.sqrt()
        self._slack = scaled.slack

    def nearest_outside(
        self, component: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Pairs (i, j) among which is the nearest j of another component for every i, squares."""
        labels = self._torch.from_numpy(component).to(self._device)
        n = len(component)
        parts = [self._among(rows, labels) for rows in _tiles(n, self._tile)]
        i, j, squares = (np.concatenate([part[k] for part in parts]) for k in range(3))
        return i, j, squares

    def _among(self, rows: slice, labels: Any) -> tuple[Any, Any, Any]:
        torch = self._torch
        most = torch.full((rows.stop - rows.start,), np.inf, dtype=torch.float64)
        most = most.to(self._device)
        kept = []
        for columns in _tiles(len(labels), self._tile):
            products = (self._small[rows] @ self._small[columns].T).double()
            both = self._squares[rows, None] + self._squares[None, columns]
            squares = both - 2 * products
            error = self._slack * self._norms[rows, None] * self._norms[None, columns]
            error += 1e-12 * both
            squares.masked_fill_(labels[rows, None] == labels[None, columns], np.inf)
            most = torch.minimum(most, (squares + error).amin(1))
            low = squares - error
            a, b = torch.nonzero((low <= most[:, None]) & (low < np.inf), as_tuple=True)
            kept.append((a, b + columns.start, low[a, b]))
        a, b, low = (torch.cat([part[k] for part in kept]) for k in range(3))
        inside = low <= most[a]
        a, b = a[inside] + rows.start, b[inside]
        exact = [
            ((self._points[p] - self._points[q]) ** 2).sum(1)
            for p, q in zip(a.split(_PAIRS), b.split(_PAIRS), strict=True)
        ]
        return a.cpu().numpy(), b.cpu().numpy(), torch.cat(exact).cpu().numpy()


def _shortest_per_component(
    i: NDArray[np.int64],
    j: NDArray[np.int64],
    squares: NDArray[np.float64],
    component: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """First edge out of each component by (length, smaller point, larger point), without cycles."""
    pairs = np.sort(np.stack([i, j], axis=1), axis=1)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], squares))
    chosen = order[np.unique(component[i][order], return_index=True)[1]]
    pairs, once = np.unique(pairs[chosen], axis=0, return_index=True)
    values = squares[chosen][once]
    # In one strict order there is no cycle among components; sums on a device may round otherwise.
    joined = kruskal(len(component), component[pairs], values)[0]
    keep = {tuple(ends) for ends in joined.tolist()}
    kept = [k for k, ends in enumerate(component[pairs].tolist()) if tuple(ends) in keep]
    return pairs[kept], values[kept]


def _joined(component: NDArray[np.int64], pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ends = component[pairs]
    size = int(component.max()) + 1
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(size, size))
    labels: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return labels[component]


def _tiles(n: int, tile: int) -> list[slice]:
    return [slice(start, min(start + tile, n)) for start in range(0, n, tile)]


def _torch(device: str, call: str) -> ModuleType:
    with networks(f"{call} with device={device!r}"):
        import torch

    try:
        torch.device(device)
    except RuntimeError as error:
        msg = f"{call}: device {device!r} is none that torch knows. Pass device='cpu' or 'cuda'."
        raise UsageError(msg) from error
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        msg = (
            f"{call}: device {device!r} was asked for, but torch sees no GPU "
            "(torch.cuda.is_available() is False). Pass device='cpu', or leave it out."
        )
        raise UsageError(msg)
    module: ModuleType = torch
    return module


def _fitting(torch: ModuleType, device: str, tile: int) -> int:
    """Rows of a square tile that half of the device's free memory holds, at most `tile`."""
    if torch.device(device).type != "cuda":
        return tile
    free = torch.cuda.mem_get_info(torch.device(device))[0]
    return max(_LEAST, min(tile, int((free / 2 / _PER_PAIR) ** 0.5)))


@contextmanager
def _room(torch: ModuleType, device: str, call: str) -> Iterator[None]:
    """Memory that the device does not have is an error that says so."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        msg = (
            f"{call}: device {device!r} has too little free memory for this cloud "
            f"({str(error).splitlines()[0]}). Pass device='cpu', fewer points, or free the device."
        )
        raise UsageError(msg) from error


@contextmanager
def _full_float32(torch: ModuleType) -> Iterator[None]:
    """Products with all 24 bits: the bounds do not hold for TF32."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
