"""What people get wrong: each mistake has its exit code and one message that helps, and loses nothing."""

import errno
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from house import command, fingerprints

from pellucid.disk import Disk
from pellucid.plots import canvas

FLAGS = r"""
2 | frob | no verb "frob"; .*train
2 | trian digits | no verb "trian".*Did you mean "train"
2 | evalute run | Did you mean "evaluate"
2 | --network cnn train digits | no verb "--network"; the flags of a verb stand after it
2 | train | which task\? For example: pellucid train digits
2 | look | which task
2 | model | which task
2 | lr-find | which task
2 | compare | compare what\? For example
2 | train digts | no task "digts"; .*Did you mean "digits"
2 | look digit | Did you mean "digits"
2 | model '' | no task ""
2 | train DIGITS | no task "DIGITS"; the tasks are digits
2 | train digits --batch-sze 3 | unknown flag --batch-sze\. Did you mean "--batch-size"
2 | train digits --batch-sze=3 | unknown flag --batch-sze\. Did you mean "--batch-size"
2 | train digits --lr 0.1 | unknown flag --lr\..*pellucid train digits --help
2 | train digits -x | unknown flag -x
2 | train digits extra | nothing is expected where "extra" stands
2 | train digits digits | nothing is expected where "digits" stands
2 | train digits --batch-size abc | --batch-size is "abc"; expected a whole number
2 | train digits --batch-size 12.5 | --batch-size is "12.5"; expected a whole number
2 | train digits --batch-size=abc | --batch-size is "abc"
2 | train digits --batch_size abc | --batch-size is "abc"
2 | train digits --batch-size | --batch-size needs a value: a whole number
2 | train digits --batch-size 0 | --batch-size is 0; it must be above 0
2 | train digits --batch-size -5 | --batch-size is -5
2 | train digits --batch-size 99999999999999 | --batch-size is 99999999999999; it must be 0 to
2 | train digits --epochs x | --epochs is "x"; expected a number
2 | train digits --epochs | --epochs needs a value: a number
2 | train digits --epochs 0 | --epochs is 0.0; it must be above 0
2 | train digits --epochs -1 | --epochs is -1.0
2 | train digits --epochs nan | --epochs is nan; it must be above 0
2 | train digits --epochs inf | --epochs is inf
2 | train digits --epochs 1e300 | --epochs is 1e\+300; it must be 0 to 1,000,000
2 | train digits --steps 0 | --steps is 0; it must be above 0
2 | train digits --steps 1e3 | --steps is "1e3"; expected a whole number or None
2 | train digits --steps 99999999999999999999 | --steps is 9+; it must be 0 to
2 | train digits --learning-rate x | --learning-rate is "x"; expected a number or None
2 | train digits --learning-rate 0 | --learning-rate is 0.0; it must be above 0
2 | train digits --learning-rate -0.1 | --learning-rate is -0.1
2 | train digits --learning-rate nan | --learning-rate is nan
2 | train digits --learning-rate 1e999 | --learning-rate is inf
2 | train digits --weight-decay nan | --weight-decay is nan; it must be 0 to
2 | train digits --weight-decay -1 | --weight-decay is -1.0
2 | train digits --weight-decay inf | --weight-decay is inf
2 | train digits --clip 0 | --clip is 0.0
2 | train digits --ema 1 | --ema is 1.0; it must be at least 0 and below 1
2 | train digits --ema nan | --ema is nan
2 | train digits --beta2 2 | --beta2 is 2.0
2 | train digits --warmup 1.5 | --warmup is 1.5
2 | train digits --seed -1 | --seed is -1; it must be 0 to
2 | train digits --seed 99999999999999999999 | --seed is 9+; it must be 0 to
2 | train digits --seed one | --seed is "one"; expected a whole number
2 | train digits --patience 0 | --patience is 0
2 | train digits --limit 0 | --limit is 0
2 | train digits --limit -3 | --limit is -3
2 | train digits --workers -1 | --workers is -1
2 | train digits --workers 100000 | --workers is 100000
2 | train digits --evaluate-every 0 | --evaluate-every is 0
2 | train digits --optimizer adm | --optimizer is "adm"; expected one of sgd.*Did you mean "adam"
2 | train digits --optimizer ADAM | --optimizer is "ADAM"; expected one of
2 | train digits --optimizer= | --optimizer is ""; expected one of
2 | train digits --schedule cosin | --schedule is "cosin".*Did you mean "cosine"
2 | train digits --precision fp16 | --precision is "fp16"; expected one of fp32, bf16, auto
2 | train digits --keep all | --keep is "all"; expected one of best, last
2 | train digits --compile maybe | nothing is expected where "maybe" stands
2 | train digits --network resnet | --network is "resnet"; expected one of mlp, cnn, lenet, example
2 | train digits --network | --network needs a value
2 | train digits --dataset mnst | --dataset is "mnst".*Did you mean "mnist"
2 | train digits --hidden | --hidden has 0 layers; give 1 to 16
2 | train digits --hidden '' | --hidden is ""; expected one or more, each a whole number
2 | train digits --hidden 0 | --hidden is \(0,\); each layer has 1 to 8192 units
2 | train digits --hidden -4 | --hidden
2 | train digits --hidden 512,512 | --hidden is "512,512"; expected one or more, each a whole number, with spaces
2 | train digits --hidden 4 b | --hidden is "4 b"
2 | train digits --hidden 99999 | each layer has 1 to 8192 units
2 | train digits --hidden 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 | --hidden has 17 layers; give 1 to 16
2 | train digits --dropout 1 | --dropout.*at least 0 and below 1
2 | train digits --dropout nan | --dropout.*at least 0 and below 1
2 | train digits --label-smoothing 2 | --label-smoothing.*below 1
2 | train digits --dropout 0.5 --network cnn | --dropout has no effect with --network cnn, only with --network mlp
2 | train digits --warmup 0.1 --schedule plateau | --warmup has no effect with --schedule plateau
2 | train digits --width 0 --network cnn | --width is 0; .*1 to 256
2 | train digits --width 9999 --network cnn | --width is 9999
2 | train digits --validation 0 | --validation is 0; at least one image must validate
2 | train digits --validation 99999999 | --validation is 99999999, but there are only
2 | train digits --normalize z | --normalize is "z"; expected one of unit, half, standard
2 | train digits --augment flip | --augment is "flip"; expected one of none, shift, affine, elastic
2 | train digits --activation rlu | --activation is "rlu".*Did you mean "relu"
2 | train digits --device gpu --setting tiny | "gpu" is none of auto, cpu, cuda
2 | train digits --device cuda:99 --setting tiny | "cuda:99" was asked for
2 | train digits --setting papr | no setting "papr".*Did you mean "paper"
2 | train digits --setting | --setting needs a value
2 | model digits --setting | --setting needs a value
2 | train digits --processes 0 | --processes is 0; at least one must train
2 | train digits --processes -2 | --processes is -2
2 | train digits --processes two | --processes is "two"; expected a whole number
2 | train digits --out | --out needs a value
2 | train digits --setting tiny --out run | run holds something already; .*--resume run
2 | train digits --setting tiny --out good.onnx | good.onnx is a file or lies below one, a directory was expected
2 | train digits --setting tiny --out good.onnx/x | good.onnx/x is a file or lies below one
5 | train --resume nosuch | there is no run at nosuch
5 | train --resume rum | there is no run at rum. Did you mean "run"
5 | train --resume good.onnx | good.onnx is a file, not a run
5 | train --resume pictures | pictures is not a run
2 | train --resume cut --epochs 3 | --resume goes on with the run's own settings
2 | train digits --resume cut | --resume goes on with the run's own settings
2 | train --resume cut --setting tiny | --resume goes on with the run's own settings
5 | train --resume cut --task mine.py | belongs to the task "digits", not to "mine"
2 | train --resume cut --out elsewhere | --resume goes on with the run's own settings, in its own directory
2 | train digits --task mine.py | --task is for --resume; .*pellucid train mine.py
2 | train --resume | --resume needs a value
0 | train --resume run | run was finished already
2 | look digits --index -1 --dataset tiny | --index is -1; there are training samples 0 to 549
2 | look digits --index 999999 --dataset tiny | --index is 999999
2 | look digits --index a | --index is "a"; expected a whole number
2 | look digits --measure-steps -3 | --measure-steps is -3; give 0 for none, or more
2 | look digits --dataset cifar | --dataset is "cifar"; expected one of mnist, fashion, tiny
2 | model digits --dataset tiny --out pictures | --out pictures is a directory; name a file in it
2 | model digits --dataset tiny --out x.jpg | what is written is a .png file; call it x.png
2 | compare digits | --over is missing; for example: pellucid compare digits --over
2 | compare digits --over | --over needs a value
2 | compare digits --over optimizer | --over optimizer: expected FIELD=A,B
2 | compare digits --over optimizer=sgd | two different values or more
2 | compare digits --over optimizer=sgd,sgd | two different values or more
2 | compare digits --over =sgd,adam | no field ""
2 | compare digits --over optimzer=sgd,adam | no field "optimzer".*Did you mean "optimizer"
2 | compare digits --over optimizer=sgd,adamm --setting tiny | --optimizer is "adamm".*Did you mean "adam
2 | compare digits --over hidden=4,axb --setting tiny | --hidden is "a b"
2 | compare digits --over training=a,b | no field "training"
2 | compare digits --over optimizer=sgd,adam --seeds 0 | --seeds is 0; at least one is needed
2 | compare digits --over optimizer=sgd,adam --seeds x | --seeds is "x"; expected a whole number
2 | compare digits --over network=mlp,resnet --dataset tiny | --network is "resnet"
2 | lr-find digits --highest nan | --highest is nan; it must be a number above 0
2 | lr-find digits --highest 0 | --highest is 0.0
2 | lr-find digits --highest x | --highest is "x"; expected a number
2 | lr-find digits --range-steps 3 | --range-steps is 3; a range test needs at least 20
2 | lr-find digits --dataset tiny --out pictures | is a directory; name a file
2 | evaluate | RUN\|TASK is missing
2 | predict run '' | an INPUT is ""
2 | evaluate nosuch | "nosuch" is neither a run directory nor a released model.*pellucid list
2 | evaluate run/task.json | run/task.json is a file; give the run's directory, such as run
5 | evaluate pictures | pictures is not a run
2 | evaluate run --at-least accuracy | --at-least accuracy: expected SCORE=VALUE
2 | evaluate run --at-least accuracy=high | expected SCORE=VALUE, for example accuracy=0.98
2 | evaluate run --at-least accuracy=nan | expected SCORE=VALUE
2 | evaluate run --at-least =0.5 | expected SCORE=VALUE
2 | evaluate run --at-least loss=0.1 | a smaller loss is better; ask for --at-most loss=0.1
2 | evaluate run --at-most accuracy=0.5 | a larger accuracy is better; ask for --at-least accuracy=0.5
6 | evaluate run --no-report --at-most loss=0 | loss is .*; asked for was --at-most loss=0
2 | evaluate run --no-report --at-least acuracy=0.5 | no score "acuracy"; .*Did you mean "accuracy"
6 | evaluate run --no-report --at-least accuracy=1.5 | accuracy is .*; asked for was --at-least accuracy=1.5
2 | evaluate run --no-reprt | unknown flag --no-reprt\. Did you mean "--no-report"
2 | evaluate run other | nothing is expected where "other" stands
2 | predict | RUN\|TASK\|FILE.onnx, INPUT is missing
2 | predict run | INPUT is missing
2 | predict run valid:0 --engine jax | --engine is "jax"; expected one of torch, onnx
2 | predict run valid:0 --engine onx | Did you mean "onnx"
2 | predict run valid:99999999 | valid:99999999: expected valid:0 to valid:49
2 | predict run valid:-1 | valid:-1: expected valid:0 to valid:49
2 | predict run valid: | expected valid:0 to valid:49
2 | predict run valid:one | valid:one: expected valid:0
4 | predict run test:0 | test:0: there is no such file; give a file, or valid:12
2 | predict nosuch.onnx valid:0 | nosuch.onnx: there is no exported network; make it with: pellucid export RUN
2 | predict other valid:0 --engine onnx | other/model.onnx: .*make it with: pellucid export other
5 | predict text.onnx valid:0 | text.onnx is not an ONNX file of pellucid
5 | predict empty.onnx valid:0 | empty.onnx is not an ONNX file of pellucid
5 | predict short.onnx valid:0 | short.onnx .*(cut off|altered)
5 | predict altered.onnx valid:0 | altered.onnx was altered
5 | predict foreign.onnx valid:0 | foreign.onnx is not an ONNX file of pellucid
2 | predict folder.onnx valid:0 | folder.onnx: there is no exported network
2 | walk run valid:0 --true eleven | --true eleven: no such class; the classes are 0, 1
2 | walk run valid:0 --optimizer adm | "adm". Did you mean "adam"
2 | walk run valid:0 --learning-rate nan | learning_rate is nan
2 | walk run valid:0 --learning-rate x | --learning-rate is "x"; expected a number
2 | walk run valid:0 --learning-rate -1 | learning_rate is -1
2 | walk run valid:0 --learning-rate 1e30 | learning rate 1e\+30 throws the loss to .*; give a smaller --learning-rate
2 | walk run --out pictures | is a directory; name a file
2 | walk nosuch | "nosuch" is neither
2 | explain run valid:0 --target x | --target x: no such class; the classes are 0, 1
2 | explain run valid:77777 | expected valid:0 to valid:49
4 | explain run nosuch.png | nosuch.png: there is no such file
2 | explain run valid:0 --out good.onnx | good.onnx is a file
2 | export nosuch | "nosuch" is neither
2 | export run --out pictures | is a directory; name a file
2 | export run --out model.pt | what is written is a .onnx file; call it model.onnx
2 | data | action, task is missing
2 | data frob digits | action is "frob"; expected one of fetch, verify, where
2 | data fetch digit | no data of a task "digit". Did you mean "digits"
2 | data fetch digits --classes cat | only data fetch sketches knows classes
2 | data verify sketches --classes cat | only data fetch sketches knows classes
2 | data fetch sketches --classes cat --form jpg | --form is "jpg"; expected one of ndjson, bitmap, binary
2 | data fetch digits --dataset mnst | --dataset mnst: .*Did you mean "mnist"
4 | data verify digits --dataset mnist | mnist.*(missing|no such file|not).*
4 | data fetch digits --dataset fashion | fashion-mnist/.* is not available
4 | look digits --dataset fashion | fashion
4 | train digits --dataset fashion --steps 1 | fashion
2 | check | FILE\|TASK is missing
2 | check digts | no task "digts".*Did you mean "digits"
2 | check nofile.py | nofile.py: there is no such file
2 | doctor x | nothing is expected where "x" stands
2 | list --all | unknown flag --all
"""
PICTURES = r"""
4 | predict run pictures/nosuch.png | there is no such file
4 | predict run pictures | pictures/
4 | predict run pictures/folder.png | the folder has no files
4 | predict run pictures/empty.png | empty \(0 bytes\)
4 | predict run pictures/truncated.png | truncated or damaged
4 | predict run pictures/truncated.jpg | truncated or damaged
4 | predict run pictures/text.png | not a picture that can be read here; PNG and JPEG
4 | predict run pictures/page.pdf | a PDF file; PNG and JPEG
4 | predict run pictures/picture.gif | a GIF file; PNG and JPEG
4 | predict run pictures/picture.bmp | a BMP file; PNG and JPEG
4 | predict run pictures/animated.png | animated, 2 frames
4 | predict run pictures/cmyk.jpg | CMYK.*save it again as RGB
4 | predict run pictures/bomb.png | 65000 x 65000 pixels
4 | predict run pictures/wide.png | 40000 x 1 pixels
4 | predict run pictures/blank.png | pictures/blank.png: no ink found
4 | predict run pictures/dot.png | pictures/dot.png: no ink found
4 | walk run pictures/blank.png | no ink found
4 | explain run pictures/text.png | not a picture
4 | predict good.onnx pictures/bomb.png | 65000 x 65000 pixels
4 | predict run pictures/text.png valid:0 | not a picture
0 | predict run pictures/good.png |
0 | predict run pictures/good.jpg |
0 | predict run pictures/transparent.png |
0 | predict run pictures/sixteen.png |
0 | predict run pictures/rotated.jpg |
"""
RUNS = r"""
5 | predict damaged/foreign valid:0 | weights.safetensors belongs to another run
5 | evaluate damaged/foreign | belongs to another run
5 | train --resume damaged/states | no state of damaged/states can be used, train again
5 | predict crafted/network valid:0 | network is 'resnet'
5 | predict crafted/size valid:0 | each layer has 1 to 8192 units
5 | predict crafted/many valid:0 | --hidden has 17 layers
5 | predict crafted/extra valid:0 | unknown field "depth"
5 | predict crafted/type valid:0 | hidden is '512'
5 | predict crafted/stranger valid:0 | 'chess' is not one of ours; name its file with --task
5 | predict crafted/batch valid:0 | --batch-size is -1
5 | predict crafted/when valid:0 | training.epochs is 'many'
5 | predict crafted/shape valid:0 | the weights do not fit the network
5 | predict crafted/classes valid:0 | no network can be built
5 | predict crafted/nan valid:0 | scores.bias hold NaN or infinity
5 | predict crafted/lost valid:0 | scores.bias is None, expected
5 | predict run valid:0 --task mine.py | belongs to the task "digits", not to "mine"
2 | predict run valid:0 --task digts | no task "digts"
5 | export crafted/network | network is 'resnet'
5 | walk damaged/foreign | belongs to another run
5 | explain crafted/nan | NaN or infinity
"""
FILES = r"""
2 | check syntax.py | syntax.py could not be imported: SyntaxError.*line 1
2 | check none.py | defines 0 tasks; expected exactly one subclass of pellucid.Task
2 | check two.py | defines 2 tasks \(Mine, Other\)
2 | train raising.py | raising.py, line 2, could not be imported: OSError: no such camera
2 | check leaving.py | leaving.py, line 2, could not be imported: SystemExit
2 | check importing.py | ModuleNotFoundError: No module named 'no_such_package_at_all'
2 | check notiny.py | has no function tiny\(\) -> Mine; add one
2 | check badtiny.py | --hidden is \(0,\)
2 | check abstract.py | the setting "tiny" of the task cannot be made: TypeError: .*abstract
2 | train abstract.py | the setting "default" of the task cannot be made
1 | check promises.py | 1 of 8 promises are broken|promises are broken
2 | train mine.py --setting tinny | no setting "tinny".*Did you mean "tiny"
2 | train mine.py --hiden 3 | Did you mean "--hidden"
2 | check pictures/good.png | no task "pictures/good.png"
2 | train pictures/ | no task
"""


def cases(text):
    rows = [[part.strip() for part in line.split(" | ", 2)] for line in text.strip().splitlines()]
    return [
        pytest.param(int(code), line, said.removesuffix("|").strip(), id=line)
        for code, line, said in map(whole, rows)
    ]


def whole(row):
    return row if len(row) == 3 else [row[0], row[1].removesuffix("|").strip(), ""]


def damaged():
    documents = ("task.json", "training.json", "facts.json", "environment.json", "weights.safetensors")
    for name in documents:
        for damage in ("missing", "truncated", "altered", "emptied", "directory"):
            yield f"5 | predict damaged/{name}-{damage} valid:0 | {name}"
    for damage in ("missing", "truncated", "altered", "emptied", "directory"):
        yield f"5 | train --resume damaged/progress.jsonl-{damage} | progress.jsonl"


ALL = cases(FLAGS) + cases(PICTURES) + cases(RUNS) + cases("\n".join(damaged())) + cases(FILES)


@pytest.mark.parametrize(("code", "line", "said"), ALL)
def test_a_mistake_is_answered_with_what_to_do_and_loses_nothing(house, monkeypatch, code, line, said):
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    monkeypatch.delenv("PELLUCID_MIRROR", raising=False)
    (house / "other" / "model.onnx").unlink(missing_ok=True)  # another test may have exported it
    before = fingerprints(house)
    found = command(shlex.split(line))
    assert found.code == code, found.err
    assert re.search(said, found.err, re.DOTALL), found.err
    assert "Traceback" not in found.err
    assert "report it" not in found.err
    assert fingerprints(house) == before


def test_there_are_at_least_150_mistakes():
    assert len(ALL) >= 150


@pytest.mark.parametrize("mirror", ["/no/such/folder", "ftp://nowhere", "relative", ""])
def test_a_mirror_that_cannot_help_is_named(house, monkeypatch, mirror):
    monkeypatch.setenv("PELLUCID_OFFLINE", "1")
    monkeypatch.setenv("PELLUCID_MIRROR", mirror)
    found = command(["data", "fetch", "digits", "--dataset", "fashion"])
    assert found.code == 4
    assert "fashion-mnist/" in found.out
    assert mirror in found.err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
@pytest.mark.parametrize(
    "line",
    [
        "train digits --setting tiny --out full",
        "train --resume cut",
        "export run --out full.onnx",
        "model digits --dataset tiny --out full.png",
        "walk run valid:0 --out full.png",
        "predict run pictures/good.png --show full",
    ],
)
def test_a_disk_that_refuses_is_named_and_nothing_that_was_there_is_lost(house, monkeypatch, line, number):
    def refuse(self, path, data):
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(canvas, "png", lambda figure: b"a picture")  # nobody will see it
    monkeypatch.setattr(Disk, "write", refuse)
    monkeypatch.setattr(Disk, "append", refuse)
    before = fingerprints(house)
    found = command(shlex.split(line))
    assert found.code == 1
    assert errno.errorcode[number] in found.err
    assert "cannot be written" in found.err
    assert "Traceback" not in found.err
    after = fingerprints(house)
    assert {path: after.get(path) for path in before} == before


def test_an_evaluation_that_cannot_be_written_leaves_the_run_as_it_was(house, monkeypatch):
    def refuse(self, path, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    before = fingerprints(house)
    monkeypatch.setattr(Disk, "write", refuse)
    found = command(["evaluate", "run"])
    assert (found.code, "make room" in found.err) == (1, True)
    assert fingerprints(house) == before


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (2, "train digits --batch-size abc"),
        (2, "frob"),
        (5, "predict damaged/weights.safetensors-altered valid:0"),
        (4, "predict run pictures/bomb.png"),
    ],
)
def test_a_process_of_its_own_ends_with_the_same_code_and_no_traceback(house, code, line):
    source = str(Path(__file__).parents[2] / "src")
    ended = subprocess.run(
        [sys.executable, "-m", "pellucid", *line.split()],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": source},
        timeout=120,
    )
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("pellucid ")
