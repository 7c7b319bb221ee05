"""R15, R16: nothing is ever unpickled or evaluated, and nothing leaves the machine."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment

SOURCE = Path(__file__).parents[1] / "src" / "pellucid"
TREES = {str(path.relative_to(SOURCE)): ast.parse(path.read_text()) for path in sorted(SOURCE.rglob("*.py"))}

MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "joblib",
    "shelve",
    "marshal",
    "yaml",
    "importlib",
    "imp",
    "runpy",
    "subprocess",
}
CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "torch.load",
    "torch.save",
    "torch.hub.load",
    "os.system",
    "os.popen",
}
# The only places that import by name, each from a literal table or from a file named on the command line.
ALLOWED = {
    ("__init__.py", "importlib"),  # our own names, from a literal table
    ("cli/data.py", "importlib"),  # our own data sets, from a literal table
    ("cli/doctor.py", "importlib.util"),  # looks whether an extra is installed
    ("media.py", "importlib"),  # pillow_heif, by literal name
    ("web/jobs.py", "subprocess"),  # our own command, from a list of words that were validated
    ("export.py", "importlib"),  # onnx and onnxruntime, by literal name
    ("cli/arguments.py", "importlib.util"),
    ("cli/main.py", "importlib"),
    ("cli/main.py", "importlib.metadata"),
    ("device.py", "importlib.metadata"),
    ("tasks/__init__.py", "importlib"),
}


def named(node):
    """Return a dotted name such as torch.load."""
    if isinstance(node, ast.Attribute):
        return f"{named(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def forbidden(tree):
    """Yield what a file uses that could run what it reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names if name.name.split(".")[0] in MODULES)
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
            yield node.module
        if isinstance(node, ast.ImportFrom) and node.module == "torch":
            yield from (f"torch.{name.name}" for name in node.names if name.name in ("load", "save", "hub"))
        if isinstance(node, ast.Call):
            if named(node.func) in CALLS:
                yield named(node.func)
            for keyword in node.keywords:
                value = getattr(keyword.value, "value", True)
                if keyword.arg in ("allow_pickle", "shell", "trust_remote_code") and value is not False:
                    yield keyword.arg
                if keyword.arg == "weights_only":
                    yield keyword.arg


def test_nothing_in_the_source_can_run_what_it_reads():
    found = {(path, what) for path, tree in TREES.items() for what in forbidden(tree)}
    assert found - ALLOWED == set()


def test_every_exception_is_still_needed():
    assert ALLOWED - {(path, what) for path, tree in TREES.items() for what in forbidden(tree)} == set()


@pytest.mark.parametrize(
    "line",
    [
        "import pickle", "from joblib import load", "import torch; torch.load('x')", "from torch import load",
        "eval('1')", "exec('1')", "import numpy; numpy.load('x', allow_pickle=True)", "import yaml",
        "import importlib", "f(allow_pickle=flag)", "import marshal", "import subprocess",
    ],
)  # fmt: skip
def test_the_lint_sees(line):
    assert list(forbidden(ast.parse(line)))


HOOK = """
import json, os, sys

folder, words = sys.argv[1], json.loads(sys.argv[2])
import captum.attr, matplotlib.figure, pydantic, safetensors.torch, scipy.stats, sklearn.manifold, tyro, PIL.Image, torch
import matplotlib.backends.backend_agg, torch.optim.swa_utils, torch.utils.data
import pellucid.cli.evaluate, pellucid.cli.predict, pellucid.cli.train, pellucid.tasks.digits
from pellucid.cli.main import main

seen, armed = [], [True]
HOME = {"127.0.0.1", "::1", "localhost"}
LIBRARIES = (sys.prefix, sys.base_prefix, os.path.dirname(pellucid.__file__))


def hook(event, arguments):
    if not armed[0]:
        return
    if event == "pickle.find_class":
        seen.append(f"unpickles {arguments}")
    if event in ("socket.connect", "socket.bind", "socket.sendto") and isinstance(arguments[1], tuple):
        if arguments[1][0] not in HOME:
            seen.append(f"{event} {arguments[1]}")
    if event == "socket.getaddrinfo" and arguments[0] not in HOME:
        seen.append(f"asks for {arguments[0]}")
    if event == "exec":
        name = arguments[0].co_filename
        if not name.startswith(LIBRARIES) and not name.startswith("<"):
            seen.append(f"runs {name}")
        if name == "<string>" and sys._getframe(1).f_globals.get("__name__", "").startswith("pellucid"):
            seen.append("runs a string")
    if event in ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn"):
        seen.append(f"{event} {arguments}")
    if event == "open" and isinstance(arguments[0], str):
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and not os.path.realpath(path).startswith((folder, "/dev/null", "/dev/shm", "/proc/self")):
            seen.append(f"writes {path}")


sys.addaudithook(hook)
if words == ["plant"]:
    import pickle, socket, collections
    pickle.loads(pickle.dumps(collections.OrderedDict))
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("192.0.2.1", 9))
    except OSError:
        pass
    open(os.path.join(os.path.dirname(folder), "outside"), "w").close()
    exec(compile("1", os.path.join(folder, "data.py"), "exec"))
    codes = []
else:
    codes = [main(command) for command in words]
armed[0] = False
print(json.dumps({"seen": seen, "codes": codes}))
"""


def watched(folder, words):
    """Run commands in a process that notes what they do; return the notes and the exit codes."""
    place = folder / "work"
    place.mkdir()
    surroundings = {
        **environment(),
        "HOME": str(place),
        "XDG_CACHE_HOME": str(place),
        "MPLCONFIGDIR": str(place),
        "TMPDIR": str(place),
    }
    done = subprocess.run(
        [sys.executable, "-c", HOOK, str(place.resolve()), json.dumps(words)],
        capture_output=True, text=True, env=surroundings, cwd=place, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_training_testing_and_predicting_unpickle_nothing_and_stay_at_home(tmp_path):
    run = str(tmp_path / "work" / "run")
    words = [
        ["train", "digits", "--setting", "tiny", "--epochs", "1", "--out", run],
        ["train", "--resume", run],
        ["evaluate", run],
        ["predict", run, "valid:0"],
    ]
    found = watched(tmp_path, words)
    assert found == {"seen": [], "codes": [0, 0, 0, 0]}


def test_the_watch_sees_what_it_is_there_for(tmp_path):
    seen = " ".join(watched(tmp_path, ["plant"])["seen"])
    assert all(what in seen for what in ("unpickles", "192.0.2.1", "writes", "outside", "runs"))
