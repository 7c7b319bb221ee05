"""Keras 3 on JAX: the ``mnist_mlp`` recipe (see ``keras_mlp.py``). Its first epoch holds the compilation."""

import keras_mlp

if __name__ == "__main__":
    keras_mlp.main("jax", ["keras", "jax"])
