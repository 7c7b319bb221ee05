"""How the learning rate changes while a network trains: factors of the peak rate, without state."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pellucid.errors import UsageError, near

SCHEDULES = ("constant", "linear", "cosine", "one-cycle", "exponential")
LEAST_RATE = 1e-4  # of the plateau schedule, which ends where it would go below
LOWEST = 1e-6  # factor at the first step of the exponential schedule


def factor(
    name: str,
    step: int,
    steps: int,
    *,
    warmup: int = 0,
    first: float = 0.04,
    last: float = 0.0,
    rise: float = 0.3,
) -> float:
    """Return the factor in [0, 1] by which the learning rate is multiplied at ``step``. Has no state.

    ``constant`` stays at 1; ``linear`` falls to ``last`` along a line; ``cosine`` along half a cosine
    (Loshchilov & Hutter 2017, eq. 5); ``one-cycle`` rises from ``first`` to 1 and falls to ``last``
    (Smith & Topin 2018), both along half cosines as in fast.ai's and torch's version. ``constant``,
    ``linear`` and ``cosine`` begin with a straight line up over ``warmup`` steps; for ``one-cycle`` a
    ``warmup`` > 0 is the length of its rise, instead of ``rise``.

    ``exponential`` rises from ``LOWEST`` to 1 by equal factors: the learning-rate range test (Smith 2017).

    Args:
        step: 0 for the first update, ``steps - 1`` for the last one.
        warmup: in steps.
        first: factor at step 0 of ``one-cycle``.
        last: factor that the fall reaches at its end.
        rise: share of all steps that ``one-cycle`` spends rising.
    Raises:
        UsageError: an unknown name, or numbers that make no schedule.
    """
    if name not in SCHEDULES:
        raise UsageError(
            f'No schedule is called "{name}".{near(name, SCHEDULES)} There are: {", ".join(SCHEDULES)}.'
        )
    if not (steps >= 1 and step >= 0 and warmup >= 0 and 0 <= rise <= 1):
        raise UsageError(
            f"schedule {name}: got step={step}, steps={steps}, warmup={warmup}, rise={rise}; expected "
            "step >= 0, steps >= 1, warmup >= 0 and rise in [0, 1]."
        )
    step = min(step, steps)
    if name == "exponential":
        return LOWEST ** max(0.0, 1 - step / max(1, steps - 1))
    if name == "one-cycle":
        return _one_cycle(step, steps, warmup or rise * steps, first, last)
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(
        1, steps - warmup
    )  # 0 at the first step after the warm-up, 1 after the last step
    fall = {"constant": 1.0, "linear": 1 - done, "cosine": (1 + math.cos(math.pi * done)) / 2}[name]
    return last + (1 - last) * fall if name != "constant" else 1.0


def plateau(losses: Sequence[float]) -> float:
    """Return the factor of the learning rate after validations with these losses. Has no state.

    1 until one of them is no better than the best before it; from then on a tenth for each (Gehring et al.
    2017, section 4.2, which goes by the perplexity, exp(loss)).
    """
    for place in range(1, len(losses)):
        if losses[place] >= min(losses[:place]):
            return 0.1 ** (len(losses) - place)
    return 1.0


def _one_cycle(step: int, steps: int, rise: float, first: float, last: float) -> float:
    peak = max(rise - 1, 0)  # counted from step 0, as torch's OneCycleLR does
    if step < peak:
        return first + (1 - first) * (1 - math.cos(math.pi * step / peak)) / 2
    done = min(1.0, (step - peak) / max(steps - 1 - peak, 1))
    return last + (1 - last) * (1 + math.cos(math.pi * done)) / 2
