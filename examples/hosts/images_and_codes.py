"""Images told apart by a convolutional network, and squeezed into eight numbers by an autoencoder.

`python examples/hosts/images_and_codes.py FOLDER` takes Fashion-MNIST from a folder with its four files, and five
epochs; else they are scikit-learn's handwritten digits.
"""

import gzip
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from torch import nn

import steepest.torch


def packed(name):
    """The numbers of one of Fashion-MNIST's files."""
    data = gzip.decompress((Path(sys.argv[1]) / name).read_bytes())
    return torch.frombuffer(bytearray(data), dtype=torch.uint8)[16 if "images" in name else 8 :]


if len(sys.argv) > 1:
    x = (
        torch.cat([packed(f"{kind}-images-idx3-ubyte.gz") for kind in ("train", "t10k")]).reshape(
            -1, 1, 28, 28
        )
        / 255
    )
    y = torch.cat([packed(f"{kind}-labels-idx1-ubyte.gz") for kind in ("train", "t10k")]).long()
    train, test, epochs = slice(0, 60_000), slice(60_000, None), 5
else:
    rows, labels = load_digits(return_X_y=True)
    x, y = torch.tensor(rows / 16, dtype=torch.float32).reshape(-1, 1, 8, 8), torch.tensor(labels)
    train, test, epochs = slice(0, 1400), slice(1400, None), 12
torch.manual_seed(0)


network = nn.Sequential(
    *(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.AdaptiveMaxPool2d(2)),
    *(nn.Flatten(), nn.Dropout(0.2), nn.Linear(128, 10)),
)
result = steepest.torch.fit(network, (x[train], y[train]), validation=0.15, epochs=epochs)
print(result)
with torch.no_grad():
    right = (network.eval()(x[test]).argmax(1) == y[test]).float().mean()
print(f"test accuracy {right:.3f}")

# An image alone is its own target: what comes out must be what went in, through a waist of eight numbers.

flat = x.flatten(1)
squeeze = nn.Sequential(nn.Linear(flat.shape[1], 128), nn.GELU(), nn.Linear(128, 8))
coder = nn.Sequential(squeeze, nn.Linear(8, 128), nn.GELU(), nn.Linear(128, flat.shape[1]))
steepest.torch.fit(coder, flat[train], validation=0.15, epochs=2 * epochs)
with torch.no_grad():
    back = coder(flat[test])
straight = PCA(8).fit(flat[train].numpy())
by_line = torch.tensor(straight.inverse_transform(straight.transform(flat[test].numpy())))
fig, axes = plt.subplots(3, 10, figsize=(10, 3.4), layout="constrained")
for line, (name, images) in zip(
    axes, {"image": flat[test], "autoencoder": back, "PCA": by_line}.items(), strict=True
):
    if name != "image":
        print(f"{name} of eight numbers: squared error {(images - flat[test]).square().mean():.4f}")
    line[0].set_title(name, fontsize=8, loc="left")
    for ax, image in zip(line, images, strict=False):
        ax.imshow(image.reshape(x.shape[2:]).numpy(), cmap="gray_r")
        ax.axis("off")
plt.show()
