"""The benchmarks' bookkeeping: CSV files merge, ratios pair up, tables are generated; nothing is timed here."""

import argparse
import json
import sys
from types import SimpleNamespace

import accuracy
import atari
import numpy as np
import overview
import pytest
import results
import soak
import speed
import suite
import table


def speed_row(**changes):
    row = dict.fromkeys(results.SPEED_COLUMNS, "")
    row |= {"date": "2020-01-02", "benchmark": "b", "subject": "pellucid", "unit": "s/epoch", "median": "1.5"}
    return row | {"low": "1.25", "high": "2", "machine": "2 cores", "command": "python x.py"} | changes


@pytest.fixture
def speed_rows():
    return [
        speed_row(peer="keras_jax", ratio="0.5"),
        speed_row(subject="keras_jax", median="3", low="2.9", high="3.25", versions="keras 3.0, jax 0.1"),
    ]


@pytest.fixture
def options():
    return argparse.Namespace(threads=2, quick=False)


def measured(**samples):
    return {name: speed.Measurement(values, "") for name, values in samples.items()}


def test_rows_of_a_measured_benchmark_replace_the_old_ones_in_their_place():
    old = [{"k": "a", "v": "1"}, {"k": "b", "v": "2"}, {"k": "b", "v": "3"}, {"k": "c", "v": "4"}]
    expected = [{"k": "a", "v": "1"}, {"k": "b", "v": "9"}, {"k": "c", "v": "4"}]
    assert results.replaced(old, [{"k": "b", "v": "9"}], "k") == expected


def test_rows_of_a_new_benchmark_go_to_the_end():
    assert results.replaced([{"k": "a"}], [{"k": "b"}], "k") == [{"k": "a"}, {"k": "b"}]


def test_a_results_file_reads_back_what_was_written(tmp_path, speed_rows):
    results.write(tmp_path / "results.csv", results.SPEED_COLUMNS, speed_rows)
    assert results.read(tmp_path / "results.csv", results.SPEED_COLUMNS) == speed_rows


def test_a_results_file_with_other_columns_is_refused(tmp_path):
    (tmp_path / "results.csv").write_text("name,seconds\na,1\n")
    with pytest.raises(ValueError, match="has the columns"):
        results.read(tmp_path / "results.csv", results.SPEED_COLUMNS)


def test_an_interrupted_write_leaves_the_old_results_whole(tmp_path, speed_rows):
    path = tmp_path / "results.csv"
    results.write(path, results.SPEED_COLUMNS, speed_rows)
    with pytest.raises(ValueError):
        results.write(path, results.SPEED_COLUMNS, [speed_row(), {"no such column": "1"}])
    assert results.read(path, results.SPEED_COLUMNS) == speed_rows


def test_the_ratio_is_the_median_of_the_rounds_ratios():
    ours, peer = suite.System("pellucid", ()), suite.System("slow", ())
    rounds = [measured(pellucid=[1.0], slow=[2.0]), measured(pellucid=[9.0], slow=[10.0])]
    rounds.append(measured(pellucid=[3.0], slow=[4.0]))
    assert speed.against(ours, peer, rounds) == {"peer": "slow", "ratio": "0.75"}


def test_a_benchmark_gives_a_row_for_each_comparison_and_each_peer(options):
    ours, one, two = (suite.System(name, ("x.py",)) for name in ("pellucid", "one", "two"))
    rounds = [measured(pellucid=[1.0], one=[2.0], two=[4.0])]
    rows = speed.tabulate(suite.Benchmark("b", "s", ours, (one, two)), rounds, options)
    pairs = [(row["subject"], row["peer"], row["ratio"]) for row in rows]
    assert pairs == [
        ("pellucid", "one", "0.5"),
        ("pellucid", "two", "0.25"),
        ("one", "", ""),
        ("two", "", ""),
    ]


def test_the_low_and_high_of_a_row_are_the_extremes_of_all_rounds(options):
    ours = suite.System("pellucid", ("x.py",))
    rounds = [measured(pellucid=[2.0, 5.0]), measured(pellucid=[1.0, 3.0])]
    row = speed.row(suite.Benchmark("b", "s", ours), ours, rounds, options)
    assert (row["low"], row["median"], row["high"], row["n"]) == ("1", "2.5", "5", "4")


@pytest.mark.parametrize("benchmark", suite.BENCHMARKS.values(), ids=lambda benchmark: benchmark.name)
def test_every_script_that_a_benchmark_runs_is_there(benchmark):
    for system in (benchmark.ours, *benchmark.peers):
        scripts = [part for part in system.arguments if part.endswith(".py")]
        assert all((results.FOLDER.parent / script).is_file() for script in scripts)


def test_the_first_epoch_of_a_process_is_left_out(monkeypatch, tmp_path, options):
    answer = {"seconds_per_epoch": [9.0, 2.0, 4.0], "versions": {"torch": "2"}}
    monkeypatch.setattr(speed, "timed", lambda *_: (30.0, "a warning\n" + json.dumps(answer)))
    assert speed.run(suite.PLAIN, tmp_path, options) == speed.Measurement([2.0, 4.0], "torch 2")


def test_a_speed_table_shows_ours_then_the_peers_with_ratios(speed_rows):
    assert table.speed_table(speed_rows).splitlines()[2:4] == [
        "| **Pellucid** | 1.5 (1.25 to 2) |  |",
        "| Keras 3 on JAX (keras 3.0, jax 0.1) | 3 (2.9 to 3.25) | 0.50x |",
    ]


def test_a_page_gets_the_table_between_its_markers_and_keeps_the_rest():
    page = "before\n<!-- results:b -->\nold\n<!-- /results -->\nafter\n"
    assert (
        table.renewed(page, {"b": "new\n"}) == "before\n<!-- results:b -->\nnew\n<!-- /results -->\nafter\n"
    )


def test_renewing_a_page_twice_changes_nothing(speed_rows):
    tables = table.all_tables(speed_rows, [])
    page = "<!-- results:b -->\n<!-- /results -->\n\n<!-- results:speed -->\n<!-- /results -->\n"
    once = table.renewed(page, tables)
    assert table.renewed(once, tables) == once


def test_a_marker_that_names_no_results_is_an_error():
    with pytest.raises(ValueError, match="no results for 'c'; there are b"):
        table.renewed("<!-- results:c -->\n<!-- /results -->", {"b": ""})


@pytest.mark.parametrize(
    "page",
    [
        "<!-- results:b -->\n",
        "<!-- /results -->\n",
        "<!-- results:b -->\n<!-- results:b -->\n<!-- /results -->\n",
    ],
)
def test_an_unpaired_marker_is_an_error(page):
    with pytest.raises(ValueError, match="needs its"):
        table.renewed(page, {"b": "new\n"})


@pytest.mark.parametrize(("typed", "code"), [("| 0.1x |\n", 1), ("", 0)])
def test_check_fails_for_a_typed_table_and_passes_a_generated_one(
    typed, code, monkeypatch, tmp_path, speed_rows
):
    results.write(tmp_path / "results.csv", results.SPEED_COLUMNS, speed_rows)
    monkeypatch.setattr(results, "SPEED", tmp_path / "results.csv")
    monkeypatch.setattr(results, "ACCURACY", tmp_path / "none.csv")
    page = tmp_path / "page.md"
    content = typed or table.all_tables(speed_rows, [])["b"]
    page.write_text(f"<!-- results:b -->\n{content}<!-- /results -->\n")
    monkeypatch.setattr(sys, "argv", ["table.py", "--check", str(page)])
    with pytest.raises(SystemExit) as end:
        table.main()
    assert (end.value.code, content in page.read_text()) == (code, True)


def answer(value):
    return {"accuracy": value, "training_seconds": 10.0, "n": 10000, "threads": 2}


def test_the_median_of_a_setting_is_over_all_its_seeds_in_any_order():
    row = None
    for seed, value in [(2, 0.98), (0, 0.99), (1, 0.95)]:
        row = accuracy.merged(row, "paper", seed, answer(value))
    assert (row["seeds"], row["scores"], row["median"]) == ("0 1 2", "0.9900 0.9500 0.9800", "0.9800")


def test_a_seed_run_again_replaces_its_old_score():
    row = accuracy.merged(None, "paper", 0, answer(0.5))
    assert accuracy.scores(accuracy.merged(row, "paper", 0, answer(0.75))) == {0: 0.75}


def test_a_seed_that_is_already_there_is_not_trained_again(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "ACCURACY", tmp_path / "accuracy.csv")
    trained = []
    monkeypatch.setattr(
        accuracy, "train_and_evaluate", lambda _, seed, __: trained.append(seed) or answer(0.5)
    )
    for seeds in (["1"], ["0", "1", "2"]):
        monkeypatch.setattr(sys, "argv", ["accuracy.py", "paper", "--seeds", *seeds])
        accuracy.main()
    assert trained == [1, 0, 2]


def test_an_accuracy_table_shows_percent_range_and_the_papers_score():
    row = accuracy.merged(None, "paper", 0, answer(0.984))
    row = accuracy.merged(row, "paper", 1, answer(0.986)) | {"source": "the paper"}
    last = table.accuracy_table([row]).splitlines()[-3]
    assert last == "| `paper` | 98.50 % (98.40 % to 98.60 %) | 2 | 98.40 % (the paper) | 10 s |"


@pytest.mark.parametrize("cadence", [10, 3, 7])
def test_epoch_seconds_are_read_from_lines_at_any_cadence(monkeypatch, cadence):
    monkeypatch.syspath_prepend(str(results.FOLDER / "peers"))
    import ours

    steps = sorted({*range(cadence, 30, cadence), 30})
    times = [{"step": n, "seconds": n * 0.8, "evaluating": n * 0.2, "saving": n * 0.1} for n in steps]
    assert ours.epoch_seconds(times, 3) == pytest.approx([5.0, 5.0, 5.0])


def played(seed, mean, step=100, **training):
    """A run that was tested."""
    score = {"value": mean, "low": mean - 1, "high": mean + 1, "n": 30}
    test = {
        "command": "pellucid evaluate x", "game": "Freeway",
        "scores": {"score": score, "random": score | {"value": 0.5}},
        "players": {name: {"deviation": 2.0, "sticky": 0.1} for name in ("score", "random")},
    }  # fmt: skip
    return SimpleNamespace(
        path="x",
        task={"game": "Freeway", "start": 1000, "steps_per_update": 4},
        training={"seed": seed, **training},
        scores=lambda: {"evaluate": test},
        weights=lambda: ({}, {"step": step}),
    )


def test_trainings_of_a_game_are_scored_together():
    row, random = rows = atari.scored([played(0, 20.0), played(1, 30.0, step=200), played(2, 25.0)])
    assert (row["score"], row["low"], row["high"]) == ("25", "20", "30")
    assert (row["trainings"], row["steps"], row["asked"]) == ("20 30 25", "1400 1800 1400", "20")
    assert (random["score"], random["asked"]) == ("0.5", "")
    (line,) = table.atari_table(rows).splitlines()[2:]
    assert line == (
        "| Freeway | 0.1 | 1,400, 1,800, 1,400 | 25.00 (20.00 to 30.00) | 20.00, 30.00, 25.00 | 0.50 | 30 | ≥ 20 |"
    )


def test_one_training_keeps_the_interval_of_its_games():
    row, _ = rows = atari.scored([played(0, 20.0)])
    assert (row["score"], row["low"], row["high"]) == ("20", "19", "21")
    assert "| Freeway | 0.1 | 1,400 | 20.00 (19.00 to 21.00) |  | 0.50 | 30 |" in table.atari_table(rows)


def test_trainings_that_differ_in_more_than_the_seed_are_not_scored_together():
    with pytest.raises(SystemExit, match="more than their seed"):
        atari.scored([played(0, 20.0), played(1, 30.0, epochs=5)])


def test_the_readme_says_how_many_times_as_fast_not_how_much_of_the_time():
    rows = [
        speed_row(benchmark="paper-mlp", peer="keras_jax", ratio="0.5"),
        speed_row(benchmark="paper-mlp", peer="plain_pytorch", ratio="1.25"),
        speed_row(benchmark="not-in-the-readme", peer="plain_pytorch", ratio="0.1"),
    ]
    _, line = overview.faster(rows, {"keras_jax": "JAX", "plain_pytorch": "a loop"})
    assert line == ["an epoch of the Keras MLP", "1.5 s/epoch", "2x JAX; 0.8x a loop"]


def test_a_room_that_was_not_measured_has_no_line(monkeypatch, tmp_path):
    whole = overview.rooms()
    monkeypatch.setattr(results, "ATARI", tmp_path / "none.csv")
    assert [line for line in whole if "atari" not in line[0]] == overview.rooms() != whole


def test_a_table_with_times_says_on_which_machine_they_were_taken():
    rows = [accuracy.merged(None, name, 0, answer(0.5)) for name in ("paper", "cnn")]
    rows[0]["date"], rows[1]["date"] = "2020-01-02", "2020-01-05"
    assert table.accuracy_table(rows).endswith("\n\n2 cores, 2020-01-02 to 2020-01-05.\n")


def test_what_was_not_measured_names_the_script_that_measures_it(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "SOAK", tmp_path / "none.csv")
    tables = table.all_tables([], [])
    assert tables["soak"] == "Not measured yet; `python benchmarks/soak.py` measures it.\n"
    assert tables["accuracy"] == "Not measured yet; `python benchmarks/accuracy.py` measures it.\n"


def test_growth_is_that_of_an_hour_after_the_first_tenth():
    seconds = np.arange(0, 7200, 10.0)
    values = 300 + 6 * seconds / 3600 + np.random.default_rng(0).normal(0, 1, len(seconds))
    values[:70] -= 200  # while it warms up
    values[300] = 9999  # one accident
    medians, an_hour, low, high = soak.growth(seconds, values)
    assert len(medians) == 20
    assert an_hour == pytest.approx(6, abs=0.5)
    assert low < 6 < high
    _, an_hour, low, high = soak.growth(seconds, np.full(len(seconds), 5.0))
    assert (an_hour, low, high) == (0, 0, 0)
