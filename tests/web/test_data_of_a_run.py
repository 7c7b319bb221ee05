"""Look and Use show the data that a run learned from, not those of its task's default setting."""

import base64

import numpy as np
import torch

from pellucid.verbs.trained import open_trained


def test_the_samples_of_a_run_are_those_of_its_own_task(served, trained_run):
    valid = open_trained(trained_run).task.data().valid
    found = served.get("/runs/tried/samples?split=valid&start=3&count=2").body
    assert found["length"] == len(valid)
    assert found["inputs"]["ref"] == "tried/valid:3/raw"
    sent = np.frombuffer(base64.b64decode(found["inputs"]["data"]), np.uint8)
    assert np.array_equal(sent, valid[torch.tensor([3, 4])][0].numpy().ravel())
    assert served.get(f"/runs/tried/samples?split=valid&start={len(valid)}").status == 404


def test_what_is_looked_at_with_a_run_is_what_it_learned_from(served, trained_run):
    data = open_trained(trained_run).task.data()
    found = served.get("/runs/tried/look").body
    assert found["splits"] == {"train": len(data.train), "valid": len(data.valid)}
    assert found == served.get("/tasks/digits/look?setting=tiny").body
    assert served.get(f"/runs/tried/look/{found['pictures'][0]}.png").bytes[:4] == b"\x89PNG"
    assert served.get("/runs/tried/look/nothing.png").status == 404
    assert served.get("/runs/nobody/look").status == 404
