"""A network reads digits with nothing tuned, beside scikit-learn's at its defaults: raw pixels, the same split.

python examples/digits_network.py
"""

from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier as Theirs

from steepest import MLPClassifier

X, y = load_digits(return_X_y=True)
X, held_out, y, right = train_test_split(X, y, test_size=0.3, random_state=0)

for name, model in {
    "steepest, untouched": MLPClassifier(random_state=0),
    "scikit-learn, untouched": Theirs(random_state=0),
}.items():
    model.fit(X, y)
    accuracy, loss = model.score(held_out, right), log_loss(right, model.predict_proba(held_out))
    print(f"{name:24} held-out accuracy {accuracy:.3f}, log-loss {loss:.3f}, {model.n_iter_} epochs")
