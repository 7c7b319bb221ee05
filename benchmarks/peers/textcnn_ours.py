"""Our TextCNN at the paper's size by our own learner; answers with the line of ``textcnn_pytorch.py``."""

import argparse
import json

import torch
from textcnn_pytorch import clock, since

from pellucid.learners import outputs_of
from pellucid.tasks.sentences import paper


def main():
    """Time one mode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mode", choices=("train", "predict"), required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    task = paper()
    data = task.data()
    learner = task.learner(data)
    if options.mode == "train":
        for step, batch in enumerate(learner.batches(0)):
            if step == 10:
                start = clock()
            if step == options.steps + 10:
                break
            learner.update(batch, step)
        count = 50 * options.steps
    else:
        outputs_of(learner.network, task, data.valid, data.facts)
        start = clock()
        outputs_of(learner.network, task, data.train, data.facts)
        count = len(data.train)
    seconds = since(start)
    print(
        json.dumps(
            {"wall": seconds[0], "processor": seconds[1], "sentences": count, "torch": torch.__version__}
        )
    )


if __name__ == "__main__":
    main()
