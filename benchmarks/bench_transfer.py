"""Transfer scores against their published formulas as public code computes them, CPU seconds.

python -m benchmarks.bench_transfer [n] [D] [scores, separated by commas]

The public repositories are no packages; what stands here is their arithmetic, step by step, in our
words: thuml/LogME (default path, and the ICML path), tllib.ranking (H-score, TransRate),
TencentARC/SFDA (SFDA, GBC), dbolya/parc (PARC, kNN). Values that differ differ for the reasons in
the docstrings of `toposcope.transfer`.
"""

from __future__ import annotations

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = "1"

import sys
import time
from collections.abc import Callable

import numpy as np
from scipy.stats import spearmanr
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA

from toposcope import transfer

CLASSES, SOURCE = 10, 1000


def cpu(function: Callable[[], float]) -> tuple[float, float]:
    began = time.process_time()
    value = function()
    return time.process_time() - began, value


def activations(n: int, d: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rectified features with classes in them, as float32, and a softmax of a source head."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, CLASSES, n)
    F = rng.normal(size=(n, d)) * np.geomspace(1, 0.05, d)
    F += 0.08 * rng.normal(size=(CLASSES, d))[y] * np.geomspace(1, 0.05, d)
    logits = F[:, :64] @ rng.normal(size=(64, SOURCE)) / 4
    P = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.maximum(F, 0).astype(np.float32), P / P.sum(axis=1, keepdims=True), y


def logme_default(F: np.ndarray, y: np.ndarray) -> float:
    """thuml/LogME, default: eigenvectors of F'F by an SVD, a fixed point per class."""
    F = F.astype(np.float64)
    n, d = F.shape
    if n > d:
        _, s, vh = np.linalg.svd(F.T @ F)
        s = np.sqrt(s)
        k = int((s > 1e-10).sum())
        u, s = (F @ vh.T)[:, :k] / s[:k], s[:k]
    else:
        u, s, _ = np.linalg.svd(F, full_matrices=False)
    sigma = s**2
    found = []
    for c in range(CLASSES):
        target = (y == c).astype(np.float64)
        x2 = (u.T @ target) ** 2
        rest = target @ target - x2.sum()
        alpha = beta = 1.0
        for _ in range(11):
            t = alpha / beta
            gamma = (sigma / (sigma + t)).sum()
            m2 = (sigma * x2 / (t + sigma) ** 2).sum()
            res = (x2 / (1 + sigma / t) ** 2).sum() + rest
            alpha, beta = gamma / (m2 + 1e-5), (n - gamma) / (res + 1e-5)
            if abs(alpha / beta - t) / t <= 1e-3:
                break
        evidence = d / 2 * np.log(alpha) + n / 2 * np.log(beta)
        evidence -= 0.5 * np.log(alpha + beta * sigma).sum() + beta / 2 * res + alpha / 2 * m2
        found.append((evidence - n / 2 * np.log(2 * np.pi)) / n)
    return float(np.mean(found))


def thin_svd(F: np.ndarray, y: np.ndarray) -> float:
    return float(np.linalg.svd(F.astype(np.float64), full_matrices=False)[1][0])


def h_score(F: np.ndarray, y: np.ndarray) -> float:
    """tllib.ranking: a pseudo-inverse of the covariance, means repeated for every sample."""
    centered = F.astype(np.float64) - F.mean(axis=0)
    covariance = centered.T @ centered / (len(F) - 1)
    g = np.zeros(centered.shape)
    for c in range(CLASSES):
        g[y == c] = centered[y == c].mean(axis=0)
    between = g.T @ g / (len(F) - 1)
    return float(np.trace(np.linalg.pinv(covariance, rcond=1e-15) @ between))


def h_score_regularized(F: np.ndarray, y: np.ndarray) -> float:
    """tllib.ranking: Ledoit and Wolf, then a pseudo-inverse."""
    centered = F.astype(np.float64) - F.mean(axis=0)
    fitted = LedoitWolf(assume_centered=False).fit(centered)
    g = np.zeros(centered.shape)
    for c in range(CLASSES):
        g[y == c] = centered[y == c].mean(axis=0)
    between = g.T @ g / (len(F) - 1)
    inverse = np.linalg.pinv(fitted.covariance_, rcond=1e-15)
    return float((1 - fitted.shrinkage_) * np.trace(inverse @ between))


def transrate(F: np.ndarray, y: np.ndarray) -> float:
    """tllib.ranking: one log-determinant of D x D for all samples and for each class."""

    def rate(Z: np.ndarray) -> float:
        n, d = Z.shape
        return 0.5 * np.linalg.slogdet(np.eye(d) + Z.T @ Z / (n * 1e-4))[1]

    Z = F.astype(np.float64) - F.mean(axis=0)
    Z /= np.sqrt(np.trace(Z @ Z.T))
    return float(rate(Z) - sum((y == c).mean() * rate(Z[y == c]) for c in range(CLASSES)))


def leep(P: np.ndarray, y: np.ndarray) -> float:
    """thuml/LogME: a loop over target classes, then a matrix product over all samples."""
    joint = np.stack([P[y == c].sum(axis=0) for c in range(CLASSES)]) / len(P)
    conditional = (joint / joint.sum(axis=0)).T
    return float(np.log((P @ conditional)[np.arange(len(P)), y]).mean())


def nce(P: np.ndarray, y: np.ndarray) -> float:
    """thuml/LogME: joint histogram of two label lists."""
    z = P.argmax(axis=1)
    joint = np.zeros((CLASSES, SOURCE))
    for a, b in zip(y, z, strict=True):
        joint[a, b] += 1.0
    joint /= len(P)
    conditional = (joint / (joint.sum(axis=0) + 1e-20)).T
    return float(-(joint.sum(axis=0) @ -(conditional * np.log(conditional + 1e-20)).sum(axis=1)))


def gbc(F: np.ndarray, y: np.ndarray) -> float:
    """google-research/stable_transfer: PCA to 64, every pair of spherical classes."""
    Z = PCA(64, svd_solver="full").fit_transform(F.astype(np.float64))
    means = [Z[y == c].mean(axis=0) for c in range(CLASSES)]
    variances = [Z[y == c].var(axis=0, ddof=1).mean() for c in range(CLASSES)]
    total = 0.0
    for a in range(CLASSES):
        for b in range(CLASSES):
            if a != b:
                s = (variances[a] + variances[b]) / 2
                apart = ((means[a] - means[b]) ** 2).sum() / s / 8
                apart += 64 / 2 * np.log(s / np.sqrt(variances[a] * variances[b]))
                total += np.exp(-apart)
    return -total


def sfda(F: np.ndarray, y: np.ndarray) -> float:
    """TencentARC/SFDA: a generalized eigenproblem in all D directions, twice."""
    from scipy.linalg import eigh

    X = F.astype(np.float64)
    n, d = X.shape
    shrinkage = None
    for turn in range(2):
        means = np.stack([X[y == c].mean(axis=0) for c in range(CLASSES)])
        shares = np.bincount(y) / n
        within = sum(np.cov(X[y == c].T, bias=True) * shares[c] for c in range(CLASSES))
        between = np.cov(X.T, bias=True) - within
        if shrinkage is None:
            shrinkage = float(np.exp(-5 * eigh(within, eigvals_only=True)[-1]))
        shrunk = (1 - shrinkage) * within + shrinkage * np.trace(within) / d * np.eye(d)
        axes = eigh(between, shrunk)[1][:, ::-1][:, : CLASSES - 1]
        centers = means @ axes
        scores = X @ axes @ centers.T - 0.5 * (centers**2).sum(axis=1) + np.log(shares)
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        if not turn:
            q = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)
            sure = q[np.arange(n), y][:, None]
            others = (means.sum(axis=0) - means[y]) / (CLASSES - 1)
            X = sure * X + (1 - sure) * others
    return float(p[np.arange(n), y].mean())


def parc(F: np.ndarray, y: np.ndarray) -> float:
    """dbolya/parc: 500 samples, PCA to 32, Spearman of the two triangles."""
    rows = np.random.default_rng(0).choice(len(F), 500, replace=False)
    Z = PCA(32, svd_solver="full").fit_transform(F[rows].astype(np.float64))
    Z = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    lower = np.tril_indices(500, -1)
    labels = 1 - np.corrcoef(np.eye(CLASSES)[y[rows]])[lower]
    return float(spearmanr(1 - np.corrcoef(Z)[lower], labels).statistic)


def knn(F: np.ndarray, y: np.ndarray) -> float:
    """scikit-learn's neighbors, each sample left out of its own."""
    from sklearn.neighbors import NearestNeighbors

    X = F.astype(np.float64)
    rows = NearestNeighbors(n_neighbors=6, algorithm="brute").fit(X).kneighbors(X)[1][:, 1:]
    votes = np.stack([np.bincount(v, minlength=CLASSES) for v in y[rows]])
    return float((votes.argmax(axis=1) == y).mean())


PEERS: dict[str, Callable] = {
    "nce": nce,
    "leep": leep,
    "logme": logme_default,
    "h_score": h_score,
    "h_score_regularized": h_score_regularized,
    "transrate": transrate,
    "gbc": gbc,
    "sfda": sfda,
    "parc": parc,
    "knn": knn,
}


def main() -> None:
    n, d = (int(sys.argv[1]), int(sys.argv[2])) if len(sys.argv) > 2 else (5000, 2048)
    names = sys.argv[3].split(",") if len(sys.argv) > 3 else list(PEERS)
    F, P, y = activations(n, d)
    print(
        f"| n = {n}, D = {d}, 10 classes | toposcope CPU s | public formula CPU s | ratio |", end=""
    )
    print(" values |\n|---|---|---|---|---|", flush=True)
    for name in names:
        score, peer = transfer.SCORES[name], PEERS[name]
        X = P if score.needs == "head" else F
        # Interleaved twice, the smaller of each: other work shares the machine.
        runs = [(cpu(lambda s=score, X=X: s(X, y)), cpu(lambda p=peer, X=X: p(X, y))) for _ in "12"]
        ours, theirs = (min(r[i] for r in runs) for i in (0, 1))
        row = f"| {name} | {ours[0]:.3f} | {theirs[0]:.3f} | {theirs[0] / ours[0]:.1f} |"
        print(f"{row} {ours[1]:.5g}, {theirs[1]:.5g} |", flush=True)
    mine = min(cpu(lambda: transfer.logme(F, y))[0] for _ in range(2))
    svd = min(cpu(lambda: thin_svd(F, y))[0] for _ in range(2))
    print(f"\none thin SVD: {svd:.2f} s; LogME takes {mine / svd:.2f} times that")


if __name__ == "__main__":
    main()
