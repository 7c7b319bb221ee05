"""Labels that may be wrong, found by a network that never learned them (confident learning)."""

from __future__ import annotations

from typing import Any

import numpy as np

from pellucid.metrics.classes import checked


def doubtful(probabilities: Any, targets: Any) -> np.ndarray:
    """Say of each sample whether the network is as sure of another class as it is of those that are in it.

    The threshold of a class is the mean probability that it gets where it is the label. Among the classes
    whose threshold a sample reaches, the most probable is what it seems to be; the label is doubtful if that
    is another one. Source: Northcutt, Jiang and Chuang 2021, Confident learning, equations 1 and 2.

    Args:
        probabilities: ``(N, K)``, of samples that were not trained on.
        targets: ``(N,)`` their labels.
    Returns:
        ``(N,)`` booleans.
    Raises:
        DataError: wrong shapes, NaN, or labels outside the classes.
    """
    shares, labels = checked(probabilities, targets)
    classes = shares.shape[1]
    own = shares[np.arange(len(labels)), labels]
    counts = np.bincount(labels, minlength=classes)
    thresholds = np.bincount(labels, own, classes) / np.maximum(counts, 1)
    thresholds[counts == 0] = np.inf  # a class without a sample says nothing of how sure one must be
    reached = np.where(shares >= thresholds, shares, -np.inf)
    seems = reached.argmax(1)
    return np.isfinite(reached.max(1)) & (seems != labels)
