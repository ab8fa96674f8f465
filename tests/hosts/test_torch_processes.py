"""`steepest.torch.fit` under `torchrun`: several processes take the steps that one takes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.hosts

#: Trains a network on rows of which some labels are left out; says where each process ended.
PROGRAM = """
import json, os, sys, torch, steepest.torch, steepest.training.race
torch.set_num_threads(1)
torch.manual_seed(int(os.environ.get("RANK", 0)))  # each begins with weights of its own
kind, out = sys.argv[1:]
draw = torch.Generator().manual_seed(0)
x = torch.randn(151, 3, generator=draw)
y = (x.square().sum(1) > 2).long()
y[::5] = -100
net = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2))
rows = torch.utils.data.TensorDataset(x, y)
rank = int(os.environ.get("RANK", 0))
more = {"validation": .2}
data = {"rows": (x, y), "dataset": rows}.get(kind, rows)
if kind == "sampler":
    torch.distributed.init_process_group("gloo")
    drawn = torch.utils.data.DistributedSampler(rows, seed=0)
    data = torch.utils.data.DataLoader(rows, batch_size=16, sampler=drawn)
    net, more = torch.nn.parallel.DistributedDataParallel(net), {"validation": (x, y)}
if kind == "dataset":
    steepest.training.race.FEWEST = 1
if kind == "stopped":
    more["callback"] = lambda progress: rank == 0 and progress.epoch == 2
result = steepest.torch.fit(net, data, epochs=4, seed=1, history=f"{out}/{rank}.csv", **more)
said = {"weights": [p.tolist() for p in net.parameters()], "fun": result.fun, "outcome": result.outcome,
        "steps": result.nit, "passes": result.passes, "loss": list(map(float, result.history["loss"]))}
json.dump(said, open(f"{out}/{kind}-{rank}.json", "w"))
if torch.distributed.is_initialized():
    torch.distributed.destroy_process_group()  # else gloo's threads are alive when the process ends, which may abort it
"""


def run(kind: str, count: int, tmp_path: Path) -> list[dict[str, Any]]:
    """What each of so many processes said."""
    program, out = tmp_path / "program.py", tmp_path / str(count)
    program.write_text(PROGRAM)
    out.mkdir()
    launch = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"] if count > 1 else []
    ran = subprocess.run(
        [sys.executable, *launch, program, kind, out], capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stderr
    assert sorted(p.name for p in out.glob("*.csv")) == ["0.csv"]  # written once
    return [json.loads((out / f"{kind}-{rank}.json").read_text()) for rank in range(count)]


@pytest.mark.parametrize("kind", ["rows", "dataset", "stopped"])
def test_two_processes_take_the_steps_of_one(kind: str, tmp_path: Path) -> None:
    (alone,), both = run(kind, 1, tmp_path), run(kind, 2, tmp_path)
    assert both[0] == both[1]
    assert both[0]["outcome"] == alone["outcome"] == ("stopped" if kind == "stopped" else "budget")
    assert both[0]["steps"] == alone["steps"]
    assert both[0]["passes"] == alone["passes"]
    assert (alone["passes"] > 4) == (kind == "dataset")  # where three race
    # But for the order in which float32 numbers are summed.
    torch.testing.assert_close(
        torch.tensor(both[0]["loss"]), torch.tensor(alone["loss"]), rtol=1e-3, atol=1e-4
    )
    for mine, theirs in zip(both[0]["weights"], alone["weights"], strict=True):
        torch.testing.assert_close(torch.tensor(mine), torch.tensor(theirs), rtol=1e-2, atol=1e-3)


def test_a_sampler_that_shares_rows_out_is_left_to_it(tmp_path: Path) -> None:
    both = run("sampler", 2, tmp_path)
    assert both[0] == both[1]
    assert both[0]["steps"] == 4 * 5  # 76 rows each, in batches of 16
    assert both[0]["loss"][-1] < both[0]["loss"][0]
