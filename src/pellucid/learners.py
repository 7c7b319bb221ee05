"""What a batch does to the weights. ``backward`` is called here and nowhere else.

Only this file knows that several processes may train together: each takes its share of every batch,
torch's DistributedDataParallel averages the gradients, and an evaluation counts each sample once.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from pellucid import averaging, device, optimizers, schedules, seeding, vitals
from pellucid.batches import Whole, paired
from pellucid.errors import NonFinite, RunError, UsageError
from pellucid.finite import finite, first_non_finite, numbers
from pellucid.metrics import Score
from pellucid.processes import gather, ignore_signals, rank, share_buffers, world
from pellucid.training import Clock, Training

LIMITED = -1  # the epoch whose order says which samples a limit takes
EVALUATION_BATCH = 1000  # samples; a compromise between overhead and the cache


class Supervision(Protocol):
    """What supervised learning needs to know of its task."""

    @property
    def training(self) -> Training:
        """How it is trained."""

    def prepare(self, inputs: Any, targets: Any = None, *, facts: dict[str, Any], draws: Any = None) -> Any:
        """Turn raw samples into what the model takes."""

    def model(self, facts: dict[str, Any]) -> nn.Module:
        """Build the network."""

    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return what training makes small."""

    def outcome(self, network: nn.Module, inputs: Any, targets: Any, facts: dict[str, Any]) -> Any:
        """Return of one prepared batch what ``metrics`` takes."""

    def metrics(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> dict[str, Score]:
        """Score outputs against targets."""


class Material(Protocol):
    """What supervised learning needs to know of the data."""

    @property
    def train(self) -> Any:
        """What the weights are fitted to."""

    @property
    def valid(self) -> Any:
        """What choices are made on."""

    @property
    def facts(self) -> dict[str, Any]:
        """What the data taught."""


@runtime_checkable
class Bounded(Protocol):
    """A layer whose weights must stay within bounds, such as a largest norm: it says so by this method."""

    def constrain(self) -> None:
        """Bring the weights back within their bounds; called after every step, before anything looks."""


class Supervised:
    """Learn from inputs with targets: model, loss, optimiser, schedule, one update.

    Everything random is a function of (seed, epoch, index) or (seed, step), so the state holds no random
    generator.
    """

    def __init__(self, task: Supervision, data: Material):
        self.task, self.training, self.facts = task, task.training, data.facts
        self.device = device.choose(self.training.device)
        self.train, self.valid = data.train, data.valid
        for name, part in (("training", self.train), ("validation", self.valid)):
            if not len(part):
                raise UsageError(f"the {name} part is empty: give more data, or part them otherwise")
        self.count = min(self.training.limit or len(self.train), len(self.train))
        self.clock = Clock.of(self.training, self.count)
        seeding.seed_step(self.training.seed, -1)  # the first weights
        self.network = task.model(self.facts).to(self.device)
        convolves = any(isinstance(module, nn.Conv2d) for module in self.network.modules())
        self.layout = torch.channels_last if convolves else torch.contiguous_format
        self.network.to(memory_format=self.layout)  # type: ignore[call-overload]
        if self.device.type == "cpu":
            device.keep_heap()
        self.optimizer = _optimizer(self.network, self.training)
        self.average = averaging.moving(self.network, self.training.ema)
        self.checkpoints = averaging.Checkpoints(self.training.averaged)
        self.bounded = [layer for layer in self.network.modules() if isinstance(layer, Bounded)]
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        self.losses: list[float] | None = [] if self.training.schedule == "plateau" else None
        self.forward: Callable[[Tensor], Tensor] = _distributed(self.network)
        if self.training.compile:
            self.forward = torch.compile(self.forward)

    def batches(self, start: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield prepared batches from step ``start`` on: this process's share, on the device."""
        for epoch, indices, (inputs, targets) in self._samples(start):
            draws = seeding.Draws(self.training.seed, epoch, indices)
            inputs, targets = self.task.prepare(inputs, targets, facts=self.facts, draws=draws)
            yield inputs.to(self.device, memory_format=self.layout), targets.to(self.device)

    def update(self, batch: tuple[Tensor, Tensor], step: int) -> Tensor:
        """Make one update: forward, loss, backward, clip, step, constraints, average.

        Raises:
            NonFinite: the loss or a gradient is not finite, and the weights are as they were; or a weight is
                not finite after the step.
        """
        self.optimizer.zero_grad(set_to_none=True)
        seeding.seed_step(self.training.seed, step, rank())
        self.network.train()
        inputs, targets = batch
        with device.arithmetic(self.training.precision, self.device):
            loss = self.task.loss(self.forward(inputs), targets, self.facts)
        if world() > 1:  # DistributedDataParallel takes the mean over processes; their shares differ by one
            loss = loss * self._weight(step)
        loss.backward()
        self._clip(loss.detach(), inputs, step)
        optimizers.set_rate(self.optimizer, self._factor(step))
        optimizers.step(self.optimizer)
        for layer in self.bounded:
            layer.constrain()
        self._require(finite([p.detach() for p in self.parameters]), loss.detach(), inputs, step)
        if self.average is not None:
            self.average.update_parameters(self.network)
        return loss.detach()

    def evaluate(self) -> dict[str, Score]:
        """Score the weights that would be kept now on the validation set; they count from now on in the mean.

        Raises:
            UsageError: the schedule follows a loss that this task does not score.
        """
        self.checkpoints.take(self._current())
        scores = self._scores()
        if self.losses is not None:
            if "loss" not in scores:
                raise UsageError(f"--schedule plateau follows the loss; the scores are {', '.join(scores)}")
            self.losses.append(scores["loss"].value)
        return scores

    def vitals(self) -> vitals.Vitals:
        """Return the norm of each layer's last gradient, and the share of units that fell silent."""
        found = vitals.gradients(self.network)
        if not any(isinstance(part, vitals.RECTIFIERS) for part in self.network.modules()):
            return found
        first = torch.arange(min(vitals.SAMPLES, len(self.valid)))
        inputs, _ = self.task.prepare(*self.valid[first], facts=self.facts)
        whole = isinstance(inputs, Tensor)  # some networks take several things at once
        return found | (vitals.silent(self._kept(), inputs.to(self.device)) if whole else {})

    def validated(self) -> tuple[Tensor, Tensor]:
        """Return outputs and targets of the validation set, with the weights that would be kept now.

        Raises:
            NonFinite: an output is not finite.
        """
        network = self._kept()
        share_buffers(network)
        outputs, targets = outputs_of(network, self.task, self.valid, self.facts)
        rows = torch.isfinite(outputs).flatten(1).all(1)
        if not bool(rows.all()):
            bad = (~rows).nonzero()[:1, 0]
            inputs, _ = self.task.prepare(*self.valid[bad], facts=self.facts)
            where = first_non_finite(network.eval(), inputs.to(self.device))
            raise NonFinite(
                f"the network's outputs for validation sample {int(bad)} are not finite; first in {where}"
            )
        return outputs, targets

    def learning_rate(self, step: int) -> float:
        """Return the learning rate of the first parameter group at ``step``."""
        return self.optimizer.param_groups[0]["initial_lr"] * self._factor(step)

    def weights(self) -> dict[str, Tensor]:
        """Return the tensors that are used afterwards."""
        return {name: tensor.detach().cpu() for name, tensor in self._kept().state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        """Return weights, optimiser and averages; the place of the clock belongs to whoever saves this."""
        return {
            "network": dict(self.network.state_dict()),
            "optimizer": self.optimizer.state_dict(),
            "moments": len(self.optimizer.state),
            "average": None if self.average is None else dict(self.average.state_dict()),
            "samples": self.count,
            **({} if self.losses is None else {"losses": list(self.losses)}),
            **({} if self.checkpoints.most == 1 else {"checkpoints": self.checkpoints.taken}),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a state.

        Raises:
            RunError: a part is missing, or the state belongs to another network or another amount of data.
        """
        missing = [name for name in self.state_dict() if name not in state]
        if missing:
            raise RunError(
                f"the saved state lacks {', '.join(missing)}; resume from an older one or start again"
            )
        if state["samples"] != self.count:
            raise RunError(
                f"the state was saved with {state['samples']} training samples, now there are {self.count}"
            )
        if (state["average"] is None) != (self.average is None):
            raise RunError(
                "the saved state and the training differ in --ema; resume with the run's own settings"
            )
        try:
            self.network.load_state_dict(state["network"])
            self._load_optimizer(state["optimizer"], state["moments"])
            if self.average is not None:
                self.average.load_state_dict(state["average"])
            self.checkpoints.load(state.get("checkpoints", ()), self.network)
            if self.losses is not None:
                self.losses = list(state["losses"])
        except (RuntimeError, ValueError, KeyError) as error:
            raise RunError(f"the saved state does not fit this network: {error}") from None

    def _load_optimizer(self, saved: dict[str, Any], moments: int) -> None:
        """Take an optimiser's state only if it is what this optimiser keeps after a step."""
        expected = _after_a_step(self.network, self.training)
        kept = [{name: _layout(value) for name, value in held.items()} for held in saved["state"].values()]
        wanted = [expected["state"].get(number) for number in saved["state"]]
        groups = [
            {name: value for name, value in group.items() if name != "lr"} for group in saved["param_groups"]
        ]
        if kept != wanted or len(kept) != moments or groups != expected["param_groups"]:
            raise RunError(
                "the saved state of the optimiser is incomplete; resume from an older one or start again"
            )
        self.optimizer.load_state_dict(saved)
        for parameter, state in self.optimizer.state.items():
            for name, tensor in state.items():
                if isinstance(tensor, Tensor) and tensor.shape == parameter.shape:
                    # a fused step walks parameter and state side by side in memory: their layouts must be one
                    state[name] = torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)

    def _samples(self, start: int) -> Iterator[tuple[int, Tensor, tuple[Tensor, Tensor]]]:
        places = self._places(start)
        if self.training.workers == 0:
            yield from ((epoch, indices, self.train[indices]) for epoch, indices in places)
            return
        window = max(2, 2 * self.training.workers) * 64
        while True:  # a DataLoader wants a finite sampler; its length does not change what it yields
            part = [next(places) for _ in range(window)]
            loader = DataLoader(
                Whole(self.train),
                sampler=[indices for _, indices in part],
                batch_size=None,
                num_workers=self.training.workers,
                worker_init_fn=ignore_signals,
            )
            for (epoch, indices), sample in zip(part, loader, strict=True):
                yield epoch, indices, sample

    def _places(self, start: int) -> Iterator[tuple[int, Tensor]]:
        """Yield (epoch, this process's indices) for every step from ``start`` on."""
        step = start
        while True:
            epoch, position = divmod(step, self.clock.epoch_steps)
            for whole in self._wholes(epoch)[position:]:
                share = whole.tensor_split(world())[rank()]
                # A last batch smaller than the number of processes leaves some without a sample; they take
                # one that weighs nothing, because all have to meet and a mean over none is NaN.
                yield epoch, share if len(share) else whole[:1]
                step += 1

    def _wholes(self, epoch: int) -> Sequence[Tensor]:
        """Return the batches of an epoch, over all processes: a pure function of the seed and the epoch."""
        return paired(self._order(epoch).split(self.training.batch_size))

    def _order(self, epoch: int) -> Tensor:
        """Return the samples of an epoch in their order; a limited training has the same ones in each."""
        order = seeding.order(self.training.seed, epoch, self.count)
        if self.count == len(self.train):
            return order
        chosen = seeding.order(self.training.seed, LIMITED, len(self.train))  # they may be stored by classes
        return chosen[order]

    def _weight(self, step: int) -> float:
        """Return this process's samples in the batch of ``step`` over the mean of all processes."""
        position = step % self.clock.epoch_steps
        begin = position * self.training.batch_size
        last = position == self.clock.epoch_steps - 1
        length = self.count - begin if last else self.training.batch_size
        return len(torch.arange(length).tensor_split(world())[rank()]) * world() / length

    def _scores(self) -> dict[str, Score]:
        return self.task.metrics(*self.validated(), self.facts)

    def _factor(self, step: int) -> float:
        if self.losses is not None:
            return schedules.plateau(self.losses)
        steps = self.clock.steps
        warmup = round(self.training.warmup * steps)
        return schedules.factor(self.training.schedule, step, steps, warmup=warmup)

    def _kept(self) -> nn.Module:
        mean = self.checkpoints.network
        return self._current() if mean is None else mean

    def _current(self) -> nn.Module:
        return self.network if self.average is None else self.average.module

    def _clip(self, loss: Tensor, inputs: Tensor, step: int) -> None:
        """Look at the loss and the gradient, and clip the gradient's norm where asked to."""
        gradients = [numbers(p.grad) for p in self.parameters if p.grad is not None]
        if self.training.clip is None:
            self._require(finite([loss, *gradients]), loss, inputs, step)
            return
        norm = nn.utils.get_total_norm(gradients)
        self._require(math.isfinite(loss) and math.isfinite(norm), loss, inputs, step)
        nn.utils.clip_grads_with_norm_(self.parameters, self.training.clip, norm)

    def _require(self, good: bool, loss: Tensor, inputs: Tensor, step: int) -> None:
        if good:
            return
        norm = nn.utils.get_total_norm([numbers(p.grad) for p in self.parameters if p.grad is not None])
        where = first_non_finite(self.network, inputs)
        raise NonFinite(
            f"step {step + 1}: the loss is {float(loss):g} and gradient norm {float(norm):g}; first seen "
            f"in {where}. What was saved before this step is kept; try a smaller --learning-rate or --clip 1"
        )


def outputs_of(network: nn.Module, task: Any, split: Any, facts: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return the network's outputs and the targets for a whole split, each sample once, in order, on the CPU.

    With several processes each computes its share and all receive everything.
    """
    was_training, where = network.training, next(network.parameters()).device
    network.eval()
    outputs, targets = [], []
    share = torch.arange(len(split)).tensor_split(world())[rank()]
    with torch.inference_mode():
        for indices in share.split(EVALUATION_BATCH):
            inputs, target = task.prepare(*split[indices], facts=facts)
            output, target = task.outcome(network, inputs.to(where), target, facts)
            outputs.append(output.cpu())
            targets.append(target.cpu())
    network.train(was_training)
    if not outputs:
        raise UsageError("there is nothing to evaluate: the split is empty")
    return gather(torch.cat(outputs), len(split)), gather(torch.cat(targets), len(split))


def _distributed(network: nn.Module) -> nn.Module:
    return nn.parallel.DistributedDataParallel(network) if world() > 1 else network


def _optimizer(network: nn.Module, training: Training) -> torch.optim.Optimizer:
    return optimizers.build(
        training.optimizer,
        network,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        momentum=training.momentum,
        rho=training.rho,
        beta2=training.beta2,
    )


def _after_a_step(network: nn.Module, training: Training) -> dict[str, Any]:
    """Return the layout of what an optimiser keeps once every parameter has had a gradient."""
    network = copy.deepcopy(network)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer = _optimizer(network, training)
    optimizers.step(optimizer)
    state = optimizer.state_dict()
    groups = [
        {name: value for name, value in group.items() if name != "lr"} for group in state["param_groups"]
    ]
    layouts = {
        number: {name: _layout(value) for name, value in held.items()}
        for number, held in state["state"].items()
    }
    return {"state": layouts, "param_groups": groups}


def _layout(value: Any) -> Any:
    return (tuple(value.shape), value.dtype) if isinstance(value, Tensor) else type(value)
