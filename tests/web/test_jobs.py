"""R24, R30: trainings are started, watched, stopped and found again; whatever happens to the studio, they end the same."""

import contextlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from commands import environment

from pellucid import config, media, tasks
from pellucid.errors import UsageError
from pellucid.run import Run
from pellucid.verbs import albums
from pellucid.verbs.train import train
from pellucid.verbs.trained import open_trained
from pellucid.web.events import Tail, last_line
from pellucid.web.jobs import Jobs, outcome
from pellucid.web.library import Library
from pellucid.web.trainings import list_runs
from pellucid.zoo import released

from .conftest import TOKEN, received  # noqa: F401

NIGHT = bool(os.environ.get("PELLUCID_NIGHT"))
DEATHS, STEPS = (50, 5_000_000) if NIGHT else (1, 500_000)
FIELDS = {"hidden": [8], "steps": STEPS, "evaluate_every": 100}
WORDS = ["--hidden", "8", "--steps", str(STEPS), "--evaluate-every", "100"]


class Studio:
    """``pellucid studio`` in a process of its own."""

    def __init__(self, folder, *words):
        self.folder = folder
        command = [
            sys.executable,
            "-m",
            "pellucid",
            "studio",
            "--port",
            "0",
            "--no-browser",
            "--token",
            TOKEN,
            *words,
        ]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), cwd=folder
        )
        self.address = self.process.stdout.readline()
        self.port = int(self.address.split(":")[2].split("/")[0])

    def server(self):
        """The number of the process that serves; the one that was started watches it."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        while not (found := children.read_text()):
            time.sleep(0.01)
        return int(found)

    def ask(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
        answer = connection.getresponse()
        found = json.loads(answer.read())
        connection.close()
        return answer.status, found

    def until(self, run, wanted, seconds=120):
        """Wait until a run has one of some statuses; return its line."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            line = next((line for line in self.ask("GET", "/runs")[1] if line["id"] == run), None)
            if line and wanted(line):
                return line
            time.sleep(0.05)
        raise AssertionError(f"{run} is {line}")

    def end(self, number):
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.process.stdout.close()
        said = self.process.stderr.read()
        self.process.stderr.close()
        return code, said


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("studio")


def alone(path, step):
    """Train the same without a studio, up to a step; return what it leaves."""
    task = config.parse(config.setting(tasks.find("digits"), "tiny"), WORDS, program="x")
    with contextlib.closing(train(task, path)) as steps:
        next(progress for progress in steps if progress.step == step)
    return files(path)


def files(path):
    last = max((path / "resume").glob("step-*"))
    return {
        file.name: file.read_bytes() for file in (path / "weights.safetensors", last, path / "progress.jsonl")
    }


def follow(port, run, lines, *, last=None, seconds=60):
    """Read a stream of events until so many lines of progress came; return (name, id, data) of each event."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    connection.request(
        "GET", f"/api/v1/runs/{run}/events", headers={} if last is None else {"Last-Event-ID": str(last)}
    )
    answer, found, event = connection.getresponse(), [], {}
    assert answer.getheader("content-type") == "text/event-stream"
    while sum(name == "progress" for name, _, _ in found) < lines:
        line = answer.readline().decode().rstrip("\n")
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif event:
            if "event" in event:
                found.append((event["event"], event.get("id"), json.loads(event["data"])))
            event = {}
    connection.close()
    return found


def test_a_training_is_the_same_whatever_happens_to_the_studio(folder, tmp_path):
    """Started from a form, followed, its studio killed, found by the next one, stopped, resumed: the same to the byte."""
    studio = Studio(folder)
    status, started = studio.ask("POST", "/runs", {"task": "digits", "setting": "tiny", "fields": FIELDS})
    assert (status, started["id"]) == (202, "digits-mlp-1")
    assert started["command"] == f"pellucid train digits --setting tiny {' '.join(WORDS)}"
    events = follow(studio.port, "digits-mlp-1", 3)
    for _ in range(DEATHS):
        studio.end(signal.SIGKILL)
        studio = Studio(folder)
        assert studio.until("digits-mlp-1", lambda line: True)["status"] == "running"
    assert studio.ask("POST", "/runs/digits-mlp-1/resume")[1]["error"]["code"] == "running"
    assert studio.ask("POST", "/runs/digits-mlp-1/stop")[0] == 202
    assert studio.ask("POST", "/runs/digits-mlp-1/stop")[0] in (202, 409)  # a second click spoils nothing
    line = studio.until("digits-mlp-1", lambda line: line["status"] != "running")
    assert line["status"] == "paused"
    assert 0 < line["step"] < line["steps"] == STEPS
    assert studio.ask("POST", "/runs/digits-mlp-1/resume")[0] == 202
    studio.until("digits-mlp-1", lambda now: now["status"] == "running" and now["step"] > line["step"])
    os.kill(studio.server(), signal.SIGSTOP)  # a studio that hangs holds nobody up
    time.sleep(0.5)
    os.kill(studio.server(), signal.SIGKILL)
    assert studio.ask("POST", "/runs/digits-mlp-1/stop")[0] == 202
    studio.until("digits-mlp-1", lambda line: line["status"] == "paused")
    found = files(folder / "runs" / "digits-mlp-1")
    step = int(next(name for name in found if name.startswith("step-"))[5:17])
    assert found == alone(tmp_path / "run", step)

    lines = Run.open(folder / "runs" / "digits-mlp-1").progress()
    told = [(int(number), data) for name, number, data in events if name == "progress"]
    assert told == list(enumerate(lines, 1))[: len(told)]
    rest = follow(studio.port, "digits-mlp-1", 2, last=len(lines) - 2)
    assert [(int(number), data) for name, number, data in rest if name == "progress"] == list(
        enumerate(lines, 1)
    )[-2:]
    code, said = studio.end(signal.SIGINT)
    assert code == 130
    assert TOKEN not in said
    assert "Traceback" not in said


def test_a_training_of_the_terminal_is_seen_and_stopped_and_a_failure_told(folder):
    studio = Studio(folder)
    words = [
        sys.executable,
        "-m",
        "pellucid",
        "train",
        "digits",
        "--setting",
        "tiny",
        "--steps",
        "100000",
        "--quiet",
        "--out",
        "runs/mine",
    ]
    terminal = subprocess.Popen(words, env=environment(), cwd=folder, stdout=subprocess.DEVNULL)
    failing = studio.ask(
        "POST", "/runs", {"task": "digits", "setting": "tiny", "fields": {"device": "cuda:9"}}
    )[1]["id"]
    try:
        studio.until("mine", lambda line: line["status"] == "running" and line["step"] > 0)
        assert studio.ask("POST", "/runs/mine/stop")[0] == 202
        assert terminal.wait(60) == 130
        assert studio.until("mine", lambda line: line["status"] == "paused")["step"] > 0
        failed = studio.until(failing, lambda line: line["status"] == "stopped")
        assert "cuda:9" in failed["message"]
        assert failed["task"] == "digits"
        assert str(folder) not in json.dumps(failed)
        shutil.rmtree(folder / "runs" / "mine")
        assert "mine" not in [line["id"] for line in studio.ask("GET", "/runs")[1]]
        assert studio.ask("POST", "/runs/mine/resume")[0] == 404
    finally:
        terminal.kill()
        terminal.wait()
        assert studio.end(signal.SIGTERM)[0] == 143


BAD = [
    {"fields": {"epochs": -1}}, {"fields": {"optimizer": "adm"}}, {"fields": {"nothing": 1}}, {"fields": {"device": "--out"}},
    {"fields": {"hidden": [1.5]}}, {"fields": {"hidden": []}}, {"fields": {"epochs": {"a": 1}}}, {"fields": {"device": "a\nb"}},
    {"fields": []}, {"setting": "none"}, {"setting": 3}, {"task": "chess"}, {"task": "/etc/passwd.py"}, {"more": 1},
]  # fmt: skip


@pytest.mark.parametrize("wrong", BAD, ids=str)
def test_a_form_that_breaks_the_rules_starts_nothing(served, wrong):
    answer = served.post("/runs", {"task": "digits", "setting": "tiny", "fields": {}} | wrong)
    assert answer.status in (404, 422)
    assert "--help" not in answer.body["error"]["message"]
    assert not list(served.app.state.jobs.folder.glob("*.log"))


def test_the_form_shows_each_field_with_the_text_below_it(served):
    fields = {field["name"]: field for field in served.get("/tasks/digits/form?setting=cnn").body["fields"]}
    assert fields["batch_size"]["help"] == "samples in one update, over all processes"
    assert fields["network"]["choices"] == ["mlp", "cnn", "lenet", "example"]
    assert (fields["network"]["default"], fields["epochs"]["default"]) == ("cnn", 6)
    assert (fields["clip"]["type"], fields["clip"]["nullable"], fields["clip"]["group"]) == (
        "float",
        True,
        "training",
    )


def test_words_of_a_form_mean_what_the_form_means():
    for make in config.settings(tasks.find("digits")).values():
        task = make()
        values = {field["name"]: field["default"] for field in config.form(task)}
        assert config.parse(tasks.find("digits")(), config.words(values), program="x") == task


def test_a_tail_gives_whole_lines_once_and_tells_when_lines_are_gone(tmp_path):
    log = tmp_path / "log"
    tail = Tail(log, after=1)
    assert tail.new() == ([], False)
    log.write_bytes(b"a\nb\nc\nhal")
    assert tail.new() == ([b"b", b"c"], False)
    assert tail.new() == ([], False)
    with log.open("ab") as file:
        file.write(b"f\n")
    assert tail.new() == ([b"half"], False)
    (tmp_path / "shorter").write_bytes(b"a\nb\n")
    os.replace(tmp_path / "shorter", log)
    assert tail.new() == ([], True)
    assert tail.known == 2
    with log.open("ab") as file:
        file.write(b"C\n")
    assert tail.new() == ([b"C"], False)


def test_the_last_line_of_a_log_is_found_however_long_it_is(tmp_path):
    for lengths in ([10], [9000], [20, 5000], [9000, 20], [5000, 300_000]):
        lines = [json.dumps({"step": number, "layers": "x" * n}) for number, n in enumerate(lengths)]
        (tmp_path / "log").write_text("".join(line + "\n" for line in lines) + '{"step": torn')
        assert last_line(tmp_path / "log").decode() == lines[-1]
    for nothing in ("", "x" * 9000, "no json\n"):
        (tmp_path / "log").write_text(nothing)
        assert last_line(tmp_path / "log") == b""
    assert last_line(tmp_path / "none") == b""


def test_a_killed_job_is_told_as_killed(tmp_path):
    (tmp_path / "log").write_text("")
    assert outcome(tmp_path / "log")["state"] == "failed"
    (tmp_path / "log").write_text(
        '{"command": "train", "ok": false, "error": {"message": "/home/me/runs/x is full", "exit_code": 1}}\n'
    )
    assert outcome(tmp_path / "log") == {"state": "failed", "message": "x is full"}


def test_the_cells_of_the_confusion_hold_every_test_sample(served):
    cells = [
        served.get(f"/runs/tried/cell/{true}/{predicted}").body
        for true in range(10)
        for predicted in range(10)
    ]
    assert sorted(index for cell in cells for index in cell["indices"]) == list(range(200))
    wrong = served.get("/runs/tried/mistakes?count=1000").body
    right = sum(served.get(f"/runs/tried/cell/{digit}/{digit}").body["n"] for digit in range(10))
    assert wrong["n"] == len(wrong["mistakes"]) == 200 - right
    accuracy = served.get("/runs/tried/scores").body["evaluate"]["scores"]["accuracy"]["value"]
    assert accuracy == pytest.approx(right / 200)


def test_beside_a_mistake_stand_the_training_images_that_are_most_like_it(served, trained_run):
    wrong = served.get("/runs/tried/mistakes?count=1000").body
    assert wrong["doubtful"] >= sum(one["doubtful"] for one in wrong["mistakes"])
    index = wrong["mistakes"][0]["index"]
    found = served.get(f"/runs/tried/mistakes/{index}/alike").body
    trained = open_trained(trained_run)
    data = trained.task.data()
    features = albums.features_of(trained, data.train[torch.arange(len(data.train))][0])
    mine = albums.features_of(trained, data.test()[torch.tensor([index])][0])[0]
    likeness = [one["likeness"] for one in found["alike"]]
    assert likeness == pytest.approx(sorted((features @ mine).tolist(), reverse=True)[:5], abs=1e-5)
    assert (found["missing"], found["searched"]) == (None, len(data.train))
    first = found["alike"][0]
    picture = served.get(f"/runs/tried/train/{first['index']}/sample")
    raw, label = data.train[torch.tensor([first["index"]])]
    assert (media.picture(picture.bytes) == raw[0].numpy()).all()
    assert first["class"] == data.facts["classes"][int(label[0])]


@pytest.fixture
def line(trained_run, tmp_path):
    """The line in the list of a run that may be changed, and the run's directory; None without a line."""
    path = shutil.copytree(trained_run, tmp_path / "runs" / "tried")
    library = Library(path.parent)
    work = Jobs(library)
    return lambda: next((one for one in list_runs(library, work) if one["id"] == "tried"), None), path


def test_the_documents_of_a_run_are_read_again_when_they_have_changed_and_only_then(line, monkeypatch):
    (line, path), read, scores, opened = line, [], Run.scores, Run.open
    monkeypatch.setattr(Run, "scores", lambda self: read.append(self.path) or scores(self))
    monkeypatch.setattr(Run, "open", lambda path, **given: read.append(path) or opened(path, **given))
    first = line()
    assert first["scores"]["accuracy"]["n"] > 0
    assert line() == first
    assert read.count(path) == 2  # opened once, and its scores read once
    run = opened(path)
    run.save_scores({"evaluate": {**scores(run)["evaluate"], "scores": {}}})
    assert line()["scores"] == {}
    (path / "scores.json").unlink()
    assert line()["scores"] == {}


def test_whatever_becomes_of_a_run_its_line_says_at_once(line):
    line, path = line
    assert (line()["status"], line()["network"], line()["steps"]) == ("finished", "cnn", 60)
    facts, before = (path / "facts.json").read_bytes(), (path / "facts.json").stat()
    (path / "facts.json").write_bytes(facts.replace(b"a", b"b"))  # in place, as long, and of the same time
    os.utime(path / "facts.json", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (line()["status"], line()["task"]) == ("damaged", "digits")
    (path / "facts.json").write_bytes(facts)
    assert line()["status"] == "finished"
    task = (path / "task.json").read_bytes()
    for spoilt in (b"", b"[1]", b'{"task": 3}', b"\xff"):
        (path / "task.json").write_bytes(spoilt)
        assert (line()["status"], line()["task"]) == ("damaged", None)
        assert line()["message"].startswith("task.json was changed")
    (path / "task.json").write_bytes(task)
    (path / "progress.jsonl").rename(path.parent / "log")
    assert line()["status"] == "damaged"
    (path.parent / "log").rename(path / "progress.jsonl")
    Run.open(path).rewind(30)
    assert line()["status"] == "paused"
    with Run.open(path).held():
        assert line()["status"] == "running"
    path.rename(path.parent / ".away")
    assert line() is None
    shutil.copytree(released()["digits/mlp"], path)
    assert (line()["status"], line()["network"]) == ("finished", "mlp")
    shutil.rmtree(path)
    (path.parent / ".away").rename(path)
    assert (line()["status"], line()["network"]) == ("paused", "cnn")


def test_what_became_of_a_job_is_told_anew_when_its_log_is(line):
    line, path = line
    log = path.parent / ".studio" / "tried.export.log"
    log.parent.mkdir()
    for message in ("no room", "no time"):
        log.write_text(json.dumps({"ok": False, "error": {"message": message, "exit_code": 1}}) + "\n")
        assert line()["message"] == message
    log.write_text('{"ok": true}\n')
    assert line()["jobs"] == {"export": {"state": "done"}}


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_training_that_gets_its_directory_while_runs_are_listed_is_in_the_list_once(
    line, monkeypatch, moment
):
    _, path = line
    library = Library(path.parent)
    work, away = Jobs(library), path.rename(path.parent / ".away")
    (path.parent / ".studio").mkdir()
    (path.parent / ".studio" / "tried.train.log").write_text("")
    listed = library.paths

    def paths():
        found = {} if moment == "before" else listed()
        away.rename(path)
        return found or listed()

    monkeypatch.setattr(library, "paths", paths)
    assert [one["id"] for one in list_runs(library, work)].count("tried") == 1


def test_the_copy_of_an_earlier_version_is_not_taken_for_a_released_model(tmp_path):
    work = Jobs(Library(tmp_path / "runs"))
    copy = shutil.copytree(released()["digits/mlp"], tmp_path / "runs" / "released-digits-mlp")
    (copy / "weights.safetensors").write_bytes(b"of before the upgrade")
    for start in (work.export, work.evaluate):
        with pytest.raises(UsageError, match=r"released-digits-mlp is not a copy of .*; move it away"):
            start("zoo.digits.mlp")
    assert not list(work.folder.glob("*.log"))


@pytest.mark.parametrize("name", ["tried%00", "%2e%2e", "nobody", "-tried", "a%20b"])
def test_what_is_no_training_cannot_be_stopped(served, name):
    assert served.post(f"/runs/{name}/stop").status in (404, 409)


def test_an_image_that_is_not_there_is_refused(served):
    for place in ("mistakes/200/alike", "mistakes/200/sample", "train/99999/sample"):
        assert served.get(f"/runs/tried/{place}").status == 404


def test_a_test_set_stays_closed_until_the_run_was_tested(served, trained_run):
    shutil.copytree(trained_run, trained_run.parent / "untested")
    try:
        (trained_run.parent / "untested" / "scores.json").unlink()
        assert (
            served.get("/runs/untested/mistakes")
            .body["error"]["message"]
            .startswith("this run was not tested yet")
        )
        assert served.get("/runs/untested/mistakes/0/sample").status == 422
    finally:
        shutil.rmtree(trained_run.parent / "untested")
