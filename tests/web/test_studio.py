"""The verb ``studio`` and its page: the address, the rules about other machines, and every line for curl."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import pytest
from commands import environment
from PIL import Image

from pellucid.cli.main import main
from pellucid.web import pages

from .conftest import TOKEN
from .test_jobs import Studio

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("words", "code"),
    [(["--host", "0.0.0.0"], 2), (["--token", "short"], 2), (["--token", "a" * 15 + "!"], 2), (["--port", "70000"], 2),
     (["--task", "nothing.py"], 2), (["--host", "203.0.113.1", "--token", TOKEN, "--port", "0"], 1), (["--nothing"], 2)],
)  # fmt: skip
def test_what_cannot_be_served_is_refused_in_words(words, code, capsys, tmp_path):
    assert main(["studio", "--no-browser", "--runs", str(tmp_path), *words]) == code
    said = capsys.readouterr()
    assert said.err.startswith("pellucid studio: ")
    assert said.out == ""


def test_a_missing_extra_is_named_with_the_command_that_installs_it(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "fastapi", None)
    for name in [name for name in sys.modules if name.startswith("pellucid.web")]:
        monkeypatch.delitem(sys.modules, name)
    import pellucid

    monkeypatch.delattr(pellucid, "web", raising=False)
    assert main(["studio", "--no-browser"]) == 3
    assert "pip install 'pellucid[web]'" in capsys.readouterr().err


@pytest.mark.parametrize("accepted", ["gzip", "gzip, deflate, br, zstd", "identity", "gzip;q=0", ""])
def test_a_file_of_the_page_is_sent_compressed_to_who_reads_that_and_again_only_when_it_changed(
    served, accepted
):
    plain = (pages.STATIC / "app.js").read_bytes()
    found = served.ask("GET", "/static/app.js", headers={"Accept-Encoding": accepted})
    packed = accepted.startswith("gzip") and ";" not in accepted
    assert found.headers.get("content-encoding") == ("gzip" if packed else None)
    assert (gzip.decompress(found.bytes) if packed else found.bytes) == plain
    assert found.headers["vary"] == "accept-encoding"
    for tag, status in ((found.headers["etag"], 304), ('"another"', 200)):
        headers = {"Accept-Encoding": accepted, "If-None-Match": tag}
        assert served.ask("GET", "/static/app.js", headers=headers).status == status


def test_a_file_of_the_page_that_is_written_again_is_read_again(tmp_path):
    path = tmp_path / "x.js"
    tags = set()
    for number, text in enumerate(("one", "two"), 1):
        path.write_text(text)
        content, tag = pages.read(path, number, gzipped=False)
        assert content == text.encode()
        tags.add(tag)
    assert len(tags) == 2


def test_every_line_for_curl_runs(tmp_path):
    lines = [
        line
        for block in re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs/studio.md").read_text(), re.M | re.S)
        for line in block.splitlines()
    ]
    assert len(lines) >= 8
    Image.open(ROOT / "docs/pictures/photo.jpg").save(tmp_path / "photo.png")
    (tmp_path / "seven.wav").write_bytes((ROOT / "docs/examples/seven.wav").read_bytes())
    studio = Studio(tmp_path, "--task", str(ROOT / "docs/examples/shapes.py"))
    try:
        assert studio.address == f"http://127.0.0.1:{studio.port}/#token={TOKEN}\n"
        variables = {**environment(), "STUDIO": f"http://127.0.0.1:{studio.port}", "TOKEN": TOKEN}
        for line in lines:
            done = subprocess.run(
                ["bash", "-c", line], env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=120
            )
            assert (line, done.returncode) == (line, 0), done.stderr
        assert "shapes" in [task["name"] for task in studio.ask("GET", "/tasks")[1]]
    finally:
        assert studio.end(2)[0] == 130


def test_the_interface_is_described_without_a_script(served):
    page = served.get("/docs").bytes.decode()
    assert "<script" not in page
    assert all(f"{path}</code>" in page for path in served.get("/openapi.json").body["paths"])
    assert "http" not in page.replace("https://", "http://").split("openapi.json")[0]
