"""A physics-informed network: the heat equation and what holds at its edges are the loss, and nothing is measured.

    u_t = 0.1 u_xx,   u(0, x) = sin(πx) + ½ sin(3πx),   u(t, 0) = u(t, 1) = 0

torch differentiates the network by its inputs and the loss by its weights; `minimize` goes down it with no rate.

python examples/hosts/physics.py
"""

import matplotlib.pyplot as plt
import torch
from torch.func import functional_call, grad, vmap

import steepest
import steepest.torch

torch.manual_seed(0)
net = torch.nn.Sequential(
    torch.nn.Linear(2, 16), torch.nn.Tanh(), torch.nn.Linear(16, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)
).double()
start = {name: p.detach().numpy() for name, p in net.named_parameters()}


def u(weights, t, x):
    """The network's temperature at a time and a place: 0 at both ends, whatever the weights."""
    return x * (1 - x) * functional_call(net, weights, torch.stack([t, x]))[0]


u_t, u_x = grad(u, 1), grad(u, 2)
u_xx = grad(u_x, 2)
everywhere = (None, 0, 0)
inside = torch.rand(2, 200, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
line = torch.linspace(0, 1, 40, dtype=torch.float64)
first = torch.sin(torch.pi * line) + 0.5 * torch.sin(3 * torch.pi * line)


def loss(weights):
    """How far the network is from the equation, and from what was there at first."""
    off = vmap(u_t, everywhere)(weights, *inside) - 0.1 * vmap(u_xx, everywhere)(weights, *inside)
    begun = vmap(u, everywhere)(weights, torch.zeros_like(line), line) - first
    return off.square().mean() + 10 * begun.square().mean()


result = steepest.minimize(steepest.torch.objective(loss), start, method="lbfgs", options={"maxiter": 800})
print(f"loss {result.fun:.2g} by {result.method} in {result.seconds:.0f} s")

t, x = torch.meshgrid(line, line, indexing="ij")
weights = {name: torch.tensor(w) for name, w in result.x.items()}
found = vmap(u, everywhere)(weights, t.flatten(), x.flatten()).reshape(t.shape)
decay = [torch.exp(-0.1 * (k * torch.pi) ** 2 * t) for k in (1, 3)]
exact = decay[0] * torch.sin(torch.pi * x) + 0.5 * decay[1] * torch.sin(3 * torch.pi * x)
print(f"largest error {(found - exact).abs().max():.4f}, of temperatures up to {exact.max():.2f}")

fig, axes = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
for ax, (title, what) in zip(axes, {"found": found, "error": found - exact}.items(), strict=False):
    shown = ax.imshow(what.T.numpy(), origin="lower", extent=(0, 1, 0, 1), aspect="auto", cmap="RdBu_r")
    ax.set(title=title, xlabel="time", ylabel="place")
    fig.colorbar(shown, ax=ax)
axes[2].semilogy(result.history["loss"])
axes[2].set(xlabel="step", title="loss")
plt.show()
