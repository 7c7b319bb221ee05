"""The Keras ``mnist_mlp`` recipe in Keras 3; ``keras_torch.py`` and ``keras_jax.py`` choose the backend.

784-512-512-10, ReLU, dropout 0.2, RMSprop 1e-3, batch 128, pixels / 255. ``fit`` gets arrays and prints
nothing, which is the fastest of its ordinary uses; ``jit_compile`` stays at Keras's default.
"""

import os
from time import perf_counter

import material


def main(backend, packages):
    """Train on ``backend``, time every epoch by a callback, test."""
    options = material.options(__doc__)
    os.environ["KERAS_BACKEND"] = backend  # read once, when keras is imported
    import keras

    if backend == "torch":
        import torch

        torch.set_num_threads(options.threads)
    keras.utils.set_random_seed(options.seed)
    images, labels, test_images, test_labels = material.load(options)

    model = network(keras)
    clock = epoch_clock(keras)
    model.fit(pixels(images), labels, batch_size=128, epochs=options.epochs, verbose=0, callbacks=[clock])
    _, score = model.evaluate(pixels(test_images), test_labels, batch_size=1000, verbose=0)
    material.report(
        options, peer=f"keras_{backend}", packages=packages, seconds=clock.seconds, accuracy=score
    )


def network(keras):
    """784-512-512-10, compiled."""
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((784,)),
            *(layers.Dense(512, activation="relu"), layers.Dropout(0.2)),
            *(layers.Dense(512, activation="relu"), layers.Dropout(0.2)),
            layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = keras.optimizers.RMSprop(learning_rate=1e-3)
    model.compile(loss="sparse_categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


def pixels(images):
    """(N, 28, 28) bytes -> (N, 784) floats in [0, 1]."""
    return images.reshape(len(images), 784).astype("float32") / 255


def epoch_clock(keras):
    """A callback that notes the seconds of each epoch."""

    class EpochClock(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.seconds = []

        def on_epoch_begin(self, epoch, logs=None):
            self.start = perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds.append(perf_counter() - self.start)

    return EpochClock()
