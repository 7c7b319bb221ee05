"""The speed benchmarks: which systems stand beside each other, and what is read from each.

A system is a command after ``python`` and the number it is judged by. Ours run in the environment that runs
``speed.py``, peers in ``benchmarks/.venv``.
"""

from __future__ import annotations

from dataclasses import dataclass

EPOCHS = "seconds_per_epoch"
TRAINING = "training_seconds"
COMMAND = "command_seconds"
PROCESS = "process"
QUICK_IMAGES = 2000


@dataclass(frozen=True)
class System:
    """A command to measure; ``times`` turns one epoch into that many."""

    name: str
    arguments: tuple[str, ...]
    takes: str = EPOCHS
    is_peer: bool = False
    epochs: int | None = 4
    times: int = 1

    def command(self, *, quick: bool, threads: int) -> list[str]:
        """Arguments after ``python``; the same text is kept in the results."""
        if self.takes == PROCESS:
            return list(self.arguments)
        epochs = 1 if quick else self.epochs
        command = [*self.arguments, "--threads", str(threads)]
        command += ["--epochs", str(epochs)] if epochs else []
        return command + (["--images", str(QUICK_IMAGES)] if quick else [])


@dataclass(frozen=True)
class Benchmark:
    """Ours and those beside it, in one unit."""

    name: str
    unit: str
    ours: System
    peers: tuple[System, ...] = ()


def _ours(
    setting: str, takes: str = EPOCHS, epochs: int | None = None, flags: tuple[str, ...] = ()
) -> System:
    script = ("benchmarks/peers/ours.py", "--setting", setting, "--skip-test", *flags)
    return System("pellucid", script, takes=takes, epochs=epochs)


def _peer(name: str, *arguments: str, epochs: int = 4) -> System:
    return System(name, (f"benchmarks/peers/{name}.py", *arguments), is_peer=True, epochs=epochs)


def _process(name: str, *arguments: str) -> System:
    return System(name, arguments, takes=PROCESS)


PLAIN = _peer("plain_pytorch")
TEN_PLAIN_EPOCHS = System("plain_pytorch_10_epochs", PLAIN.arguments, is_peer=True, times=10)
IMPORT_TORCH = _process("import_torch", "-c", "import torch")
PAPER = _ours("paper", epochs=4)

BENCHMARKS = {
    benchmark.name: benchmark
    for benchmark in (
        Benchmark(
            "paper-mlp",
            "s/epoch",
            PAPER,
            (PLAIN, _peer("keras_torch"), _peer("keras_jax"), _peer("sklearn_mlp")),
        ),
        Benchmark(
            "paper-mlp-auto",
            "s/epoch",
            _ours("paper", epochs=4, flags=("--precision", "auto")),
            (PLAIN, _peer("keras_torch"), _peer("keras_jax")),
        ),
        Benchmark(
            "pytorch-example",
            "s/epoch",
            _ours("example", epochs=2),
            (_peer("pytorch_example", epochs=2),),
        ),
        Benchmark("engine-overhead", "s/epoch", PAPER, (_peer("bare_loop", "--network", "mlp"),)),
        Benchmark("default-mlp-epoch", "s/epoch", _ours("default"), (PLAIN,)),
        Benchmark("default-mlp-training", "s", _ours("default", TRAINING)),
        Benchmark("default-mlp-command", "s", _ours("default", COMMAND)),
        Benchmark("cnn-one-epoch", "s", _ours("cnn-one-epoch", TRAINING), (TEN_PLAIN_EPOCHS,)),
        Benchmark("cnn-quick", "s", _ours("cnn", TRAINING), (TEN_PLAIN_EPOCHS,)),
        Benchmark("cnn-best", "s", _ours("cnn-best", TRAINING), (TEN_PLAIN_EPOCHS,)),
        Benchmark(
            "help", "s", _process("pellucid", "-m", "pellucid", "--help"), (_process("python", "-c", "pass"),)
        ),
        Benchmark("import", "s", _process("pellucid", "-c", "import pellucid"), (IMPORT_TORCH,)),
        Benchmark(
            "predict-one-image",
            "s",
            _process("pellucid", "-m", "pellucid", "predict", "digits", "digit.png", "--json"),
            (IMPORT_TORCH,),
        ),
    )
}
