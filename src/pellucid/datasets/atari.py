"""The Arcade Learning Environment's games, and MinAtar's; the only place that knows either package.

ale-py (GPL-2, with the games' ROMs inside) is the extra ``atari``; MinAtar (GPL-3) is installed by hand. The
state of a single emulator can be kept, which that of its C++ vector environment cannot. Sources: Bellemare et
al. 2013 (arXiv:1207.4708), Machado et al. 2018 (arXiv:1709.06009), Young and Tian 2019 (arXiv:1903.03176).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from pellucid.datasets import screens
from pellucid.datasets.games import Catch, Game, Move
from pellucid.datasets.nature import GAMES
from pellucid.errors import MissingExtra, UsageError, near

MINATAR = ("asterix", "breakout", "freeway", "seaquest", "space_invaders")
MINATAR_ACTIONS = ("stay", "left", "up", "right", "down", "fire")
PREFIX = "minatar/"
OWN = "catch"
MOST_FRAMES = 108_000  # of the emulator: half an hour
# What each plane of MinAtar's pictures is drawn with, from the first plane to the last.
PAINTS = np.array(
    [[0, 114, 178], [230, 159, 0], [0, 158, 115], [213, 94, 0], [204, 121, 167], [86, 180, 233],
     [240, 228, 66], [150, 150, 150], [255, 255, 255], [122, 74, 30]], np.uint8,
)  # fmt: skip


def names() -> list[str]:
    """Return every game that has a name here: the 49 of the paper, MinAtar's, and our own."""
    return [*GAMES, *(PREFIX + name for name in MINATAR), OWN]


def spelled(game: str) -> str:
    """Return a game's name as it is written here: "pong" and "PONG" are "Pong".

    Raises:
        UsageError: there is no such game; the near match is named.
    """
    known = {_letters(name): name for name in names()}
    found = known.get(_letters(game))
    if found is None:
        hint = near(_letters(game), known)
        for letters, name in known.items():
            hint = hint.replace(f'"{letters}"', f'"{name}"')
        raise UsageError(
            f"--game {game}: no such game; there are the paper's 49 (Alien to Zaxxon, see docs/atari.md), "
            f"{', '.join(names()[len(GAMES) :])}.{hint}"
        )
    return found


def maker(game: str, *, sticky: float, noops: int, repeat: int, frames: int) -> Callable[[], Game]:
    """Return a function that makes the game.

    Args:
        sticky: chance, at every frame of the emulator, that the last action goes on.
        noops: most frames, at least 1 of them, in which nothing is done at the start; 0 for none.
        repeat: frames that an action lasts.
        frames: of the emulator after which an episode is stopped.
    Raises:
        MissingExtra: the package of the game is not installed.
        UsageError: there is no such game.
    """
    game = spelled(game)
    if game == OWN:
        return lambda: Catch(sticky=sticky, limit=max(1, frames // repeat))
    if game.startswith(PREFIX):
        package = _minatar()
        return lambda: MinAtar(package, game.removeprefix(PREFIX), sticky=sticky, limit=frames // repeat)
    emulator = _ale()
    return lambda: Atari(emulator, game, sticky=sticky, noops=noops, repeat=repeat, frames=frames)


def family(game: str) -> str:
    """Return "atari", "minatar" or "catch"."""
    game = spelled(game)
    return "minatar" if game.startswith(PREFIX) else OWN if game == OWN else "atari"


def stages(game: Game) -> dict[str, np.ndarray]:
    """Return what lies between the screen of a moment and the network's frame, by name."""
    if not isinstance(game, Atari):
        return {"screen": game.screen()}
    now, before = game.screens()
    brightest = screens.brightest(now, before)
    grey = screens.grey(brightest)
    return {
        "screen before": before,
        "screen": now,
        "maximum": brightest,
        "grey": (grey + 0.5).astype(np.uint8),
        "small": screens.resized(grey),
    }


class Atari:
    """One game of the Atari 2600.

    The frame is what ``screens.seen`` makes of the last two screens of an action. Sticky actions are those of
    Machado et al. 2018: at each frame of the emulator the last action goes on with the chance ``sticky``.
    """

    shape = (1, screens.SIDE, screens.SIDE)

    def __init__(self, emulator: Any, game: str, *, sticky: float, noops: int, repeat: int, frames: int):
        self.sticky, self.noops, self.repeat, self.frames = sticky, noops, repeat, frames
        self.emulator = emulator
        self.ale = emulator.ALEInterface()
        self.ale.setFloat("repeat_action_probability", 0.0)  # our own chance decides
        self.ale.setInt("max_num_frames_per_episode", 0)
        self.ale.setInt("random_seed", 1)
        self.ale.loadROM(emulator.roms.get_rom_path(rom(game)))
        self.codes = [code.value for code in self.ale.getMinimalActionSet()]
        self.actions = tuple(code.name for code in self.ale.getMinimalActionSet())
        self.now, self.before = (np.zeros(self.ale.getScreenDims(), np.uint8) for _ in range(2))
        self.palette = screens.Palette()
        self.chance, self.last = np.random.default_rng(0), 0
        self.ale.reset_game()

    def reset(self, seed: int) -> Move:
        """Begin an episode whose chances all follow from ``seed``."""
        self.chance, self.last = np.random.default_rng(seed), 0
        self.ale.reset_game()
        for _ in range(int(self.chance.integers(1, self.noops + 1)) if self.noops else 0):
            self.ale.act(0)
            if self.ale.game_over():
                self.ale.reset_game()
        self._look(self.now)
        self.before = self.now.copy()
        return Move(self._frame(), 0.0, False, False, self.ale.lives())

    def step(self, action: int) -> Move:
        """Do an action for ``repeat`` frames."""
        reward, code = 0, self.codes[action]
        stuck = self.chance.random(self.repeat) < self.sticky if self.sticky else None
        for place in range(self.repeat):
            if place == self.repeat - 1:
                self._look(self.before)
            self.last = self.last if stuck is not None and stuck[place] else code
            reward += self.ale.act(self.last)
            if self.ale.game_over():
                break
        over = self.ale.game_over()
        self._look(self.now)
        if place < self.repeat - 1:
            self.before[:] = self.now
        stopped = not over and self.ale.getEpisodeFrameNumber() >= self.frames
        return Move(self._frame(), float(reward), over, stopped, self.ale.lives())

    def screen(self) -> np.ndarray:
        """Return the last screen: uint8 ``(210, 160, 3)``; some games have other heights."""
        return self.palette.colours[self.now]

    def screens(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the last screen and the one before it."""
        return self.palette.colours[self.now], self.palette.colours[self.before]

    def save(self) -> bytes:
        """Return all that is needed to go on from here."""
        state = self.ale.cloneState(include_rng=True).serialize()
        head = json.dumps([self.last, self.chance.bit_generator.state]).encode()
        return len(head).to_bytes(4, "little") + head + self.now.tobytes() + state

    def load(self, state: bytes) -> None:
        """Go on from what ``save`` returned."""
        length = int.from_bytes(state[:4], "little")
        self.last, chance = json.loads(state[4 : 4 + length])
        self.chance.bit_generator.state = chance
        place = 4 + length + self.now.nbytes
        self.now = np.frombuffer(state[4 + length : place], np.uint8).reshape(self.now.shape).copy()
        self.before = self.now.copy()
        self.ale.restoreState(self.emulator.ALEState(state[place:]))

    def _look(self, screen: np.ndarray) -> None:
        """Write the numbers of the colours that are shown now into ``screen``."""
        self.ale.getScreen(screen)
        if not self.palette.knows(screen):
            self.palette.learn(screen, self.ale.getScreenRGB())

    def _frame(self) -> np.ndarray:
        return screens.resized(self.palette.grey(self.now, self.before))[None]


class MinAtar:
    """One of MinAtar's games: 10 x 10 fields, one plane for each kind of thing, as 0 and 255."""

    actions = MINATAR_ACTIONS

    def __init__(self, package: Any, game: str, *, sticky: float, limit: int):
        self.world = package.Environment(game, sticky_action_prob=0.0)  # our own chance decides
        self.sticky, self.limit = sticky, limit
        self.shape = (self.world.n_channels, 10, 10)
        self.reset(0)

    def reset(self, seed: int) -> Move:
        """Begin an episode whose chances all follow from ``seed``."""
        self.chance, self.last, self.steps = np.random.default_rng(seed), 0, 0
        self.world.seed(seed % 2**32)
        self.world.reset()
        return Move(self._frame(), 0.0, False, False, 0)

    def step(self, action: int) -> Move:
        """Do an action, or the last one again."""
        if self.sticky and self.chance.random() < self.sticky:
            action = self.last
        self.last, self.steps = int(action), self.steps + 1
        reward, over = self.world.act(action)
        return Move(self._frame(), float(reward), bool(over), not over and self.steps >= self.limit, 0)

    def screen(self) -> np.ndarray:
        """Return the field, each kind of thing in its colour: uint8 ``(160, 160, 3)``."""
        picture = np.zeros((10, 10, 3), np.uint8)
        for plane, paint in zip(self._frame(), PAINTS, strict=False):
            picture[plane > 0] = paint
        return picture.repeat(16, 0).repeat(16, 1)

    def save(self) -> bytes:
        """Return all that is needed to go on from here."""
        world = {name: _plain(value) for name, value in vars(self.world.env).items() if name != "random"}
        chances = [self.chance.bit_generator.state, _plain(self.world.random.get_state(legacy=False))]
        return json.dumps([self.last, self.steps, world, chances]).encode()

    def load(self, state: bytes) -> None:
        """Go on from what ``save`` returned."""
        self.last, self.steps, world, (own, theirs) = json.loads(state)
        vars(self.world.env).update({name: _array(value) for name, value in world.items()})
        self.chance.bit_generator.state = own
        self.world.random.set_state(_array(theirs))

    def _frame(self) -> np.ndarray:
        return np.ascontiguousarray(self.world.state().transpose(2, 0, 1)).astype(np.uint8) * 255


def rom(game: str) -> str:
    """Return the file name of a game's ROM: "Space Invaders" -> "space_invaders"."""
    return ROMS.get(game, game.lower().replace(" ", "_"))


ROMS = {
    "Beam Rider": "beam_rider",
    "H.E.R.O.": "hero",
    "James Bond": "jamesbond",
    "Kung-Fu Master": "kung_fu_master",
    "Montezuma's Revenge": "montezuma_revenge",
    "Ms. Pacman": "ms_pacman",
    "Q*bert": "qbert",
    "River Raid": "riverraid",
    "Up and Down": "up_n_down",
}


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum() or letter == "/")


def _plain(value: Any) -> Any:
    """Return an array as JSON that ``_array`` reads back."""
    if isinstance(value, np.ndarray):
        return {"array": value.tolist(), "dtype": str(value.dtype)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _array(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"array", "dtype"}:
            return np.array(value["array"], value["dtype"])
        return {name: _array(inner) for name, inner in value.items()}
    return [_array(inner) for inner in value] if isinstance(value, list) else value


def _ale() -> Any:
    try:
        import ale_py
        import ale_py.roms
    except ImportError:
        raise MissingExtra(
            "atari: the emulator ale-py is not installed; install it with: pip install 'pellucid[atari]' "
            "(it is under the GPL, therefore apart), or try --game catch, which needs nothing"
        ) from None
    ale_py.ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
    return ale_py


def _minatar() -> Any:
    logging.disable(logging.WARNING)  # it misses packages for drawing, which is done here
    try:
        import minatar
    except ImportError:
        raise MissingExtra(
            "atari: MinAtar is not installed; install it with: pip install MinAtar (it is under the GPL-3, "
            "therefore apart), or try --game catch, which needs nothing"
        ) from None
    finally:
        logging.disable(logging.NOTSET)
    return minatar
