"""Images: classify your own folder of pictures, one sub-folder a class, or a CSV of path,label.

``Images(folder="photos")`` trains our quick network; ``cifar()`` is its longer training for 32 x 32 pixels,
``paper()`` is the ResNet-20 of He et al. 2015 with the paper's own training.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from pellucid import losses, metrics
from pellucid.datasets import augment, mixing, pictures, shapes, squares
from pellucid.errors import RunError, UsageError
from pellucid.learners import Supervised
from pellucid.media import PHOTOGRAPHS, ImageInput
from pellucid.models.pretrained import take_over
from pellucid.models.quick import Quick, looked_at, whitening_directions
from pellucid.models.resnet import names, resnet
from pellucid.processes import world
from pellucid.seeding import Draws
from pellucid.task import Answer, Classifier, Data
from pellucid.tensorfile import read_foreign
from pellucid.training import Training

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SPLIT_SEED = 20161122  # which pictures validate is a fact of the task, not of a run
MEASURED = 5000  # training pictures from which mean, deviation and whitening are taken
SMALLEST, LARGEST = 16, 512  # pixels along a side
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # what pretrained weights expect


@dataclass(frozen=True, kw_only=True)
class Images(Classifier):
    """Classify your own pictures.

    Raises:
        UsageError: a field is outside its range.
    """

    name: ClassVar[str] = "images"
    takes: ClassVar[ImageInput] = ImageInput(
        into=lambda picture, facts: {
            "photo": picture,
            "square": squares.square(picture, facts["shape"][0]),
        },
        decoders=PHOTOGRAPHS,
    )
    paths = {"folder": bool, "weights": bool}
    lasting = ("classes", "shape")  # pictures may be added: none changes sides
    only = {"widths": ("network", ("quick",))}

    folder: str = ""
    """your pictures: a folder with one sub-folder a class (or train/, valid/, test/ above them), or a CSV of
    path,label[,split]; empty takes a few made-up pictures for a quick try"""
    size: int | None = None
    """pixels along the side of what the network sees; None takes 32 for thumbnails and 64 for photographs"""
    validation: float | None = None
    """part of the pictures that choices are made on; None takes a tenth, a fifth of fewer than 1,000"""
    testing: float | None = None
    """part of the pictures that only evaluate looks at, where no test part is given; None as above"""
    network: Literal[
        "quick", "resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "preresnet110", "preresnet164",
        "resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "resnet50-v1.5",
    ] = "quick"  # fmt: skip
    """quick: ours; resnet20 to 110 and preresnet: the small residual networks of 2015 and 2016; resnet18 to
    152: those for ImageNet, v1.5 with torchvision's strides"""
    widths: tuple[int, int, int] = (48, 192, 192)
    """feature maps of the quick network's three blocks"""
    moves: float = 0.0625
    """largest move of a training picture as a part of its side: 2 pixels of 32"""
    mirror: Literal["turns", "chance", "never"] = "turns"
    """training pictures mirrored left to right: in every second epoch, by chance, or never"""
    covered: float = 0.25
    """side of the square that hides a part of each training picture, as a part of the picture's"""
    colour: float = 0.0
    """largest change of brightness, contrast and saturation of training pictures, such as 0.3"""
    mix: Literal["none", "mixup", "cutmix"] = "none"
    """training pictures blended with each other, or a piece of one put into another"""
    balance: Literal["none", "weights", "sampling"] = "none"
    """for uneven classes: a rare class weighs more in the loss, or its pictures are shown more often"""
    label_smoothing: float = 0.2
    """part of the target that is spread over all classes"""
    weights: str = ""
    """a safetensors file of the same network, such as torchvision's or timm's, to go on from"""
    frozen: float = 0.2
    """with weights: part of the training in which the last layer learns alone"""
    sure: float = 0.95
    """how often an answer must be right to be given; below the probability at which validation pictures
    reach this, the answer is "not sure\""""
    views: Literal[1, 2, 6] = 1
    """looks at a picture for one answer: as it is; mirrored as well; and both also moved to two corners"""
    least_steps: int = 300
    """updates at least, however few the pictures"""
    training: Training = field(default_factory=lambda: recipe(epochs=12))

    def __post_init__(self) -> None:
        if self.size is not None and not SMALLEST <= self.size <= LARGEST:
            raise UsageError(f"--size is {self.size}; expected {SMALLEST} to {LARGEST} pixels")
        if min(self.widths) < 1 or max(self.widths) > 4096:
            raise UsageError(f"--widths is {self.widths}; each block has 1 to 4096 feature maps")
        for flag in (
            "moves", "covered", "colour", "label_smoothing", "frozen", "sure", "validation", "testing",
        ):  # fmt: skip
            value = getattr(self, flag)
            if value is not None and not 0 <= value < 1:
                raise UsageError(f"--{flag.replace('_', '-')} is {value}; it must be at least 0 and below 1")
        if (self.validation or 0) + (self.testing or 0) >= 1 or self.validation == 0:
            raise UsageError(
                f"--validation {self.validation} and --testing {self.testing}: the first must be above 0 and "
                "some pictures must be left to train on"
            )
        if self.weights and self.network in ("resnet50", "resnet101", "resnet152"):
            raise UsageError(
                f"--weights with --network {self.network}: torchvision's and timm's weights are of v1.5, "
                "whose strides stand elsewhere; take --network resnet50-v1.5"
            )
        if not 0 <= self.least_steps <= 10**9:
            raise UsageError(f"--least-steps is {self.least_steps}; expected 0 to 1,000,000,000")

    def ask(self, network: nn.Module, inputs: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return the class scores over all ``views``: ``(N, 3, S, S)`` -> ``(N, K)``."""
        return looked_at(network, inputs, views=self.views, pixels=round(self.moves * inputs.shape[2]))

    def outcome(
        self, network: nn.Module, inputs: Tensor, targets: Tensor, facts: dict[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Return the scores of ``ask`` and the targets: what is tested is what answers."""
        return self.ask(network, inputs, facts), targets

    def data(self) -> Data:
        """List, decode (once) and split the pictures; what hurts is in the facts."""
        found = pictures.collect(
            self.folder or shapes.folder(),
            size=self.size,
            shares=(self.validation, self.testing),
            seed=SPLIT_SEED,
        )
        train = found.parts["train"]
        facts = self._facts(found, train)
        if self.balance == "sampling":
            train = pictures.balanced(train, len(found.classes))
        return Data(train, found.parts["valid"], lambda: found.parts["test"], facts)

    def prepare(
        self,
        inputs: Tensor,
        targets: Tensor | None = None,
        *,
        facts: dict[str, Any],
        draws: Draws | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Augment while training, then normalise: ``(N, S, S, 3)`` uint8 -> ``(N, 3, S, S)`` float32."""
        if inputs.ndim != 4 or list(inputs.shape[1:]) != facts["shape"] or inputs.dtype != torch.uint8:
            size = facts["shape"][0]
            raise UsageError(
                f"images: the pictures are {tuple(inputs.shape)} {inputs.dtype}; expected "
                f"(N, {size}, {size}, 3) uint8"
            )
        if draws is not None:
            inputs = self._moved(inputs, draws)
        pixels = inputs.permute(0, 3, 1, 2).float()
        if draws is not None and self.colour:
            pixels = mixing.recolour(pixels, draws.uniform(3, "colour"), self.colour)
        mean, deviation = (torch.tensor(facts[key]).view(3, 1, 1) for key in ("mean", "std"))
        pixels = pixels.mul_(1 / (255 * deviation)).sub_(mean / deviation)
        if draws is None:
            return pixels, targets
        return self._mixed(pixels, targets, draws, len(facts["classes"]))

    def model(self, facts: dict[str, Any]) -> nn.Module:
        """Build the network: ``(N, 3, S, S)`` -> ``(N, K)`` class scores."""
        classes = len(facts["classes"])
        if self.network != "quick":
            return resnet(self.network, classes)
        return Quick(
            torch.tensor(facts["whitening"]),
            stride=stem_stride(facts["shape"][0]),
            widths=self.widths,
            classes=classes,
        )

    def loss(self, outputs: Tensor, targets: Tensor, facts: dict[str, Any]) -> Tensor:
        """Return the cross-entropy of the scores ``(N, K)`` and classes ``(N,)`` or shares ``(N, K)``."""
        weights = facts["class_weights"] if self.balance == "weights" else None
        return losses.classification(
            outputs, targets, class_weights=weights, label_smoothing=self.label_smoothing
        )

    def learner(self, data: Data) -> Supervised:
        """Return supervised learning that also finds when to say "not sure", from given weights if any."""
        samples = min(self.training.limit or len(data.train), len(data.train))
        return Careful(self._with_enough_steps(samples), data)

    def answer(self, output: Tensor, facts: dict[str, Any]) -> Answer:
        """Name the class with the largest score, or say "not sure" below the probability in the facts."""
        answer = super().answer(output, facts)
        sure = answer.probabilities[answer.text] >= facts.get("sure_above", 0.0)
        return answer if sure else dataclasses.replace(answer, text=f"not sure ({answer.text}?)")

    def picture(self, sample: np.ndarray, answer: Answer, facts: dict[str, Any]) -> Figure:
        """Draw the picture as the network got it, its class scores and its probabilities."""
        from pellucid.plots import scores  # matplotlib is slow to import and only pictures need it

        logits, probabilities = list(answer.logits.values()), list(answer.probabilities.values())
        return scores.bars(list(answer.logits), np.array(logits), np.array(probabilities), image=sample)

    def explain(
        self, network: nn.Module, inputs: Tensor, target: int, facts: dict[str, Any]
    ) -> dict[str, np.ndarray]:
        """Return where the network looked, by four methods: name -> ``(S, S)``."""
        from pellucid.explain import gradcam, gradients, occlusion  # only those who ask why load them

        size = (facts["shape"][0], facts["shape"][1])
        integrated = gradients.integrated_gradients(network, inputs, target, baseline=0.0)
        side = max(2, size[0] // 8)
        occluded = occlusion.occlusion(network, inputs, target, value=0.0, window=side, stride=side // 2)
        return {
            "saliency": np.abs(gradients.saliency(network, inputs, target)[0]).max(0),
            "integrated gradients": integrated.attributions[0].sum(0),
            "occlusion": occluded.per_pixel(*size)[0],
            "Grad-CAM": gradcam.enlarge(gradcam.gradcam(network, inputs, target), size)[0],
        }

    def _moved(self, inputs: Tensor, draws: Draws) -> Tensor:
        uniform = draws.uniform(2, "moves")
        if self.mirror == "turns":
            first = Draws(draws.seed, 0, draws.indices).uniform(1, "mirror")[:, 0]
            mirrored = augment.mirror_in_turns(draws.epoch, first)
        else:
            mirrored = draws.uniform(1, "mirror")[:, 0] < (0.5 if self.mirror == "chance" else 0.0)
        pixels = round(self.moves * inputs.shape[1])
        return augment.shift_and_mirror(inputs, uniform, pixels=pixels, mirrored=mirrored)

    def _mixed(
        self, pixels: Tensor, targets: Tensor | None, draws: Draws, classes: int
    ) -> tuple[Tensor, Tensor | None]:
        if self.covered:
            pixels = mixing.erase(pixels, draws.uniform(2, "covered"), self.covered)
        if self.mix == "none" or targets is None:
            return pixels, targets
        if self.mix == "mixup":
            return mixing.mixup(pixels, targets, draws.uniform(1, "mix"), classes)
        return mixing.cutmix(pixels, targets, draws.uniform(3, "mix"), classes)

    def _with_enough_steps(self, samples: int) -> Images:
        """Return the task with more epochs where so few pictures would make too few updates."""
        training = self.training
        batch = min(training.batch_size, max(8, samples // 4))
        epochs = max(training.epochs, self.least_steps / -(-samples // batch))
        if training.steps is not None or (batch, epochs) == (training.batch_size, training.epochs):
            return self
        each = max(1, round(epochs * -(-samples // batch)) // 10)
        longer = dataclasses.replace(
            training, batch_size=batch, epochs=epochs, evaluate_every=training.evaluate_every or each
        )
        return dataclasses.replace(self, training=longer)

    def _facts(self, found: pictures.Collection, train: pictures.Pictures) -> dict[str, Any]:
        step = max(1, len(train) // MEASURED)
        raw = train[torch.arange(0, len(train), step)][0]
        pixels = raw.permute(0, 3, 1, 2).float() / 255
        mean, deviation = pixels.mean((0, 2, 3)), pixels.std((0, 2, 3)).clamp(min=1e-3)
        if self.weights and self.network in names("imagenet"):
            mean, deviation = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
        counts = torch.bincount(train.labels, minlength=len(found.classes))
        facts = {
            "classes": found.classes,
            "shape": [found.size, found.size, 3],
            "mean": [round(value, 6) for value in mean.tolist()],
            "std": [round(value, 6) for value in deviation.tolist()],
            "counts": {
                **{part: len(pictures_) for part, pictures_ in found.parts.items()},
                "train per class": counts.tolist(),
            },
            "class_weights": (len(train) / (len(counts) * counts.clamp(min=1))).tolist(),
            "found": found.found,
            "fingerprint": found.fingerprint,
            "licence": "yours",
            "source": "a folder of pictures" if self.folder else "drawn here, Apache-2.0",
        }
        if self.network == "quick":
            stride = stem_stride(found.size)
            normal = (pixels - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
            directions = whitening_directions(normal, 2 * stride)
            facts["whitening"] = directions.mul(1e6).round().div(1e6).tolist()
        return facts


class Careful(Supervised):
    """Supervised learning that also finds, on validation, how probable an answer must be to be given.

    With weights from elsewhere, the last layer learns alone at first, and batch normalisation keeps its
    statistics meanwhile; then everything learns.
    """

    def __init__(self, task: Images, data: Data):
        super().__init__(task, data)
        self.sure, self.alone, self.body = task.sure, 0, []
        if task.weights:
            if world() > 1:
                raise UsageError("--weights and --processes: layers that rest for a while need one process")
            last = "scores" if task.network == "quick" else "fc"
            try:
                take_over(self.network, read_foreign(Path(task.weights)), last)
            except RunError as error:
                raise RunError(f"{task.weights}: {error}") from None
            self.alone = round(task.frozen * self.clock.steps)
            learned = [name for name, p in self.network.named_parameters() if p.requires_grad]
            self.body = [name for name in learned if not name.startswith(f"{last}.")]

    def update(self, batch: tuple[Tensor, Tensor], step: int) -> Tensor:
        """Make one update, of the last layer alone in the first steps if there are weights to keep."""
        for name in self.body:
            self.network.get_parameter(name).requires_grad_(step >= self.alone)
        if self.body:
            for module in self.network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.momentum = 0.0 if step < self.alone else 0.1
        return super().update(batch, step)

    def _scores(self) -> dict[str, metrics.Score]:
        """Score the weights on the validation set, with ``sure_above`` among the scores."""
        outputs, targets = self.validated()
        probabilities = outputs.double().softmax(1).numpy()
        above = metrics.sure_above(probabilities, targets.numpy(), self.sure)
        found = self.task.metrics(outputs, targets, self.facts)
        return {**found, "sure_above": metrics.Score(above, None, None, len(targets))}


def stem_stride(size: int) -> int:
    """Return the pixels between two patches, so that about 32 x 32 of them are seen."""
    return max(1, round(size / 32))


def recipe(*, epochs: float) -> Training:
    """Return the way of training of the quick network; LOG.md tells how it was found."""
    return Training(
        epochs=epochs,
        batch_size=256,
        learning_rate=0.01,
        beta2=0.99,
        weight_decay=0.02,
        schedule="linear",
        warmup=0.2,
        keep="last",
    )


def cifar() -> Images:
    """The quick network, wider, on CIFAR-10's 32 x 32 pixels: three quarters of an hour of one core."""
    training = dataclasses.replace(recipe(epochs=24), precision="auto", evaluate_every=424)
    return Images(size=32, widths=(64, 256, 256), views=6, training=training)


def tiny() -> Images:
    """Made-up shapes and a narrow network: seconds, for tests and first tries."""
    training = Training(epochs=12, batch_size=24, learning_rate=0.01, ema=0.9)
    return Images(size=16, widths=(8, 16, 16), covered=0.0, least_steps=0, training=training)


def paper() -> Images:
    """ResNet-20 for CIFAR-10 as in He et al. 2015, section 4.2: 64,000 steps of 128, 91.25 % with all 50,000.

    Theirs: momentum 0.9, weight decay 1e-4, rate 0.1 divided by 10 at 32,000 and 48,000 steps; 4 pixels of
    moves over zeros, mirrored by chance. Ours falls along half a cosine, and moves over mirror images.
    """
    training = Training(
        steps=64_000,
        batch_size=128,
        optimizer="momentum",
        learning_rate=0.1,
        weight_decay=1e-4,
        schedule="cosine",
        keep="last",
    )
    return Images(
        size=32,
        network="resnet20",
        moves=0.125,
        mirror="chance",
        covered=0.0,
        label_smoothing=0.0,
        training=training,
    )
