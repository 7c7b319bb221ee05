"""S4: any network is drawn from the network itself: more than twenty architectures, and no code that knows one."""

import json
import signal
from pathlib import Path

import pytest
from assorted import NETWORKS, Assorted

from pellucid.verbs.train import train

CROSSED = """() => {
    const boxes = [...document.querySelectorAll(".graph-plot rect")].map((box) => box.getBBox());
    const inside = ({ x, y }, box) => x > box.x + 1 && x < box.x + box.width - 1 && y > box.y + 1 && y < box.y + box.height - 1;
    const points = [...document.querySelectorAll(".graph-plot path")].flatMap((path) => {
        const length = path.getTotalLength();
        return Array.from({ length: 200 }, (_, i) => path.getPointAtLength(length * i / 199));
    });
    const meet = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
    return {
        boxes: boxes.length,
        edges: document.querySelectorAll(".graph-plot path").length,
        crossed: points.filter((point) => boxes.some((box) => inside(point, box))).length,
        overlapping: boxes.filter((a, i) => boxes.some((b, j) => i < j && meet(a, b))).length,
        outside: boxes.filter((box) => box.x < 0 || box.x + box.width > document.querySelector(".graph-plot").viewBox.baseVal.width).length,
    };
}"""


@pytest.fixture(scope="module")
def assorted(tmp_path_factory):
    """A studio with a run of each network."""
    from studio import Studio

    folder = tmp_path_factory.mktemp("assorted")
    for name in NETWORKS:
        for _ in train(Assorted(architecture=name), folder / "runs" / name):
            pass
    started = Studio(folder, "--task", str(Path(__file__).parents[1] / "assorted.py")).start()
    yield started
    started.kill(signal.SIGTERM)


def test_every_architecture_is_drawn_whole_and_no_edge_runs_through_a_box(assorted, open_page):
    from studio import go

    page = open_page(assorted)
    for name in NETWORKS:
        nodes = json.loads(assorted.get(f"api/v1/runs/{name}/graph"))["nodes"]
        go(page, f"#/assorted/{name}/look/graph")
        edges = sum(len(node["sources"]) for node in nodes)
        drawn = {"boxes": len(nodes), "edges": edges, "crossed": 0, "overlapping": 0, "outside": 0}
        assert page.evaluate(CROSSED) == drawn, name
    assert not page.errors


def test_the_input_map_of_a_kernel_walk_is_one_that_the_output_adds_up(assorted, open_page):
    page = open_page(assorted, "#/assorted/mobile/explain/kernel?layer=1.body.2&unit=0")
    for output in (0, 5, 2):  # of a depthwise convolution each output map looks at its own input map
        page.select_option("label:has-text('output map') select", str(output))
        page.wait_for_function(
            "map => document.querySelector('.kernel-grids figcaption').innerText.includes(`map ${map} of`)",
            arg=output,
        )
        ref = page.evaluate("() => document.querySelector('.kernel-grids canvas').dataset.ref")
        products = page.locator(".kernel-line table").last.locator("p-number").all()
        assert "before:1.body.2" in ref
        assert all(f":1.body.2:{output}:" in one.get_attribute("data-ref") for one in products)
    assert not page.errors


def test_the_layers_of_every_architecture_are_shown_at_work(assorted, open_page):
    from studio import go

    page = open_page(assorted)
    for name in NETWORKS:
        layers = json.loads(assorted.get(f"api/v1/runs/{name}/layers?sample=valid:0"))["layers"]
        go(page, f"#/assorted/{name}/explain/layers")
        shown = page.locator(".layers > li[data-layer]")
        assert [one.get_attribute("data-layer") for one in shown.all()] == [one["name"] for one in layers], (
            name
        )
        assert shown.locator("canvas, p-grid").count() >= len(layers), name
    go(page, "#/assorted/bare/explain/layers")
    assert "has no layers" in page.inner_text(".layers")
    assert not page.errors
