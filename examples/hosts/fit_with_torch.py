"""Three networks of different kinds trained by one call each, with no learning rate.

python examples/hosts/fit_with_torch.py
"""

import torch
from sklearn.datasets import load_digits

import steepest.torch

rows, labels = load_digits(return_X_y=True)
x, y = torch.tensor(rows / 16, dtype=torch.float32), torch.tensor(labels)
train, test = (x[:1400], y[:1400]), (x[1400:], y[1400:])


class Rows(torch.nn.Module):
    """An image read row by row by an LSTM."""

    def __init__(self):
        super().__init__()
        self.read, self.out = torch.nn.LSTM(8, 32, batch_first=True), torch.nn.Linear(32, 10)

    def forward(self, images):
        return self.out(self.read(images.reshape(-1, 8, 8))[0][:, -1])


torch.manual_seed(0)
networks = {
    "dense": torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)),
    "convolutions": torch.nn.Sequential(
        torch.nn.Unflatten(1, (1, 8, 8)),
        torch.nn.Conv2d(1, 8, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(8, 16, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Flatten(),
        torch.nn.Linear(256, 10),
    ),
    "LSTM": Rows(),
}
for name, network in networks.items():
    result = steepest.torch.fit(network, train, validation=0.15, epochs=12)
    right = (network(test[0]).argmax(1) == test[1]).float().mean()
    print(
        f"{name:14} test accuracy {right:.3f}  largest cap {max(result.history['cap']):.2g}  {result.seconds:.1f} s"
    )
print(result)
