"""The published table against the percentages that were published beside it."""

import pytest

from pellucid.datasets.nature import GAMES, PUBLISHED

# Mnih et al. 2015, Extended Data Table 2, "normalized DQN (% human)"
PERCENT = {
    "Alien": 42.7, "Amidar": 43.9, "Assault": 246.2, "Asterix": 70.0, "Asteroids": 7.3, "Atlantis": 449.9,
    "Bank Heist": 57.7, "Battle Zone": 67.6, "Beam Rider": 119.8, "Bowling": 14.7, "Boxing": 1707.9,
    "Breakout": 1327.2, "Centipede": 63.0, "Chopper Command": 64.8, "Crazy Climber": 419.5,
    "Demon Attack": 294.2, "Double Dunk": 17.1, "Enduro": 97.5, "Fishing Derby": 93.5, "Freeway": 102.4,
    "Frostbite": 6.2, "Gopher": 400.4, "Gravitar": 5.3, "H.E.R.O.": 76.5, "Ice Hockey": 79.3,
    "James Bond": 145.0, "Kangaroo": 224.2, "Krull": 277.0, "Kung-Fu Master": 102.4,
    "Montezuma's Revenge": 0.0, "Ms. Pacman": 13.0, "Name This Game": 278.3, "Pong": 132.0,
    "Private Eye": 2.5, "Q*bert": 78.5, "River Raid": 57.3, "Road Runner": 232.9, "Robotank": 509.0,
    "Seaquest": 25.9, "Space Invaders": 121.5, "Star Gunner": 598.1, "Tennis": 143.2, "Time Pilot": 100.9,
    "Tutankham": 112.2, "Up and Down": 92.7, "Venture": 32.0, "Video Pinball": 2539.4,
    "Wizard of Wor": 67.5, "Zaxxon": 54.1,
}  # fmt: skip


@pytest.mark.parametrize("game", GAMES)
def test_the_scores_give_the_percentage_that_the_paper_prints(game):
    row = PUBLISHED[game]
    unit = (
        0.05 if abs(row.human) < 1000 else 0.5
    )  # the table rounds scores, the percentages were not made of those
    share = PERCENT[game] / 100
    rounding = 0.06 + 100 * 2 * unit * (1 + abs(share)) / abs(row.human - row.random)
    assert row.normalised(row.dqn) == pytest.approx(PERCENT[game], abs=rounding)


def test_there_are_the_paper_s_49_games():
    assert len(GAMES) == 49
    assert set(GAMES) == set(PERCENT)


def test_the_two_human_sets_are_told_apart():
    pong = PUBLISHED["Pong"]
    assert pong.normalised(9.3) == pytest.approx(100)
    assert pong.normalised(14.6, newer=True) == pytest.approx(100)
    assert pong.normalised(9.3, newer=True) < 90
