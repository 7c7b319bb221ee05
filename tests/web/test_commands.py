"""The lines that the studio offers for a terminal run as they are, wherever its runs and its tasks are."""

import contextlib
import io
import json
import shlex
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from pellucid.cli.arguments import load_file
from pellucid.cli.main import main
from pellucid.verbs.trained import open_trained
from pellucid.web import app as studio

from .conftest import TOKEN, Served

ROOT = Path(__file__).parents[2]
FORM = {"task": "shapes", "setting": "tiny", "fields": {"maps": 3, "epochs": 1, "clip": None}}
RUN = "shapes-1"


def said(command, *more):
    """Return what a printed command says, as JSON."""
    words, screen = shlex.split(command), io.StringIO()
    assert words[0] == "pellucid"
    with contextlib.redirect_stdout(screen):
        assert main(["--json", *words[1:], *more]) == 0
    return json.loads(screen.getvalue())["result"]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    """A studio with a task of one file, whose runs are not in ``runs``, and in one of which it was trained."""
    folder = tmp_path_factory.mktemp("a folder")
    (folder / "my shapes.py").write_bytes((ROOT / "docs/examples/shapes.py").read_bytes())
    Image.open(ROOT / "docs/pictures/photo.jpg").save(folder / "photo.png")
    with contextlib.chdir(folder):
        file = Path("my shapes.py")
        kinds, files = {"shapes": load_file(file)}, {"shapes": file}
        found = Served(studio.create_app(Path("my runs"), token=TOKEN, kinds=kinds, files=files))
        found.trained = said(found.post("/command", FORM).body["command"], "--out", f"my runs/{RUN}")
        yield found
        found.close()


def test_the_command_of_a_form_trains_what_the_form_says(elsewhere):
    assert elsewhere.trained["finished"]
    run = elsewhere.get(f"/runs/{RUN}").body
    assert (run["fields"]["maps"], run["training"]["epochs"], run["training"]["clip"]) == (3, 1, None)


def test_a_form_that_breaks_the_rules_has_no_command(served):
    refused = served.post("/command", {"task": "digits", "setting": "tiny", "fields": {"epochs": -3}})
    assert refused.status == 422
    assert "above 0" in refused.body["error"]["message"]


def test_a_value_with_a_space_stays_one_word(served):
    command = served.post("/command", {"task": "images", "fields": {"folder": "My Pictures"}}).body["command"]
    assert shlex.split(command)[-2:] == ["--folder", "My Pictures"]


def test_the_commands_of_a_run_find_it_and_its_task(elsewhere):
    commands = elsewhere.get(f"/runs/{RUN}").body["commands"]
    answer = said(commands["predict"])["answers"][0]["text"]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(commands["python"], {})
    assert printed.getvalue().strip() == answer
    assert said(commands["evaluate"])["command"].endswith("--task 'my shapes.py'")


def test_the_command_of_a_number_finds_its_run(elsewhere):
    layer = elsewhere.get(f"/runs/{RUN}/layers?sample=valid:3").body["layers"][0]
    found = elsewhere.get(f"/trace?ref={layer['after']['ref']}[0,1,2]").body
    assert said(found["command"]) == found


def test_the_downloaded_weights_are_a_run_for_the_lines_beside_them(elsewhere, tmp_path, monkeypatch):
    commands = elsewhere.get(f"/runs/{RUN}").body["commands"]
    answer, there = said(commands["predict"])["answers"][0]["text"], Path.cwd()
    found = elsewhere.get(f"/runs/{RUN}/weights.zip")
    assert found.headers["content-disposition"] == f'attachment; filename="{RUN}.zip"'
    zipfile.ZipFile(io.BytesIO(found.bytes)).extractall(tmp_path)
    for name in ("my shapes.py", "photo.png"):
        (tmp_path / name).write_bytes((there / name).read_bytes())
    monkeypatch.chdir(tmp_path)
    printed, names = io.StringIO(), {}
    with contextlib.redirect_stdout(printed):
        exec(commands["unpacked"], names)
    assert printed.getvalue().strip() == answer
    served = open_trained(there / "my runs" / RUN, load_file(there / "my shapes.py")).network.state_dict()
    assert {name: each.tolist() for name, each in names["weights"].items()} == {
        name: each.tolist() for name, each in served.items()
    }


def test_a_released_model_is_called_by_its_name(served):
    assert served.get("/runs/zoo.digits.cnn").body["commands"] == {
        "evaluate": "pellucid evaluate digits/cnn",
        "predict": "pellucid predict digits/cnn photo.png",
        "python": "import pellucid\nprint(pellucid.predict('digits/cnn', 'photo.png').text)",
        "unpacked": "import pellucid\nprint(pellucid.predict('zoo.digits.cnn', 'photo.png').text)\n\n"
        "from safetensors.numpy import load_file\nweights = load_file('zoo.digits.cnn/weights.safetensors')",
    }
