"""Is a sentence praise or blame? A bag of words, an LSTM and a Transformer, trained by one call each.

The sentences are made here, and "not" turns what follows: what looks at words one by one cannot know. With
`python examples/hosts/sentences.py sentence_polarity.zip` they are sentences of film reviews (Pang and Lee 2005), one a
line in a file with "pos" and one with "neg" in its name.
"""

import re
import sys
import zipfile

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

import steepest.torch

LENGTH = 32


def made(count, seed, good="good fine lovely bright moving fresh", bad="bad dull weak flat dreadful stale"):
    """Sentences, and whether they praise: by their last clause, and turned by a "not"."""
    rng = np.random.default_rng(seed)

    def clause():
        turned, praise = rng.random() < 0.5, rng.random() < 0.5
        word = rng.choice((good if praise != turned else bad).split())
        return f"the {rng.choice(['plot', 'cast', 'music', 'end'])} is {'not ' * turned}{word}", praise

    for _ in range(count):
        (first, _), (last, praise) = clause(), clause()
        yield f"{first} {rng.choice(['but', 'while', 'although'])} {last}", praise


def coded(pairs):
    """Texts as numbers of words, 0 where there is none, in an order by chance; and the labels."""
    x = torch.zeros(len(pairs), LENGTH, dtype=torch.long)
    for row, (text, _) in zip(x, pairs, strict=True):
        codes = [words.setdefault(w, len(words) + 1) for w in text.split()[:LENGTH]]
        row[: len(codes)] = torch.tensor(codes)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return x[order], torch.tensor([praise for _, praise in pairs])[order]


words = {}
if len(sys.argv) > 1:
    with zipfile.ZipFile(sys.argv[1]) as archive:
        sides = [
            (n, archive.read(n).decode("latin-1")) for n in archive.namelist() if re.search("pos|neg", n)
        ]
    pairs = [(line, "pos" in n) for n, side in sides for line in side.splitlines()]
else:
    pairs = list(made(1500, 0))
x, y = coded(pairs)
new = coded(list(made(1000, 1, "tasty crisp savoury", "bland burnt soggy")))  # of a restaurant
train, test = slice(0, len(x) * 4 // 5), slice(len(x) * 4 // 5, None)


class Reader(nn.Module):
    """Words become vectors, `mix` lets them know of each other, their mean decides."""

    def __init__(self, mix=None, width=32):
        super().__init__()
        self.look, self.place = nn.Embedding(len(words) + 1, width, 0), nn.Embedding(LENGTH, width)
        self.mix, self.out = mix, nn.Linear(width, 1)

    def forward(self, x):
        z, there = self.look(x), (x > 0)[..., None]
        if isinstance(self.mix, nn.LSTM):
            z = self.mix(z)[0]
        elif self.mix is not None:
            z = self.mix(z + self.place.weight[: x.shape[1]], src_key_padding_mask=x == 0)
        return self.out((z * there).sum(1) / there.sum(1))


def right(reader, x, y):
    """The share of sentences that are told rightly."""
    with torch.no_grad():
        return float(((reader.eval()(x)[:, 0] > 0) == y).float().mean())


torch.manual_seed(0)
attention = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.1, batch_first=True, norm_first=True)
readers = {
    "bag": Reader(),
    "LSTM": Reader(nn.LSTM(32, 32, batch_first=True)),
    "Transformer": Reader(attention),
}
for name, reader in readers.items():
    result = steepest.torch.fit(reader, (x[train], y[train]), validation=0.15, epochs=12)
    print(
        f"{name:12} test accuracy {right(reader, x[test], y[test]):.3f}, best after {result.best_epoch:.3g} epochs"
    )
    plt.plot(result.history["passes"], result.history["held_out"], label=name)
plt.xlabel("epochs")
plt.ylabel("loss on held-out sentences")
plt.legend()
plt.show()

if len(sys.argv) > 1:  # what was learnt of reviews is not what is made here
    sys.exit()

# Fine-tuning: sentences with words that were never seen. What "not" and "but" do stays; the words are learnt from 30.

tuned, fresh = readers["LSTM"], Reader(nn.LSTM(32, 32, batch_first=True))
for part in (tuned.mix, tuned.out):
    part.requires_grad_(False)
for name, reader in {"fine-tuned": tuned, "from nothing": fresh}.items():
    steepest.torch.fit(reader, (new[0][:30], new[1][:30]), epochs=40)
    print(
        f"{name:12} accuracy {right(reader, new[0][30:], new[1][30:]):.3f} after 30 sentences of another kind"
    )
