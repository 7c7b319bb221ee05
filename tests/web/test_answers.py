"""R21, R22, R26: answers are those that a sample gets alone, whoever its neighbours are, and the counters are true."""

import asyncio
import base64
import gc
import os
import random
import shutil
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fuzz import COUNT

from pellucid.datasets import mnist
from pellucid.errors import DataError
from pellucid.media import write_png
from pellucid.verbs.predict import answer_to, predict
from pellucid.verbs.trace import Reference, open_scene
from pellucid.verbs.trained import open_trained
from pellucid.web import batching, library
from pellucid.web.app import create_app, serve
from pellucid.web.batching import Batcher, compute
from pellucid.web.library import Library, Opened, block
from pellucid.web.refusals import Refusal, tellable

from .conftest import TOKEN, Served, in_a_thread

FLOOD = 50  # requests at once


@pytest.fixture(scope="module")
def opened(trained_run):
    return Library(trained_run.parent).open("tried")


@pytest.fixture
def batcher():
    found = Batcher(counts=Counter())
    yield found
    found.close()


def digits(count):
    return mnist.tiny(count, seed=9)[0]


def test_a_picture_is_answered_as_the_command_line_answers_it(served, trained_run):
    drawn = write_png(255 - np.kron(digits(1)[0], np.ones((10, 10), np.uint8)))
    answer = served.ask("POST", "/api/v1/runs/tried/predict", drawn, {"Content-Type": "image/png"}).body
    mine = predict(open_trained(trained_run), _saved(trained_run, drawn))
    assert answer["answer"]["text"] == mine.text
    assert answer["answer"]["logits"] == pytest.approx(mine.logits, abs=1e-6)
    assert [stage["name"] for stage in answer["stages"]] == ["grey", "flattened", "ink", "box", "sample"]


def _saved(trained_run, content):
    path = trained_run.parent.parent / "drawn.png"
    path.write_bytes(content)
    return path


def test_every_number_of_an_answer_says_where_it_is_from(served, trained_run):
    found = served.post("/runs/tried/predict", {"sample": "valid:3"}).body
    sha8 = __import__("hashlib").sha256((trained_run / "weights.safetensors").read_bytes()).hexdigest()[:8]
    assert found["stages"][0]["ref"] == f"tried@{sha8}/valid:3/sample"
    raw = open_trained(trained_run).task.data().valid[torch.tensor([3])][0][0].numpy()
    sent = np.frombuffer(base64.b64decode(found["stages"][0]["data"]), np.uint8).reshape(28, 28)
    assert np.array_equal(sent, raw)
    logits = np.frombuffer(base64.b64decode(found["output"]["data"]), "<f4")
    assert logits.tolist() == list(found["answer"]["logits"].values())


def test_an_input_is_kept_under_the_hash_of_its_content(served):
    pixels = digits(1)[0].tolist()
    first, second = (served.post("/runs/tried/predict", {"pixels": pixels}).body for _ in range(2))
    assert first["sample"] == second["sample"]
    again = served.post("/runs/tried/predict", {"sample": first["sample"]}).body
    assert again["output"] == first["output"]


def test_a_block_holds_little_endian_bytes_whatever_the_array_is_like():
    found = block(np.arange(6, dtype=">f8").reshape(2, 3).T, "a/b")
    assert (found["shape"], found["dtype"], found["ref"]) == ([3, 2], "float32", "a/b")
    assert np.frombuffer(base64.b64decode(found["data"]), "<f4").tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"pixels": [[0] * 28] * 27}, 422), ({"pixels": [[0] * 28] * 27 + [[0] * 27]}, 422), ({"pixels": [[256] * 28] * 28}, 422),
        ({"pixels": [[-1] * 28] * 28}, 422), ({"pixels": [[0.5] * 28] * 28}, 422), ({"pixels": "a"}, 422), ({"pixels": None}, 422), ({"pixels": {}}, 422),
        ({"sample": "valid:50"}, 404), ({"sample": "valid:-1"}, 404), ({"sample": "valid:1e3"}, 404), ({"sample": "valid:" + "9" * 400}, 404),
        ({"sample": "test:0"}, 404), ({"sample": "input-0"}, 404), ({"sample": 3}, 422), ({"text": "seven"}, 415), ({}, 422), ([], 400),
        ({"sample": "valid:1", "text": "x"}, 422), ({"file": "/etc/passwd"}, 422), ({"url": "http://x"}, 422),
    ],
)  # fmt: skip
def test_what_is_not_an_input_is_refused_in_words(served, body, status):
    answer = served.post("/runs/tried/predict", body)
    assert answer.status == status
    assert set(answer.body["error"]) == {"code", "message", "request_id"}


def test_a_blank_picture_gives_no_guess(served):
    blank = write_png(np.full((280, 280), 255, np.uint8))
    answer = served.ask("POST", "/api/v1/runs/tried/predict", blank, {"Content-Type": "image/png"})
    assert (answer.status, answer.body["error"]["code"]) == (422, "data")


def together(batcher, opened, samples, order):
    """Ask for all samples at once, in an order; return outputs by sample number."""

    async def ask():
        outputs = await asyncio.gather(
            *(batcher.output(opened, samples[i]) for i in order), return_exceptions=True
        )
        return dict(zip(order, outputs, strict=True))

    return in_a_thread(ask())


def test_what_stands_is_set_aside_before_the_first_request_so_that_none_waits_for_it(tmp_path, monkeypatch):
    interval, counts, shared = sys.getswitchinterval(), [], []
    monkeypatch.setattr("pellucid.web.app.share_heap", lambda: shared.append(threading.active_count()))

    def ready(address):
        counts.append(gc.get_freeze_count())
        raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            serve(
                lambda: create_app(tmp_path, token=TOKEN), host="127.0.0.1", port=0, ready=ready, tell=print
            )
        assert counts[0] > 50_000
        assert len(shared) == 1  # before it has threads
    finally:
        gc.unfreeze()
        sys.setswitchinterval(interval)


@pytest.mark.parametrize(("cores", "before", "after"), [(8, 8, 4), (8, 1, 1), (2, 2, 1), (1, 1, 1)])
def test_the_studio_and_trace_leave_half_of_the_cores_to_the_browser(
    tmp_path, monkeypatch, cores, before, after
):
    threads = torch.get_num_threads()
    monkeypatch.setattr("os.cpu_count", lambda: cores)
    shelf = Library(tmp_path, {})
    try:
        for opened in (
            lambda: shelf.open("zoo.digits.mlp"),
            lambda: shelf.open("zoo.digits.mlp"),  # it is open already, and another thread may ask
            lambda: open_scene(Reference.read("zoo.digits.mlp/valid:0/scores")),
        ):
            torch.set_num_threads(before)
            opened()
            assert torch.get_num_threads() == after
    finally:
        torch.set_num_threads(threads)
        gc.unfreeze()


BLAS = """
import os
from threadpoolctl import threadpool_info
import numpy, torch
os.cpu_count = lambda: 2
from pellucid.device import leave_cores
leave_cores()
print(*{each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"})
"""


@pytest.mark.parametrize("before", [1, 2, 8])
def test_numpys_products_leave_the_cores_as_well(before):
    # its threads wait by spinning: a drawing's bars came a third later, now and then three times as late
    words = [sys.executable, "-c", BLAS]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(before)}
    said = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["1"]


def test_a_round_for_garbage_looks_at_little_once_a_network_is_open(tmp_path):
    try:
        Library(tmp_path, {}).open("zoo.digits.mlp")
        assert gc.get_freeze_count() > 50_000
        assert len(gc.get_objects()) < 5_000
    finally:
        gc.unfreeze()


def test_an_answer_does_not_depend_on_its_neighbours(opened, batcher):
    samples = digits(40)
    alone = [answer_to(opened.trained, sample) for sample in samples]
    draw = random.Random(0)
    asked = 0
    while asked < COUNT * 5:
        order = draw.sample(range(40), draw.randint(1, 40))
        asked += len(order)
        for number, output in together(batcher, opened, samples, order).items():
            expected = list(alone[number].logits.values())
            assert output.tolist() == pytest.approx(expected, abs=1e-6, rel=1e-6)
            assert int(output.argmax()) == int(np.argmax(expected))
    assert batcher.counts["batches"] < batcher.counts["computed"] / 2


def test_one_at_a_time_gives_the_very_bits(opened):
    single = Batcher(together=1, counts=Counter())
    samples = digits(20)
    found = together(single, opened, samples, list(range(20)))
    single.close()
    for number, output in found.items():
        assert torch.equal(output, compute(opened, samples[number][None])[0])


def test_a_poisoned_neighbour_fails_alone(opened, batcher, monkeypatch):
    samples = digits(8)
    samples[3, 0, 0] = 77

    class Poisoned:
        facts, network = opened.trained.facts, opened.trained.network

        class task:
            @staticmethod
            def prepare(inputs, facts):
                if (inputs[:, 0, 0] == 77).any():
                    raise RuntimeError("at address 0x7f00 in /secret/path")
                return opened.trained.task.prepare(inputs, facts=facts)

            ask = staticmethod(opened.trained.task.ask)

    found = together(batcher, Opened("x", "0", Poisoned), samples, list(range(8)))
    assert isinstance(found[3], Refusal)
    assert "secret" not in str(found[3])
    for number in set(range(8)) - {3}:
        assert torch.allclose(found[number], compute(opened, samples[number][None])[0], atol=1e-6)


def test_samples_of_different_shapes_do_not_meet_in_a_batch(opened, batcher):
    samples = [*digits(4), np.zeros((5, 5), np.uint8)]
    found = together(batcher, opened, samples, [0, 4, 1, 2, 3])
    assert isinstance(found[4], Exception)
    assert all(isinstance(found[i], torch.Tensor) for i in range(4))


class Slow:
    """A network that computes as long as it is told to."""

    facts = {}

    def __init__(self):
        self.busy, self.go, self.seen = threading.Event(), threading.Event(), []
        self.task = SimpleNamespace(
            prepare=lambda inputs, facts: (inputs, None), ask=lambda network, inputs, facts: network(inputs)
        )

    def network(self, inputs):
        self.busy.set()
        self.go.wait(30)
        self.seen.append(len(inputs))
        return inputs.float()


def test_what_nobody_waits_for_is_not_computed(batcher):
    slow = Slow()
    opened = Opened("x", "0", slow)

    async def ask():
        first = asyncio.ensure_future(batcher.output(opened, np.zeros(3)))
        assert await asyncio.to_thread(slow.busy.wait, 20)
        others = [asyncio.ensure_future(batcher.output(opened, np.zeros(3))) for _ in range(6)]
        await asyncio.sleep(0)  # each runs until it waits for its output
        for other in others[:4]:
            other.cancel()
        slow.go.set()
        await asyncio.gather(first, *others, return_exceptions=True)

    in_a_thread(ask())
    assert slow.seen == [1, 2]
    assert batcher.counts["skipped"] == 4


def test_an_answer_that_takes_too_long_is_given_up(batcher):
    slow = Slow()
    with pytest.raises(Refusal, match="in time"):
        in_a_thread(batcher.output(Opened("x", "0", slow), np.zeros(3), seconds=0.2))
    slow.go.set()


def test_a_client_that_leaves_is_not_computed_for(served, monkeypatch):
    ask = ("/runs/tried/predict", {"sample": "valid:1"})
    served.post(*ask)  # the run is open now: nothing waits for that
    busy, go, real = threading.Event(), threading.Event(), batching.compute

    def slow(opened, raw):
        busy.set()
        go.wait(20)
        return real(opened, raw)

    monkeypatch.setattr(batching, "compute", slow)
    before = Counter(served.get("/metrics").body)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(served.post, *ask)
        try:
            assert busy.wait(20)
            for _ in range(5):
                with socket.create_connection(("127.0.0.1", served.port)) as connection:
                    body = b'{"sample": "valid:1"}'
                    connection.sendall(
                        b"POST /api/v1/runs/tried/predict HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                        % (served.port, TOKEN.encode(), len(body), body)
                    )
            until = time.monotonic() + 20
            while (
                served.get("/metrics").body.get("left", 0) < before["left"] + 5 and time.monotonic() < until
            ):
                time.sleep(0.05)
        finally:
            go.set()
        assert first.result().status == 200
    after = Counter(served.get("/metrics").body)
    assert (after["left"] - before["left"], after["computed"] - before["computed"]) == (5, 1)


def flood(served, monkeypatch, count):
    """Ask so often at once while the network computes the first; return each status with its Retry-After."""
    ask = ("/runs/tried/predict", {"sample": "valid:1"})
    served.post(*ask)  # the run is open now: nothing waits for that
    go, waiting, found, enter = threading.Event(), [], [], Batcher.output

    def computed_later(opened, raw):
        go.wait(60)
        return compute(opened, raw)

    async def output(self, opened, raw):
        waiting.append(raw)
        return await enter(self, opened, raw, seconds=60)

    def client():
        answer = served.post(*ask)
        found.append((answer.status, answer.headers["retry-after"]))

    monkeypatch.setattr(batching, "compute", computed_later)
    monkeypatch.setattr(Batcher, "output", output)
    clients = [threading.Thread(target=client) for _ in range(count)]
    for each in clients:
        each.start()
    try:
        until = time.monotonic() + 30
        while len(waiting) + len(found) < count and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        go.set()
    for each in clients:
        each.join(60)
    return Counter(found)


def test_what_is_more_than_fits_and_only_that_is_sent_away_at_once_and_counted(served, monkeypatch):
    before = Counter(served.get("/metrics").body)
    found = flood(served, monkeypatch, FLOOD)
    after = Counter(served.get("/metrics").body)
    more = FLOOD - batching.MOST_INSIDE
    assert found == {(200, None): batching.MOST_INSIDE, (503, "1"): more}
    assert after["shed"] - before["shed"] == more
    assert (
        after["answered"] - before["answered"] == batching.MOST_INSIDE + 2
    )  # with the first, and of metrics


def test_the_flood_sees_a_queue_without_bound(trained_run, monkeypatch):
    monkeypatch.setattr(batching, "MOST_INSIDE", 10**9)
    unbounded = Served(create_app(trained_run.parent, token=TOKEN))
    try:
        assert flood(unbounded, monkeypatch, FLOOD) == {(200, None): FLOOD}
    finally:
        unbounded.close()


def test_one_request_a_second_looks_at_the_files_and_the_others_do_not_wait(trained_run, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(library, "time", SimpleNamespace(monotonic=lambda: now[0]))
    shelf = library.Library(trained_run.parent)
    assert shelf.opened_lately("tried") is None
    opened = shelf.open("tried")
    assert shelf.opened_lately("tried") is opened
    now[0] += library.SECONDS_BETWEEN_LOOKS - 0.01
    assert shelf.opened_lately("tried") is opened
    now[0] += 0.02
    assert [shelf.opened_lately("tried") for _ in range(3)] == [None, opened, opened]
    monkeypatch.setattr(library, "weights_at", lambda path, step: path / "gone")
    with pytest.raises(Refusal, match="no weights"):
        shelf.open("tried")
    assert shelf.opened_lately("tried") is None


def test_opening_a_network_shows_nobody_the_tuples_that_other_threads_are_making(trained_run, monkeypatch):
    # CPython cannot resize a tuple that is seen elsewhere: under load one opening in some hundreds gave a 500
    monkeypatch.setattr(gc, "get_objects", lambda *_: pytest.fail("all objects were asked for"))
    try:
        library.Library(trained_run.parent).open("tried")
    finally:
        gc.unfreeze()


def test_networks_that_were_looked_at_once_are_let_go(trained_run, monkeypatch, tmp_path):
    # a time line that is scrubbed through opens one network a moment: two hours of it took a gigabyte
    monkeypatch.setattr(library, "MOST_OPEN", 2)
    for name in "abcd":
        shutil.copytree(trained_run, tmp_path / name)
    shelf = library.Library(tmp_path)
    held = [weakref.ref(shelf.open(name).trained.network) for name in "abcd"]
    gc.collect()
    assert [each() is not None for each in held] == [False, False, True, True]


def test_no_more_are_let_in_than_one_batch_takes():
    """What waits behind a batch waits as long as the batch takes: it would double every latency of a flood."""
    assert batching.MOST_INSIDE <= batching.MOST_TOGETHER


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("/home/me/runs/x/task.json: damaged", "task.json: damaged"),
        ("C:\\Users\\me\\x.txt (see '/etc/y')", "x.txt (see 'y')"),
        ("expected photos/cat/1.jpg and so on", "expected photos/cat/1.jpg and so on"),
    ],
)
def test_a_path_of_the_machine_is_cut_to_its_last_name_and_an_example_stays(text, told):
    assert tellable(text) == told


def test_the_words_of_an_error_name_no_folder(served, trained_run):
    damaged = trained_run.parent / "damaged"
    damaged.mkdir()
    (damaged / "task.json").write_text("{}")
    try:
        answers = [
            served.post("/runs/damaged/predict", {"sample": "valid:1"}),
            served.get("/runs/damaged"),
            served.get("/runs"),
        ]
        assert answers[0].status == 409
        assert answers[1].body["status"] == "damaged"
        assert not any(str(trained_run.parent.parent).encode() in answer.bytes for answer in answers)
    finally:
        (damaged / "task.json").unlink()
        damaged.rmdir()


def test_a_task_that_refuses_speaks_for_itself(batcher, opened):
    class Refusing:
        facts, network = {}, None
        task = SimpleNamespace(prepare=lambda inputs, facts: (_ for _ in ()).throw(DataError("too quiet")))

    with pytest.raises(DataError, match="too quiet"):
        in_a_thread(batcher.output(Opened("x", "0", Refusing), np.zeros(2)))
