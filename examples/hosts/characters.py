"""The next letter of a text: an LSTM and a Transformer learn to write like Python's manual.

`python examples/hosts/characters.py input.txt 20` learns a text of yours, plain or gzipped, for 20 epochs.
"""

import gzip
import sys
from pathlib import Path
from pydoc_data.topics import topics

import matplotlib.pyplot as plt
import torch
from torch import nn

import steepest.torch

LENGTH, WIDTH = 64, 96

if len(sys.argv) > 1:
    path = Path(sys.argv[1])
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
else:
    text = "\n".join(topics[name] for name in sorted(topics))[:50_000]
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 6

letters = sorted(set(text))
codes = torch.tensor([letters.index(letter) for letter in text])
rows = codes[: len(codes) // (LENGTH + 1) * (LENGTH + 1)].reshape(-1, LENGTH + 1)
cut = len(rows) * 9 // 10
train, test = (rows[:cut, :-1], rows[:cut, 1:]), (rows[cut:, :-1], rows[cut:, 1:])


class Lstm(nn.Module):
    """What was read is carried along."""

    def __init__(self):
        super().__init__()
        self.look, self.read = nn.Embedding(len(letters), WIDTH), nn.LSTM(WIDTH, WIDTH, batch_first=True)
        self.out = nn.Linear(WIDTH, len(letters))

    def forward(self, x):
        return self.out(self.read(self.look(x))[0])


class Transformer(nn.Module):
    """Each place looks at those before it."""

    def __init__(self):
        super().__init__()
        self.look, self.place = nn.Embedding(len(letters), WIDTH), nn.Embedding(LENGTH, WIDTH)
        block = nn.TransformerEncoderLayer(
            WIDTH, 4, 2 * WIDTH, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(block, 2, nn.LayerNorm(WIDTH), enable_nested_tensor=False)
        self.out = nn.Linear(WIDTH, len(letters))

    def forward(self, x):
        ahead = nn.Transformer.generate_square_subsequent_mask(x.shape[1])
        z = self.look(x) + self.place.weight[: x.shape[1]]
        return self.out(self.blocks(z, mask=ahead, is_causal=True))


@torch.no_grad()
def written(model, begun="The ", count=200):
    """How the model goes on from there, letter by letter."""
    drawn = torch.Generator().manual_seed(0)
    read = [letters.index(letter) for letter in begun]
    for _ in range(count):
        chances = torch.softmax(model.eval()(torch.tensor([read[-LENGTH:]]))[0, -1] / 0.7, -1)
        read.append(int(torch.multinomial(chances, 1, generator=drawn)))
    return "".join(letters[k] for k in read)


pairs = torch.ones(len(letters), len(letters)).index_put_(
    (train[0], train[1]), torch.tensor(1.0), accumulate=True
)
known = -(pairs / pairs.sum(1, keepdim=True)).log()[test[0], test[1]].mean()
plt.axhline(known, color="0.6", linestyle="--", label="from the letter before alone")
print(f"from the letter before alone: {known:.3f} nats a letter")
torch.manual_seed(0)
for model in (Lstm(), Transformer()):
    result = steepest.torch.fit(model, train, "softmax", validation=test, epochs=epochs, batch_size=32)
    plt.plot(result.history["passes"], result.history["held_out"], label=type(model).__name__)
    print(f"{type(model).__name__}: {result.fun:.3f} nats a letter. It writes:\n{written(model)}\n")
plt.xlabel("epochs")
plt.ylabel("nats a letter, held-out text")
plt.legend()
plt.show()
