"""Mu-law: 256 codes for a waveform, fine near silence and coarse where it is loud (ITU-T G.711, mu = 255).

Both directions count in 255 steps, so that silence stays silence: 0 -> code 128 -> 0.00002 of full scale.
"""

from __future__ import annotations

import numpy as np

MU = 255
LEVELS = MU + 1
SILENCE = 128


def encode(wave: np.ndarray) -> np.ndarray:
    """Compress samples in [-1, 1] to codes (van den Oord et al. 2016, section 2.2); louder ones are clipped.

    Returns:
        int64 of the same shape, in [0, 255]; 0.0 is 128.
    """
    clipped = np.clip(np.asarray(wave, np.float64), -1, 1)
    compressed = np.sign(clipped) * np.log1p(MU * np.abs(clipped)) / np.log1p(MU)
    return np.floor((compressed + 1) / 2 * MU + 0.5).astype(np.int64)


def decode(codes: np.ndarray) -> np.ndarray:
    """Return samples in [-1, 1], float32, of codes.

    Raises:
        ValueError: a code lies outside [0, 255].
    """
    codes = np.asarray(codes)
    if codes.size and (codes.min() < 0 or codes.max() > MU):
        raise ValueError(f"mu-law codes are {codes.min()} to {codes.max()}; expected 0 to {MU}")
    compressed = 2 * codes.astype(np.float64) / MU - 1
    return (np.sign(compressed) * np.expm1(np.abs(compressed) * np.log1p(MU)) / MU).astype(np.float32)
