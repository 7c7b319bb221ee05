"""Many features on one page: an embedding in two dimensions."""

from __future__ import annotations

import numpy as np

from pellucid.errors import UsageError, near

METHODS = ("pca", "tsne")
LEAST = 3  # rows that have a place in the plane


def embedding(features: np.ndarray, *, method: str = "pca", seed: int = 0) -> np.ndarray:
    """Return a point in the plane for each row of features.

    ``pca`` keeps the two directions of most variance and takes a moment; ``tsne`` keeps neighbours together
    (van der Maaten and Hinton 2008), begins at the former, and takes about a minute for 10,000 rows.

    Args:
        features: ``(N, F)``, at least 3 rows, F at least 2.
        method: "pca" or "tsne".
        seed: of t-SNE; the same seed gives the same points.
    Returns:
        ``(N, 2)`` float32.
    Raises:
        UsageError: an unknown method, or features of another shape.
    """
    if method not in METHODS:
        raise UsageError(
            f"no embedding method {method!r}; there are {', '.join(METHODS)}.{near(method, METHODS)}"
        )
    features = np.asarray(features, dtype=np.float32)
    if features.ndim != 2 or features.shape[0] < LEAST or features.shape[1] < 2:
        raise UsageError(f"features of shape {features.shape}; (N, F) with N >= {LEAST} and F >= 2 is needed")
    if not np.isfinite(features).all():
        raise UsageError("features hold NaN or infinite values; check the network that gave them")
    if method == "pca":
        return _pca(features, seed)
    from sklearn.manifold import TSNE  # slow to import

    perplexity = min(30.0, (len(features) - 1) / 3)
    start = _pca(features, seed)
    start /= max(float(start[:, 0].std()), 1e-12) * 1e4  # as small as scikit-learn's own start
    return (
        TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(features).astype(np.float32)
    )


def _pca(features: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.decomposition import PCA  # slow to import

    points = PCA(n_components=2, svd_solver="full", random_state=seed).fit_transform(
        features.astype(np.float64)
    )
    return points.astype(np.float32)
