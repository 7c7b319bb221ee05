"""The real command line, started fast and killed at will.

A server process imports everything, computes nothing, and forks one command after another from there: the
two seconds of importing are paid once, and no thread of torch's exists yet when it forks. It speaks JSON
lines: {"words", "folder", "log", "dies_at", "defect"} starts a command and answers {"pid"}; {"pid"} waits for
its end and answers {"status"}.
"""

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def environment():
    """Return this process's environment with our source on the path and one thread."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    threads = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "MKL_NUM_THREADS": "1"}
    left_out = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, **threads, "PYTHONPATH": paths}


class Commands:
    """A server of commands."""

    def __init__(self, folder):
        self.folder = Path(folder)
        words = [sys.executable, __file__]
        self.server = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(), cwd=folder
        )
        self.started = []
        assert self.server.stdout.readline() == "ready\n"  # so that the first command's time is its own

    def start(self, *words, dies_at=0, defect=None):
        """Start ``pellucid WORDS``.

        Args:
            dies_at: it kills itself at this call to the disk, if that is not 0.
            defect: one of ``DEFECTS`` that is planted in it.
        """
        log = self.folder / f"command-{len(self.started)}.log"
        log.touch()
        given = {
            "words": list(map(str, words)),
            "folder": str(self.folder),
            "log": str(log),
            "dies_at": dies_at,
            "defect": defect,
        }
        self.started.append(Command(self, self._ask(given)["pid"], log))
        return self.started[-1]

    def run(self, *words, **how):
        """Run a command to its end."""
        command = self.start(*words, **how)
        code = command.wait()
        assert code == 0, command.log.read_text()
        return command

    def close(self):
        """End the server, and before it all commands that nobody waited for, with their workers."""
        for command in self.started:
            if command.code is None:
                command.send(signal.SIGKILL)
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(command.pid, signal.SIGKILL)
                command.wait()
        self.server.stdin.close()
        self.server.wait(60)

    def _ask(self, question):
        self.server.stdin.write(json.dumps(question) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())


class Command:
    """A command that runs in a session and a process group of its own."""

    def __init__(self, commands, pid, log):
        self.commands, self.pid, self.log, self.code = commands, pid, log, None

    def send(self, number):
        if self.code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def wait(self):
        """Return the exit code, or minus the signal that ended it."""
        if self.code is None:
            self.code = self.commands._ask({"pid": self.pid})["status"]
        return self.code

    def ended(self):
        """Say whether it has ended; it stays a zombie, whose number nobody else gets, until ``wait``."""
        return self.code is not None or state_of(self.pid) in ("Z", None)

    def said(self, text, seconds=120):
        """Wait until the command has said ``text``; return whether it did before it ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            over = self.ended()
            if text in self.log.read_text():
                return True
            if over:
                return False
            time.sleep(0.005)
        raise AssertionError(f"{text!r} was not said within {seconds} s:\n{self.log.read_text()}")


def state_of(pid):
    """Return the state letter of a process, None if there is none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return None


def living(group):
    """Return the processes of a group or session that still live."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if str(group) in (fields[2], fields[3]) and fields[0] != "Z":
                    found.append(int(entry.name))
    return found


def serve():
    """Start and end commands until the input ends; return the exit code in a forked command."""
    for line in sys.stdin:
        asked = json.loads(line)
        if "words" not in asked:
            print(
                json.dumps({"status": os.waitstatus_to_exitcode(os.waitpid(asked["pid"], 0)[1])}), flush=True
            )
            continue
        pid = os.fork()
        if pid == 0:
            return command(asked)
        print(json.dumps({"pid": pid}), flush=True)
    return 0


def command(asked):
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's command in the background ignores it
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.chdir(asked["folder"])
    if asked["dies_at"]:
        die_at(asked["dies_at"])
    if asked["defect"]:
        DEFECTS[asked["defect"]]()
    from pellucid.cli.main import main

    return main(asked["words"])


def die_at(call):
    """Kill this process in front of its ``call``-th call to the disk."""
    from pellucid.disk import Disk

    left = [call]
    for name in ("read", "names", "write", "append", "sync", "sync_directory", "rename", "unlink", "mkdir"):

        def wrapped(self, *arguments, _plain=getattr(Disk, name)):  # noqa: B008
            left[0] -= 1
            if left[0] <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return _plain(self, *arguments)

        setattr(Disk, name, wrapped)


def sync_slowly():
    from pellucid.disk import Disk

    plain, states = Disk.sync, []

    def sync(self, path):
        if "resume" in str(path):
            states.append(path)
        if len(states) > 1:  # the first is to be there already
            sys.stderr.write("saving slowly\n")
            sys.stderr.flush()
            time.sleep(20)
        plain(self, path)

    Disk.sync = sync


def forget_the_optimizer():
    from pellucid.learners import Supervised

    Supervised._load_optimizer = lambda self, saved, moments: None


def forget_the_average():
    from torch.optim.swa_utils import AveragedModel

    AveragedModel.load_state_dict = lambda self, state: None


def begin_the_epoch_again():
    from pellucid.learners import Supervised

    plain = Supervised._places

    def places(self, start):
        return plain(self, start - start % self.clock.epoch_steps)

    Supervised._places = places


def draw_from_a_running_generator():
    from pellucid import seeding

    plain = seeding.seed_step
    seeding.seed_step = lambda seed, step, rank=0: plain(seed, step) if step < 0 else None


def keep_the_log():
    from pellucid.journal import Journal

    Journal.rewind = lambda self, step: None


DEFECTS = {
    function.__name__: function
    for function in (
        forget_the_optimizer,
        forget_the_average,
        begin_the_epoch_again,
        draw_from_a_running_generator,
        keep_the_log,
        sync_slowly,
    )
}

if __name__ == "__main__":
    import pydantic  # noqa: F401
    import safetensors.torch  # noqa: F401
    import torch.optim.swa_utils  # noqa: F401
    import tyro  # noqa: F401

    import pellucid.cli.train
    import pellucid.config
    import pellucid.tasks.digits
    import pellucid.verbs.train  # noqa: F401

    gc.freeze()  # what is imported stays shared with the commands: no collection walks through it there
    print("ready", flush=True)
    sys.exit(serve())
