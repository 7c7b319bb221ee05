"""Keras 3 on torch: the ``mnist_mlp`` recipe (see ``keras_mlp.py``)."""

import keras_mlp

if __name__ == "__main__":
    keras_mlp.main("torch", ["keras", "torch"])
