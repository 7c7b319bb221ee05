"""Deep Q-learning: play, remember, learn from what is remembered (Mnih et al. 2015, algorithm 1).

``batches`` plays with the network as it is and yields samples of what it remembers; ``update`` learns from
one of them. A step of the clock is one update of the weights; between two of them ``steps_per_update``
actions are done. All chance is a function of (seed, step) or of an episode's seed, so that a training that
keeps its replay resumes to the same weights.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pellucid import bellman, device, optimizers, playing, schedules, seeding
from pellucid.datasets.games import Moves, Players
from pellucid.datasets.replay import Replay
from pellucid.errors import NonFinite, RunError, UsageError
from pellucid.finite import finite, first_non_finite
from pellucid.graves import GravesRMSprop
from pellucid.metrics import Score, mean_return
from pellucid.processes import world
from pellucid.tensorfile import FILE_LIMIT
from pellucid.training import Clock, Training

ADAM_EPSILON = (
    1.5e-4  # Hessel et al. 2018 (arXiv:1710.02298), table 1; torch's 1e-8 makes rare gradients loud
)
ADAM_RATE = 1e-4
OWN = {"rmsprop": "rho", "adam": "beta2"}  # what can be set, beside the rate, of the optimisers built here
STATE = ("network", "target", "optimizer", "players", "replay", "played", "base", "settings")


class Transitions(NamedTuple):
    """A batch on the device; ``datasets.replay.Sample`` says what each is."""

    states: Tensor
    actions: Tensor
    returns: Tensor
    discounts: Tensor
    nexts: Tensor
    weights: Tensor
    places: Tensor


class QLearner:
    """Learn what actions are worth by playing.

    Args:
        task: with the fields of ``tasks.atari.Atari``, ``prepare``, ``model``, ``ask`` and ``maker``.
        facts: of the game.
    """

    def __init__(self, task: Any, facts: dict[str, Any]):
        self.task, self.training, self.facts = task, task.training, facts
        _refuse(self.training)
        self.device = device.choose(self.training.device)
        self.clock = _clock(self.training, max(1, task.epoch // task.steps_per_update))
        seeding.seed_step(self.training.seed, -1)  # the first weights
        self.network = task.model(facts).to(self.device, memory_format=torch.channels_last)
        self.parameters = list(self.network.parameters())
        self.target = copy.deepcopy(self.network).requires_grad_(False)
        if self.device.type == "cpu":
            device.keep_heap()
        self.optimizer = _optimizer(self.network, self.training)
        self.make = task.maker()
        self.players = Players(self.make, task.games, seed=self.training.seed)
        self.memory = Replay(
            task.replay, task.games, tuple(facts["frame"]), stack=task.stack, steps=task.n_step,
            discount=task.discount, alpha=task.priority,
        )  # fmt: skip
        if task.keep_replay and self.memory.frames.nbytes > FILE_LIMIT - 2**28:
            raise UsageError(
                f"--keep-replay: {self.memory.frames.nbytes / 2**30:.1f} GB of frames do not fit in one file "
                f"of at most {FILE_LIMIT / 2**30:.0f} GB; make --replay smaller, or let it be refilled"
            )
        self.seen = playing.Stacks(task.games, tuple(facts["frame"]), task.stack)
        self.played = 0  # actions done since the replay was empty
        self.base = 0  # the step at which it was

    def batches(self, start: int) -> Iterator[Transitions]:
        """Play, and yield a sample for each step from ``start`` on.

        An empty replay is filled first: with random play at the start of a training, after a resume with the
        network as it is.
        """
        if self.memory.count == 0:
            self.base = start
            self._see(self.players.begin())
            self._play(self.task.start, 1.0 if start == 0 else self.epsilon(start))
        step = start
        while True:
            wanted = self.task.start + (step - self.base + 1) * self.task.steps_per_update
            self._play(wanted, self.epsilon(step))
            yield self._sample(step)
            step += 1

    def update(self, batch: Transitions, step: int) -> Tensor:
        """Make one update: targets, clipped errors, backward, step, priorities, sometimes a new target.

        Raises:
            NonFinite: the loss or a gradient is not finite, and the weights are as they were.
        """
        states, actions, _, _, _, weights, places = batch
        rows = torch.arange(len(actions), device=self.device)
        predicted = self.network.returns(states)[rows, actions]
        each = bellman.loss(self.task.returns, predicted, self.targets(batch))
        weighed = each * weights
        loss = weighed.sum() if self.task.summed else weighed.mean()
        loss.backward()
        self._require_finite(loss.detach(), states, step)
        if self.training.clip is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.training.clip)
        optimizers.set_rate(self.optimizer, self._factor(step))
        optimizers.step(self.optimizer)
        self.optimizer.zero_grad(set_to_none=True)
        self.memory.learn(places.cpu().numpy(), each.detach().cpu().numpy())
        if (step + 1) % self.task.target_every == 0:
            self.target.load_state_dict(self.network.state_dict())
        return loss.detach()

    @torch.no_grad()
    def targets(self, batch: Transitions) -> Tensor:
        """Return what the head ought to say of each transition: ``(N, K)``."""
        network: Any = self.target
        found = network.returns(batch.nexts)
        judged: Any = self.network if self.task.double else None
        worth = network.expected(found) if judged is None else judged(batch.nexts)
        best = found[torch.arange(len(found), device=self.device), worth.argmax(1)]  # (N, K)
        if self.task.returns == "categorical":
            return bellman.categorical_target(
                batch.returns, batch.discounts, best.softmax(1), self.network.support
            )  # fmt: skip
        return bellman.quantile_target(batch.returns, batch.discounts, best)

    def evaluate(self) -> dict[str, Score]:
        """Play some episodes, the same ones each time, and return their mean score."""
        seeds = playing.seeds(self.training.seed, self.task.validation_episodes, "validation")
        values = values_of(self.network, self.task, self.facts)
        found = playing.episodes(
            self.make, values, seeds, stack=self.task.stack, epsilon=self.task.evaluation_epsilon
        )
        return {"score": mean_return([episode.score for episode in found])}

    def epsilon(self, step: int) -> float:
        """Return the chance of a random action before ``step``: a line from 1 to the task's last value."""
        done = min(1.0, step * self.task.steps_per_update / max(1, self.task.exploration))
        return 1 + done * (self.task.epsilon - 1)

    def learning_rate(self, step: int) -> float:
        """Return the learning rate at ``step``."""
        return self.optimizer.param_groups[0]["initial_lr"] * self._factor(step)

    def weights(self) -> dict[str, Tensor]:
        """Return the tensors that are used afterwards."""
        return {name: tensor.detach().cpu() for name, tensor in self.network.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed training needs; what was played only where the task keeps it."""
        players = self.players.save() if self.task.keep_replay else {"episodes": list(self.players.episodes)}
        return {
            "network": dict(self.network.state_dict()),
            "target": dict(self.target.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "players": _tensors(players),
            "replay": _tensors(self.memory.state()) if self.task.keep_replay else None,
            "played": self.played,
            "base": self.base,
            "settings": self._settings(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            RunError: a part is missing, or the state belongs to other settings.
        """
        missing = [name for name in STATE if name not in state]
        if missing or state["settings"] != self._settings():
            what = (
                f"lacks {', '.join(missing)}" if missing else f"is of {state['settings']}, not this training"
            )
            raise RunError(f"the saved state {what}; resume from an older one or start again")
        try:
            self.network.load_state_dict(state["network"])
            self.target.load_state_dict(state["target"])
            self.optimizer.load_state_dict(state["optimizer"])
            _as_laid_out(self.optimizer)
            self.players.episodes = list(state["players"]["episodes"])
            if self.task.keep_replay:
                self.players.load(_arrays(state["players"]))
                self.memory.restore(_arrays(state["replay"]))
                self.played, self.base = state["played"], state["base"]
                newest = np.full(self.task.games, (self.memory.count - 1) % self.memory.length)
                self.seen.seen[:] = self.memory.stacks(newest, np.arange(self.task.games))
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"the saved state does not fit this training: {error}") from None

    def _settings(self) -> list[Any]:
        return [
            self.task.replay,
            self.task.games,
            self.task.n_step,
            bool(self.task.priority),
            self.task.stack,
        ]

    def _play(self, wanted: int, epsilon: float) -> None:
        """Act in every game until ``wanted`` actions were done."""
        while self.played < wanted:
            chance = np.random.default_rng(seeding.mix(self.training.seed, self.played, f"act {self.base}"))
            games = self.task.games
            actions = chance.integers(len(self.facts["actions"]), size=games)
            greedy = chance.random(games) >= epsilon
            if greedy.any():
                worth = values_of(self.network, self.task, self.facts)(self.seen.seen)
                actions = np.where(greedy, worth.argmax(1), actions)
            moves = self.players.step(actions)
            rewards = moves.rewards.clip(-1, 1) if self.task.clip_rewards else moves.rewards
            self.memory.act(actions, rewards, moves.lost if self.task.life_loss else moves.terminated)
            self._see(moves)
            self.played += games

    def _see(self, moves: Moves) -> None:
        self.memory.see(moves.frames, moves.begins, moves.terminated | moves.truncated)
        self.seen.forget(moves.begins)
        self.seen.see(slice(None), moves.frames)

    def _sample(self, step: int) -> Transitions:
        chance = np.random.default_rng(seeding.mix(self.training.seed, step, "replay"))
        beta = self.task.beta + (1 - self.task.beta) * step / self.clock.steps
        drawn = self.memory.sample(self.training.batch_size, chance, beta=beta)
        kept = [torch.from_numpy(part).to(self.device) for part in drawn]
        states, nexts = (
            self.task.prepare(stacks, facts=self.facts)[0].contiguous(memory_format=torch.channels_last)
            for stacks in (kept[0], kept[4])
        )
        return Transitions(states, kept[1], kept[2], kept[3], nexts, kept[5], kept[6])

    def _factor(self, step: int) -> float:
        warmup = round(self.training.warmup * self.clock.steps)
        return schedules.factor(self.training.schedule, step, self.clock.steps, warmup=warmup)

    def _require_finite(self, loss: Tensor, states: Tensor, step: int) -> None:
        if not finite([loss, *(p.grad for p in self.parameters if p.grad is not None)]):
            where = first_non_finite(self.network, states)
            raise NonFinite(
                f"step {step + 1}: the loss is {float(loss):g} or a gradient is not finite; first seen in "
                f"{where}. What was saved before this step is kept; try a smaller --learning-rate"
            )


def values_of(network: nn.Module, task: Any, facts: dict[str, Any]) -> playing.Values:
    """Return the network as a player's judgement: uint8 ``(N, S * C, H, W)`` -> ``(N, A)``."""
    where = next(network.parameters()).device

    @torch.inference_mode()
    def values(stacks: np.ndarray) -> np.ndarray:
        inputs, _ = task.prepare(torch.from_numpy(stacks).to(where), facts=facts)
        return task.ask(network, inputs.contiguous(memory_format=torch.channels_last), facts).cpu().numpy()

    return values


def _clock(training: Training, epoch_steps: int) -> Clock:
    steps = training.steps or max(1, round(training.epochs * epoch_steps))
    return Clock(steps, training.evaluate_every or epoch_steps, epoch_steps)


def _optimizer(network: nn.Module, training: Training) -> torch.optim.Optimizer:
    """Return the optimiser; rmsprop is that of the paper, adam that of those who improved on it."""
    optimizers.leave_the_compiler()
    found: torch.optim.Optimizer
    if training.optimizer == "rmsprop":
        rho = 0.95 if training.rho is None else training.rho
        found = GravesRMSprop(network.parameters(), lr=training.learning_rate or 2.5e-4, rho=rho)
    elif training.optimizer == "adam":
        rate = training.learning_rate or ADAM_RATE
        betas = (0.9, 0.999 if training.beta2 is None else training.beta2)
        fused = next(network.parameters()).device.type in ("cpu", "cuda")
        found = torch.optim.Adam(network.parameters(), lr=rate, betas=betas, eps=ADAM_EPSILON, fused=fused)
    else:
        return optimizers.build(
            training.optimizer, network, learning_rate=training.learning_rate,
            weight_decay=training.weight_decay, momentum=training.momentum, rho=training.rho,
            beta2=training.beta2,
        )  # fmt: skip
    for group in found.param_groups:
        group["initial_lr"] = group["lr"]
    return found


def _refuse(training: Training) -> None:
    """Refuse what a training that plays does not have."""
    neutral = {"ema": None, "averaged": 1, "limit": None, "precision": "fp32", "compile": False}
    for name in neutral:
        if getattr(training, name) != neutral[name]:
            raise UsageError(f"--{name} is not for a network that learns by playing; leave it away")
    if training.optimizer in OWN:
        for name in ("weight_decay", "momentum", "rho", "beta2"):
            if name != OWN[training.optimizer] and getattr(training, name) is not None:
                flag = name.replace("_", "-")
                raise UsageError(
                    f"--{flag} is not for {training.optimizer} of a network that learns by playing"
                )
    if training.schedule == "plateau":
        raise UsageError("--schedule plateau follows a validation loss, and playing has none; choose another")
    if world() > 1:
        raise UsageError("a network that learns by playing trains in one process; leave --processes away")


def _as_laid_out(optimizer: torch.optim.Optimizer) -> None:
    """Give loaded state the layout of its parameters: a fused step walks both side by side in memory."""
    for parameter, state in optimizer.state.items():
        for name, tensor in state.items():
            if isinstance(tensor, Tensor) and tensor.shape == parameter.shape:
                state[name] = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)


def _tensors(part: Any) -> Any:
    """Return nested arrays as tensors, for a file."""
    if isinstance(part, dict):
        return {name: _tensors(inner) for name, inner in part.items()}
    if isinstance(part, list):
        return [_tensors(inner) for inner in part]
    return torch.from_numpy(np.ascontiguousarray(part)) if isinstance(part, np.ndarray) else part


def _arrays(part: Any) -> Any:
    if isinstance(part, dict):
        return {name: _arrays(inner) for name, inner in part.items()}
    if isinstance(part, (list, tuple)):
        return [_arrays(inner) for inner in part]
    return part.numpy() if isinstance(part, Tensor) else part
