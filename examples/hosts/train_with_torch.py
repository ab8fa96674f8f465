"""A small network trained by torch with steepest's optimizers, next to torch's own.

python examples/hosts/train_with_torch.py
"""

import torch
from sklearn.datasets import load_digits

import steepest.torch

rows, labels = load_digits(return_X_y=True)
x, y = torch.tensor(rows / 16, dtype=torch.float32), torch.tensor(labels)
train, test = slice(0, 1400), slice(1400, None)


def run(name, make):
    """Trains for 15 epochs and prints the accuracy on the held-out rows."""
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    optimizer = make(model.parameters())
    for _ in range(15):
        for batch in torch.randperm(1400).split(50):

            def closure(batch=batch):
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(model(x[train][batch]), y[train][batch])
                loss.backward()
                return loss

            optimizer.step(closure)
    right = (model(x[test]).argmax(1) == y[test]).float().mean()
    print(f"{name:24} test accuracy {right:.3f}")
    return model, optimizer


run("torch's Adam", torch.optim.Adam)
run("steepest's Adam", steepest.torch.Adam)
run("steepest's MomoAdam", steepest.torch.MomoAdam)
model, optimizer = run("steepest's Muon", lambda p: steepest.torch.Muon(p, lr=0.01))

torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, "digits.pt")
saved = torch.load("digits.pt", weights_only=True)
again = steepest.torch.Muon(model.parameters())
again.load_state_dict(saved["optimizer"])
print("saved and loaded:", len(again.state), "parameters with their memories")
