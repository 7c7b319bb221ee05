"""Log-mel spectrograms: how loud a sound is, band by band, ten milliseconds at a time.

25 ms Hann windows every 10 ms, triangular bands that are equally wide on the mel scale of O'Shaughnessy 1987
(2595 log10(1 + f / 700)), the logarithm of their energy. ``spectrogram`` is the plain one, in decibels.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

BANDS = 40
LOWEST_HZ = 60.0
FLOOR = 1e-6  # of the energy of a frame at full scale: 60 dB below it


def log_mel(waves: Tensor, rate_hz: int, bands: int = BANDS) -> Tensor:
    """Return ``(N, bands, 1 + T // hop)`` float32 of ``(N, T)`` samples, the hop being 10 ms."""
    energy = _energy(waves, rate_hz)
    mel = filters(rate_hz, energy.shape[1], bands).to(energy) @ energy
    return torch.log(mel + FLOOR)


def spectrogram(wave: np.ndarray, rate_hz: int) -> tuple[np.ndarray, float, float]:
    """Return decibels ``(F, frames)``, 0 for a full sine, the seconds of a frame, and the top frequency."""
    energy = _energy(torch.from_numpy(np.ascontiguousarray(wave, np.float32))[None], rate_hz)[0]
    return 10 * torch.log10(energy + 1e-9).numpy(), round(rate_hz / 100) / rate_hz, rate_hz / 2


def _energy(waves: Tensor, rate_hz: int) -> Tensor:
    """Return ``(N, F, frames)``: squared magnitudes, 1 for a full-scale sine."""
    length, hop = round(rate_hz * 0.025), round(rate_hz * 0.010)
    size = 1 << (length - 1).bit_length()
    window = torch.hann_window(length, device=waves.device)
    found = torch.stft(
        waves, size, hop, length, window, center=True, pad_mode="constant", return_complex=True
    )
    return found.abs().square() * (2 / window.sum()) ** 2


@lru_cache(maxsize=16)
def filters(rate_hz: int, bins: int, bands: int = BANDS) -> Tensor:
    """Return the triangular bands: ``(bands, bins)``, each with its peak at 1."""
    top = 2595 * np.log10(1 + rate_hz / 2 / 700)
    edges = np.linspace(2595 * np.log10(1 + LOWEST_HZ / 700), top, bands + 2)
    hertz = 700 * (10 ** (edges / 2595) - 1)
    at = np.linspace(0, rate_hz / 2, bins)
    left, middle, right = (hertz[i : i + bands, None] for i in range(3))
    found = np.minimum((at - left) / (middle - left), (right - at) / (right - middle)).clip(0)
    narrow = found.sum(1) == 0  # a band between two bins takes the nearest one
    found[narrow, np.abs(at - middle[narrow]).argmin(1)] = 1
    return torch.from_numpy(found.astype(np.float32))
