"""Results and findings: always whole, readable, and safe to copy, pickle, draw and save."""

import copy
import json
import pickle
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from steepest.findings import SEVERITIES, Finding, by_severity, findings_text
from steepest.report.plots import plot_descent, plot_history
from steepest.result import FIELDS, HISTORY, OUTCOMES, Result

PATH = [[2.0, 1.0], [1.0, 0.2], [0.5, 0.04], [0.1, 0.0]]


def bowl(x):
    return x[0] ** 2 + 4 * x[1] ** 2


def core(**changes):
    """What the compiled core hands over."""
    values = {
        "x": np.array([0.1, 0.0]), "fun": 0.01, "jac": np.array([0.2, 0.0]), "success": True, "status": 0,
        "message": "Converged: the slope is as good as zero.", "outcome": "converged",
        "nit": 3, "nfev": 4, "njev": 4, "nhev": 0, "passes": None, "seconds": 0.002,
        "method": "lbfgs", "reason": "smooth & unconstrained",
        "certificate": {"kind": "stationary", "bound": 1e-9, "target": 1e-6, "assumption": "smooth <near> x"},
        "history": {
            "iteration": [0, 1, 2, 3], "loss": [bowl(p) for p in PATH], "residual": [4.0, 2.0, 1.0, 0.2],
            "rate": [1.0] * 4, "evaluations": [1, 2, 3, 4], "passes": [0.0] * 4, "seconds": [0.0] * 4,
        },
        "findings": [{"kind": "bad_scaling", "severity": "warning", "sentence": "One is <steep>.",
                      "evidence": {"ratio": 2500.0}, "threshold": 1000.0, "remedy": "Scale it."}],
        "path": PATH, "spread": None,
    }  # fmt: skip
    return values | changes


class Tags(HTMLParser):
    """Refuses HTML whose tags are not closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words = [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def test_every_field_is_always_there():
    for values in (core(), {}, {"x": [1.0]}, {"success": None, "history": None, "findings": None}):
        result = Result.of(values)
        assert tuple(result)[: len(FIELDS)] == FIELDS
        assert tuple(result.history) == HISTORY
        assert len({len(column) for column in result.history.values()}) == 1
        assert all(column.dtype == np.float64 for column in result.history.values())
        assert isinstance(repr(result), str)
        Tags(result._repr_html_())


def test_attributes_are_items():
    result = Result.of(core())
    assert result.fun is result["fun"]
    result.fun = 3.0
    assert result["fun"] == 3.0
    assert "nit" in dir(result)
    with pytest.raises(AttributeError, match="no field 'messag'; did you mean 'message'"):
        _ = result.messag
    assert not hasattr(result, "anything_else")


def test_further_fields_are_kept():
    assert Result.of(core(maxcv=0.0)).maxcv == 0.0


def test_the_words_come_first():
    text = repr(Result.of(core()))
    assert text.startswith("Converged: the slope is as good as zero.")
    assert "One is <steep>." in text
    assert "remedy: Scale it." in text
    for outcome in OUTCOMES:
        assert repr(Result.of({"outcome": outcome})).startswith(outcome.replace("_", " ").capitalize())


def test_html_escapes_what_comes_from_outside():
    page = Result.of(core(message='<script>alert("x")</script>'))._repr_html_()
    assert "<script>" not in page
    assert "<steep>" not in page
    assert "One is <steep>." in "".join(Tags(page).words)


def test_a_large_point_is_cut_with_its_shape():
    assert "shape 30 x 40" in repr(Result.of({"x": np.zeros((30, 40))}))


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="one length; got loss 3, residual 2"):
        Result.of({"history": {"loss": [1, 2, 3], "residual": [1, 2]}})


def test_copies_and_pickles():
    result = Result.of(core(), bowl)
    for twin in (pickle.loads(pickle.dumps(result)), copy.deepcopy(result), copy.copy(result), result.copy()):
        assert isinstance(twin, Result)
        assert repr(twin) == repr(result)
        assert twin.findings == result.findings
    assert isinstance(pickle.loads(pickle.dumps(Result.of(core(), lambda x: 0.0))), Result)


def test_history_as_csv_keeps_every_digit(tmp_path):
    rng = np.random.default_rng(0)
    loss = rng.standard_normal(50) * 10.0 ** rng.integers(-300, 300, 50)
    path = tmp_path / "history.csv"
    Result.of({"history": {"loss": loss}}).to_csv(path)
    header, *rows = path.read_text().splitlines()
    assert header.split(",") == list(HISTORY)
    assert [float(row.split(",")[1]) for row in rows] == loss.tolist()
    assert [p.name for p in tmp_path.iterdir()] == ["history.csv"]


def test_csv_refuses_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder"):
        Result.of(core()).to_csv(tmp_path / "nowhere" / "history.csv")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        Result.of(core()).to_csv(tmp_path)


def test_findings_by_severity():
    found = [Finding(s, s, f"A {s}.") for s in ("note", "problem", "warning", "note")]
    assert [f.severity for f in by_severity(found)] == ["problem", "warning", "note", "note"]
    assert SEVERITIES == ("problem", "warning", "note")
    lines = findings_text(found).splitlines()
    assert [line.split()[1] for line in lines] == ["Problem:", "Warning:", "Note:", "Note:"]


def test_finding_is_refused_and_rebuilt():
    with pytest.raises(ValueError, match="problem, warning or note; got 'grave'"):
        Finding("a", "grave", "Something.")
    finding = Finding("a", "note", "Told.", {"of": np.float64(2), "rows": list(range(9))}, "10 %", "Look.")
    assert Finding.of(finding.as_dict()) == finding
    assert isinstance(hash(finding), int)
    assert finding.evidence_text() == "of = 2, rows = 0, 1, 2, 3, 4, 5, and 3 more (threshold 10 %)"
    Tags(finding._repr_html_())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None, True, "text", {"a": 1e-20}, [], 10**20])
def test_any_evidence_can_be_told(value):
    assert "this = " in Finding("a", "note", "Told.", {"this": value}).evidence_text()


def test_pictures_are_saved_and_nothing_global_changes(tmp_path):
    import matplotlib
    import matplotlib.pyplot as plt

    before, figures = dict(matplotlib.rcParams), plt.get_fignums()
    result = Result.of(core(), bowl)
    assert len(result.plot(file=tmp_path / "result.png")) == 4
    assert len(Result.of(core()).plot(file=tmp_path / "unknown.svg")) == 3
    plot_history({"a": result, "b": Result.of({})}, file=tmp_path / "history.pdf")
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == figures
    assert len(list(tmp_path.iterdir())) == 3


def test_without_a_file_pyplot_has_the_picture():
    import matplotlib.pyplot as plt

    axes = Result.of(core(), bowl).plot()
    assert axes[0].figure.number in plt.get_fignums()
    plt.close(axes[0].figure)


def test_many_paths_in_one_picture(tmp_path):
    runs = {f"method {i}": np.array(PATH) * (1 + i / 10) for i in range(9)}
    ax = plot_descent(bowl, runs, minima=[[0, 0]], file=tmp_path / "paths.png")
    assert len(ax.get_legend().get_texts()) == 9
    far = {"method": Result.of(core(path=[[1, 1], [-9e9, 8e8], [np.inf, 0]], outcome="diverged"))}
    ax = plot_descent(bowl, {**runs, **far}, file=tmp_path / "far.png")
    assert ax.get_xlim()[1] < 10
    ax = plot_descent(bowl, far, file=tmp_path / "only.png")
    assert np.isfinite(ax.get_xlim()).all()


def test_a_run_that_diverges_is_drawn_until_it_leaves_the_picture(tmp_path):
    swings = [[(-3.0) ** k, (-3.0) ** k] for k in range(12)]
    runs = {name: Result.of(core(path=swings, outcome="diverged")) for name in ("one", "two")}
    ax = plot_descent(bowl, {"well": PATH, **runs}, file=tmp_path / "swings.png")
    drawn = [line for line in ax.get_lines() if line.get_label().startswith(("one", "two"))]
    high = max(ax.get_xlim()[1], ax.get_ylim()[1])
    assert len(drawn) == 2
    assert all((np.abs(line.get_xdata()[:-1]) <= high).all() for line in drawn)
    words = [text for text in ax.texts if text.get_text().startswith("diverges")]
    assert len({text.get_position() for text in words}) == 2


def test_functions_that_fail_here_and_there(tmp_path):
    def awkward(x):
        if x[0] < 0:
            raise ValueError("outside")
        return np.log(x[0]), None

    ax = plot_descent(awkward, {"a": [[1.0, 1.0], [0.5, 0.5]]}, file=tmp_path / "a.png")
    assert ax.get_ylabel() == "x[1]"
    plot_descent(lambda x: 3.0, {"flat": [[0.0, 0.0]]}, file=tmp_path / "b.png")


@pytest.mark.parametrize("loss", [[3, -1, -4], [0, 0], [np.nan, np.inf], [], [1e-300, 1e300], [5]])
def test_any_history_can_be_drawn(loss, tmp_path):
    ax = plot_history(Result.of({"history": {"loss": loss}}), file=tmp_path / "a.png")
    assert ("least reached" in ax.get_ylabel()) == (min(loss, default=0) < 0)


def test_what_cannot_be_drawn_is_refused():
    with pytest.raises(ValueError, match="no run"):
        plot_history({})
    with pytest.raises(ValueError, match="no column 'los'"):
        plot_history(Result.of(core()), quantity="los", file="/tmp/never.png")
    with pytest.raises(ValueError, match="path=True"):
        plot_descent(bowl, {"a": Result.of({})})
    with pytest.raises(ValueError, match="two coordinates"):
        plot_descent(bowl, {"a": np.zeros((4, 3))})


def test_matplotlib_and_jinja_come_only_when_asked_for():
    code = "import json, sys, steepest.result, steepest.report; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert not {"matplotlib", "jinja2", "scipy", "sklearn"} & set(loaded)
