"""A small network trained by Keras with steepest's optimizers, next to Keras' own.

KERAS_BACKEND=torch python examples/hosts/train_with_keras.py
"""

import keras
from sklearn.datasets import load_digits

import steepest.keras

rows, labels = load_digits(return_X_y=True)
x, y = (rows / 16).astype("float32"), labels


def run(name, optimizer):
    """Trains for 15 epochs and prints the accuracy on the held-out rows."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss=loss, metrics=["accuracy"])
    model.fit(x[:1400], y[:1400], batch_size=50, epochs=15, verbose=0)
    print(f"{name:24} test accuracy {model.evaluate(x[1400:], y[1400:], verbose=0)[1]:.3f}")
    return model


run("Keras' Adam", keras.optimizers.Adam())
run("steepest's Adam", steepest.keras.Adam())
model = run("steepest's MomoAdam", steepest.keras.MomoAdam())

model.save("digits.keras")
again = keras.models.load_model("digits.keras")
print("saved and loaded:", type(again.optimizer).__name__, "after", int(again.optimizer.iterations), "steps")
