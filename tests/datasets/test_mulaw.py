"""Mu-law: the facts of the paper and of G.711, both directions on 255 steps."""

import math

import numpy as np
import pytest

from pellucid.datasets import mulaw


def test_silence_is_code_128_and_comes_back_as_almost_nothing():
    assert mulaw.encode(np.zeros(3)).tolist() == [128, 128, 128]
    assert abs(float(mulaw.decode(np.array([128]))[0])) < 1e-4


def test_the_ends_are_the_ends_and_louder_is_clipped():
    assert mulaw.encode(np.array([-1.0, 1.0, -7.0, 7.0])).tolist() == [0, 255, 0, 255]
    assert mulaw.decode(np.array([0, 255])).tolist() == [-1.0, 1.0]


def test_a_sample_worked_by_hand():
    # f(0.1) = ln(1 + 25.5) / ln(256) = 3.27714 / 5.54518 = 0.59099; (f + 1) / 2 * 255 = 202.85
    assert mulaw.encode(np.array([0.1])).tolist() == [203]
    back = math.expm1((2 * 203 / 255 - 1) * math.log(256)) / 255
    assert float(mulaw.decode(np.array([203]))[0]) == pytest.approx(back, rel=1e-6)


def test_every_code_survives_the_way_there_and_back():
    codes = np.arange(256)
    assert np.array_equal(mulaw.encode(mulaw.decode(codes)), codes)
    assert (np.diff(mulaw.decode(codes)) > 0).all()


def test_a_sine_keeps_a_signal_to_noise_ratio_near_38_decibels():
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    noise = mulaw.decode(mulaw.encode(wave)) - wave
    assert 36 < 10 * math.log10((wave**2).mean() / (noise**2).mean()) < 40  # G.711 promises about 38


def test_codes_outside_are_refused():
    with pytest.raises(ValueError, match="0 to 255"):
        mulaw.decode(np.array([256]))
