"""Handwritten digits told apart by a small convolutional network, and squeezed into eight numbers by an autoencoder.

python examples/hosts/images_and_codes.py
"""

import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression

import steepest.torch

rows, labels = load_digits(return_X_y=True)
images, y = torch.tensor(rows / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(labels)
train, test = slice(0, 1400), slice(1400, None)
torch.manual_seed(0)

# Which digit is it?

network = torch.nn.Sequential(
    torch.nn.Conv2d(1, 16, 3, padding=1),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Conv2d(16, 32, 3, padding=1),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Flatten(),
    torch.nn.Dropout(0.3),
    torch.nn.Linear(128, 10),
)
result = steepest.torch.fit(network, (images[train], y[train]), validation=0.15, epochs=10)
with torch.no_grad():
    guesses = network.eval()(images[test]).argmax(1)
print(result)
print(f"test accuracy {(guesses == y[test]).float().mean():.3f} of 397 digits kept back")

# An image alone is its own target: what comes out must be what went in, through a waist of eight numbers.

squeeze = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.GELU(), torch.nn.Linear(64, 8))
coder = torch.nn.Sequential(squeeze, torch.nn.Linear(8, 64), torch.nn.GELU(), torch.nn.Linear(64, 64))
flat = images.flatten(1)
result = steepest.torch.fit(coder, flat[train], validation=0.15, epochs=30)
print(result)

with torch.no_grad():
    codes, back = squeeze(flat).numpy(), coder(flat).numpy()
straight = PCA(8).fit(flat[train].numpy())
parts = straight.transform(flat.numpy())
for name, eight, image in (
    ("codes", codes, back),
    ("principal components", parts, straight.inverse_transform(parts)),
):
    lost = ((image[test] - flat[test].numpy()) ** 2).mean()
    line = LogisticRegression(max_iter=2000).fit(eight[train], labels[train])
    right = line.score(eight[test], labels[test])
    print(f"eight {name}: squared error {lost:.4f}; by a line through them test accuracy {right:.3f}")
