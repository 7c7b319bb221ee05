"""scikit-learn's ``MLPClassifier`` of the same layer sizes, one ``partial_fit`` an epoch.

What differs from the recipe, because scikit-learn has neither: Adam 1e-3 in place of RMSprop, and no dropout.
The same: 784-512-512-10, ReLU, batch 128, pixels / 255 in single precision; its L2 penalty is switched off.
"""

from time import perf_counter

import material
import numpy as np
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits


def main():
    """Train, time every epoch, test."""
    options = material.options(__doc__)
    images, labels, test_images, test_labels = material.load(options)
    inputs, test_inputs = pixels(images), pixels(test_images)
    model = MLPClassifier(
        (512, 512), batch_size=128, learning_rate_init=1e-3, alpha=0.0, random_state=options.seed
    )
    seconds = []
    with threadpool_limits(options.threads):
        for _ in range(options.epochs):
            start = perf_counter()
            model.partial_fit(inputs, labels, classes=np.arange(10))
            seconds.append(perf_counter() - start)
        score = model.score(test_inputs, test_labels)
    packages = ["scikit-learn", "numpy"]
    material.report(options, peer="sklearn_mlp", packages=packages, seconds=seconds, accuracy=score)


def pixels(images):
    """(N, 28, 28) bytes -> (N, 784) floats in [0, 1]."""
    return images.reshape(len(images), 784).astype(np.float32) / 255


if __name__ == "__main__":
    main()
