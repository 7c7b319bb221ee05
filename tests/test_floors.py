"""The plan of the house holds: imports go down, files and functions are short, everything public is described."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment

SOURCE = Path(__file__).parents[1] / "src" / "pellucid"
FILES = sorted(SOURCE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in FILES}

FLOORS = {
    "cli": 60, "web": 59, "__main__": 70, "__init__": 70,
    "api": 58,
    "verbs": 55, "tasks": 50, "checks": 45, "task": 40,
    "translating": 32,
    "engine": 30, "learners": 30, "explain": 30, "plots": 30, "report": 30, "export": 30,
    "models": 20, "datasets": 20, "losses": 20, "metrics": 20, "averaging": 20, "decoding": 20, "optimizers": 20, "schedules": 20,
    "playing": 25, "bellman": 20, "graves": 18, "qlearning": 30, "sampling": 20, "fused": 19,
    "batches": 18, "rows": 18, "rule": 17, "vitals": 19, "finite": 18,
    "run": 16, "snapshots": 15, "journal": 14, "tensorfile": 14, "sealed": 13, "lock": 13, "disk": 12,
    "sound": 12, "config": 11, "media": 11, "download": 11, "seeding": 11, "training": 11, "processes": 11, "device": 11, "zoo": 11,
    "errors": 10, "uncompiled": 10,
}  # fmt: skip
LONGEST_FILE, LONGEST_FUNCTION = 400, 40
LONG = {  # functions that are one long picture or page, in lines; they may become shorter, never longer
    "walk": 54,
    "race_gif": 50,
    "walk_page": 57,
    "compiled": 71,  # one loop that is compiled as a whole
    "speak": 64,
}
WHERE = {  # third parties and the only rooms that may name them
    "matplotlib": {"plots"},
    "pydantic": {"config"},
    "tyro": {"config"},
    "safetensors": {"tensorfile"},
    "pooch": {"download"},
    "platformdirs": {"download"},
    "PIL": {"media", "plots", "datasets"},
    "sklearn": {"metrics", "explain"},
    "sentencepiece": {"datasets"},
    "sacrebleu": {"metrics"},
    "onnx": {"export"},
    "onnxscript": {"export"},
    "onnxruntime": {"export"},
    "fastapi": {"web"},
    "starlette": {"web"},
    "soundfile": {"sound"},
    "numba": {"fused"},
    "threadpoolctl": {"device"},
    "uvicorn": {"web"},
    "anyio": {"web"},
    "ale_py": {"datasets"},
    "minatar": {"datasets"},
    "torch": None,
    "numpy": None,
}


def room(path):
    """Return the room of a file: its folder in the package, or its name."""
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else path.stem


def imports(tree, *, types=True):
    """Yield (line, module) of what a file imports; ``types`` counts those for the type checker as well."""
    skipped = set()
    for node in ast.walk(tree):
        if not types and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped |= {id(inner) for inner in ast.walk(node)}
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, node.module
            if node.module == "pellucid":
                yield from ((node.lineno, f"pellucid.{name.name}") for name in node.names)


def of(what, found):
    return (
        "\n".join(f"{path.relative_to(SOURCE.parent)}:{line}: {text}" for path, line, text in found) or what
    )


def test_every_file_has_a_floor():
    assert {room(path) for path in FILES} <= set(FLOORS)


def test_an_import_goes_strictly_down():
    wrong = []
    for path, tree in TREES.items():
        for line, module in imports(tree):
            if not module.startswith("pellucid."):
                continue
            below = module.split(".")[1]
            if below != room(path) and FLOORS[below] >= FLOORS[room(path)]:
                wrong.append((path, line, f"{room(path)} imports {below}, which is not below"))
    assert not wrong, of("", wrong)


def test_explain_never_imports_plots_and_tasks_do_not_know_each_other():
    tasks = {path.stem for path in FILES if room(path) == "tasks"} - {"__init__"}
    wrong = [
        (path, line, module)
        for path, tree in TREES.items()
        for line, module in imports(tree)
        if (room(path) == "explain" and module.startswith("pellucid.plots"))
        or (room(path) == "tasks" and module.startswith("pellucid.tasks.") and module.split(".")[2] in tasks)
    ]
    assert not wrong, of("", wrong)


def test_models_import_nothing_but_torch_and_each_other():
    allowed = {"torch", *sys.stdlib_module_names}
    wrong = [
        (path, line, module)
        for path, tree in TREES.items()
        if room(path) == "models"
        for line, module in imports(tree)
        if module.split(".")[0] not in allowed and not module.startswith("pellucid.models")
        if module not in ("pellucid", "pellucid.errors")
    ]
    assert not wrong, of("", wrong)


def test_third_parties_stay_in_their_rooms():
    wrong = []
    for path, tree in TREES.items():
        for line, module in imports(tree, types=False):
            name = module.split(".")[0]
            if name in sys.stdlib_module_names or name == "pellucid":
                continue
            if name not in WHERE or (WHERE[name] and room(path) not in WHERE[name]):
                wrong.append((path, line, f"{name} is not for {room(path)}"))
    assert not wrong, of("", wrong)


def test_plots_never_import_torch_even_for_types():
    wrong = [
        (p, line, m)
        for p, t in TREES.items()
        if room(p) == "plots"
        for line, m in imports(t)
        if m.startswith("torch")
    ]
    assert not wrong, of("", wrong)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_fits_its_page(path):
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


def test_functions_are_short():
    wrong = [
        (path, node.lineno, f"{node.name} has {node.end_lineno - node.lineno + 1} lines")
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and len(set(range(node.lineno, node.end_lineno + 1)) - described(node)) > LONGEST_FUNCTION
        and node.end_lineno - node.lineno + 1 > LONG.get(node.name, 0)
    ]
    assert not wrong, of("", wrong)


def described(node):
    """Return the lines of a docstring."""
    first = node.body[0]
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return set(range(first.lineno, first.end_lineno + 1))
    return set()


def test_no_file_is_called_after_nothing():
    assert not {"utils", "util", "helpers", "helper", "common", "base", "misc", "core"} & {
        path.stem for path in FILES
    }


def test_what_is_public_is_described():
    wrong = []
    for path, tree in TREES.items():
        places = [tree, *(node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef)))]
        places += [inner for node in tree.body if isinstance(node, ast.ClassDef) for inner in node.body]
        for node in places:
            name = getattr(node, "name", "the module")
            kinds = (ast.Module, ast.FunctionDef, ast.ClassDef)
            if isinstance(node, kinds) and not name.startswith("_") and not ast.get_docstring(node):
                wrong.append((path, getattr(node, "lineno", 1), f"{name} has no docstring"))
    inside_private = {(p, n.lineno) for p, t in TREES.items() for c in t.body if isinstance(c, ast.ClassDef)
                      and c.name.startswith("_") for n in c.body if isinstance(n, ast.FunctionDef)}  # fmt: skip
    wrong = [entry for entry in wrong if entry[:2] not in inside_private]
    assert not wrong, of("", wrong)


def test_nothing_is_left_for_later():
    words = ("raise NotImplementedError", "TODO", "FIXME", "XXX")
    found = [
        (path, line, text.strip())
        for path in FILES
        for line, text in enumerate(path.read_text().splitlines(), 1)
        if any(word in text for word in words)
    ]
    assert not found, of("", found)


def test_only_the_command_line_prints():
    wrong = [
        (path, node.lineno, "prints")
        for path, tree in TREES.items()
        if room(path) != "cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not wrong, of("", wrong)


def imported_by(*words, cwd=None):
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=cwd,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return {
        line.split("|")[-1].strip() for line in done.stderr.splitlines() if "import time:" in line
    }, done.stdout


HEAVY = {"torch", "tyro", "pydantic", "matplotlib", "captum", "sklearn", "numpy", "PIL"}


def test_help_imports_nothing_heavy_and_lists_every_verb():
    from pellucid.cli.main import VERBS

    modules, text = imported_by("-m", "pellucid", "--help")
    assert not modules & HEAVY
    assert all(f"\n  {verb} " in text for verb in VERBS)
    assert "pellucid.tasks.digits" not in modules


def test_importing_the_package_imports_nothing_heavy():
    modules, _ = imported_by("-c", "import pellucid")
    assert "pellucid" in modules
    assert not modules & HEAVY


@pytest.mark.parametrize("task", ["digits", "atari"])
def test_training_does_not_import_the_compiler_of_torch(task, tmp_path):
    words = ["train", task, "--setting", "tiny", "--steps", "2", "--out", str(tmp_path / "run")]
    modules, _ = imported_by("-m", "pellucid", *words)
    assert "torch.optim" in modules
    assert "torch._dynamo" not in modules


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (("translation", "ein Mann"), "man"),
        (("speech", "seven", "--out", "said.wav"), "says: seven"),
    ],
)
def test_using_a_network_does_not_import_the_compiler_of_torch(words, answer, tmp_path):
    modules, said = imported_by("-m", "pellucid", "predict", *words, cwd=tmp_path)
    assert "torch.nn" in modules
    assert answer in said
    assert "torch._dynamo" not in modules


def test_every_verb_of_the_help_has_its_file():
    from pellucid.cli.main import VERBS

    missing = [verb for verb in VERBS if not (SOURCE / "cli" / f"{verb.replace('-', '_')}.py").is_file()]
    assert not missing


def test_the_tables_of_tasks_agree():
    from pellucid import tasks

    assert set(tasks.TASKS) == set(tasks.NETWORKS) == set(tasks.SUMMARIES)
    assert all((SOURCE / "tasks" / f"{name}.py").is_file() for name in tasks.TASKS)
