"""The 49 games of Mnih et al. 2015 with their published scores (Nature 518, 529; Extended Data Table 2).

Random: actions drawn uniformly at 10 Hz. Human: the mean of about 20 episodes of a professional tester after
two hours of practice. DQN: 30 episodes of at most 5 minutes, epsilon 0.05. Newer human scores, of Wang et al.
2016 (arXiv:1511.06581), differ, and papers use either, so a normalised score must name its set.
"""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """Points in a game.

    Attributes:
        random: of uniformly random actions.
        human: of the tester of Mnih et al. 2015.
        dqn: of the paper's network.
        deviation: of the paper's network, over episodes.
        newer_human: of the tester of Wang et al. 2016.
    """

    random: float
    human: float
    dqn: float
    deviation: float
    newer_human: float

    def normalised(self, score: float, *, newer: bool = False) -> float:
        """Return a score on the scale where random play is 0 and the human 100."""
        human = self.newer_human if newer else self.human
        return 100 * (score - self.random) / (human - self.random)


PUBLISHED = {
    "Alien": Published(227.8, 6875.0, 3069.0, 1093.0, 7127.7),
    "Amidar": Published(5.8, 1676.0, 739.5, 3024.0, 1719.5),
    "Assault": Published(222.4, 1496.0, 3359.0, 775.0, 742.0),
    "Asterix": Published(210.0, 8503.0, 6012.0, 1744.0, 8503.3),
    "Asteroids": Published(719.1, 13157.0, 1629.0, 542.0, 47388.7),
    "Atlantis": Published(12850.0, 29028.0, 85641.0, 17600.0, 29028.1),
    "Bank Heist": Published(14.2, 734.4, 429.7, 650.0, 753.1),
    "Battle Zone": Published(2360.0, 37800.0, 26300.0, 7725.0, 37187.5),
    "Beam Rider": Published(363.9, 5775.0, 6846.0, 1619.0, 16926.5),
    "Bowling": Published(23.1, 154.8, 42.4, 88.0, 160.7),
    "Boxing": Published(0.1, 4.3, 71.8, 8.4, 12.1),
    "Breakout": Published(1.7, 31.8, 401.2, 26.9, 30.5),
    "Centipede": Published(2091.0, 11963.0, 8309.0, 5237.0, 12017.0),
    "Chopper Command": Published(811.0, 9882.0, 6687.0, 2916.0, 7387.8),
    "Crazy Climber": Published(10781.0, 35411.0, 114103.0, 22797.0, 35829.4),
    "Demon Attack": Published(152.1, 3401.0, 9711.0, 2406.0, 1971.0),
    "Double Dunk": Published(-18.6, -15.5, -18.1, 2.6, -16.4),
    "Enduro": Published(0.0, 309.6, 301.8, 24.6, 860.5),
    "Fishing Derby": Published(-91.7, 5.5, -0.8, 19.0, -38.7),
    "Freeway": Published(0.0, 29.6, 30.3, 0.7, 29.6),
    "Frostbite": Published(65.2, 4335.0, 328.3, 250.5, 4334.7),
    "Gopher": Published(257.6, 2321.0, 8520.0, 3279.0, 2412.5),
    "Gravitar": Published(173.0, 2672.0, 306.7, 223.9, 3351.4),
    "H.E.R.O.": Published(1027.0, 25763.0, 19950.0, 158.0, 30826.4),
    "Ice Hockey": Published(-11.2, 0.9, -1.6, 2.5, 0.9),
    "James Bond": Published(29.0, 406.7, 576.7, 175.5, 302.8),
    "Kangaroo": Published(52.0, 3035.0, 6740.0, 2959.0, 3035.0),
    "Krull": Published(1598.0, 2395.0, 3805.0, 1033.0, 2665.5),
    "Kung-Fu Master": Published(258.5, 22736.0, 23270.0, 5955.0, 22736.3),
    "Montezuma's Revenge": Published(0.0, 4367.0, 0.0, 0.0, 4753.3),
    "Ms. Pacman": Published(307.3, 15693.0, 2311.0, 525.0, 6951.6),
    "Name This Game": Published(2292.0, 4076.0, 7257.0, 547.0, 8049.0),
    "Pong": Published(-20.7, 9.3, 18.9, 1.3, 14.6),
    "Private Eye": Published(24.9, 69571.0, 1788.0, 5473.0, 69571.3),
    "Q*bert": Published(163.9, 13455.0, 10596.0, 3294.0, 13455.0),
    "River Raid": Published(1339.0, 13513.0, 8316.0, 1049.0, 17118.0),
    "Road Runner": Published(11.5, 7845.0, 18257.0, 4268.0, 7845.0),
    "Robotank": Published(2.2, 11.9, 51.6, 4.7, 11.9),
    "Seaquest": Published(68.4, 20182.0, 5286.0, 1310.0, 42054.7),
    "Space Invaders": Published(148.0, 1652.0, 1976.0, 893.0, 1668.7),
    "Star Gunner": Published(664.0, 10250.0, 57997.0, 3152.0, 10250.0),
    "Tennis": Published(-23.8, -8.9, -2.5, 1.9, -8.3),
    "Time Pilot": Published(3568.0, 5925.0, 5947.0, 1600.0, 5229.2),
    "Tutankham": Published(11.4, 167.6, 186.7, 41.9, 167.6),
    "Up and Down": Published(533.4, 9082.0, 8456.0, 3162.0, 11693.2),
    "Venture": Published(0.0, 1188.0, 380.0, 238.6, 1187.5),
    "Video Pinball": Published(16257.0, 17298.0, 42684.0, 16287.0, 17667.9),
    "Wizard of Wor": Published(563.5, 4757.0, 3393.0, 2019.0, 4756.5),
    "Zaxxon": Published(32.5, 9173.0, 4977.0, 1235.0, 9173.3),
}
GAMES = tuple(PUBLISHED)
