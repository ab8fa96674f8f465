"""The page: whole, self-contained and escaped, whatever the story; the pictures' arithmetic; figures in words."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from report_stories import DATA, story
from tests.fitted import fitted

import steepest
from steepest.report import page
from steepest.report.coefficients import coefficients
from steepest.report.drawing import Scale
from steepest.report.figures import count, duration, figure, percent, signed
from steepest.report.scoring import area, calibration, class_codes, confusion, roc, thinned

VOID = {"meta", "link", "br", "img", "hr", "input"}
NASTY = '<script>alert("x")</script> & \u4e2d\u6587 \U0001f600 "\''


class Page(HTMLParser):
    """Reads a page strictly: every tag closed in order, every link and id sound."""

    def __init__(self, text):
        super().__init__()
        self.open, self.words, self.tags, self.ids, self.links, self.outside = [], [], [], [], [], []
        self.pictures = []
        self.feed(text)
        self.close()
        assert not self.open, self.open
        assert len(set(self.ids)) == len(self.ids)
        assert set(self.links) <= set(self.ids)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self.ids += [attrs["id"]] if "id" in attrs else []
        if attrs.get("href", "").startswith("#"):
            self.links.append(attrs["href"][1:])
        elif "href" in attrs or "src" in attrs:
            self.outside.append(attrs)
        if tag == "svg":
            self.pictures.append(attrs)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


@pytest.fixture(scope="module")
def stories():
    return {name: story(name) for name in DATA}


def check(told):
    """What must hold for every page."""
    text = page(told)
    read = Page(text)
    assert "script" not in read.tags
    assert not read.outside
    assert not re.search(r"url\(|@import|https?://", text)
    assert not re.search(r"\b(nan|inf|None|undefined)\b", read.text)
    assert not re.search(r'(nan|inf|None)[" ,]', " ".join(re.findall(r"<(?:path|rect|text)[^>]*>", text)))
    for picture in read.pictures:
        assert picture.get("aria-hidden") == "true" or picture.get("aria-label")
    return read


@pytest.mark.parametrize("name", DATA)
def test_real_stories_are_told_whole(name, stories):
    read = check(stories[name])
    for words in (
        "Is it any good?",
        "Did it converge",
        "Distance from the best possible",
        "Data: how the table was read",
        "Alpha: how strong a penalty?",
        "Python: the same in code",
        "Time: where it went",
    ):
        assert words in read.text
    for column in stories[name]["columns"]:
        assert column["name"] in read.text
    expected = {
        "breast_cancer": "ROC curve",
        "iris": "Confusion matrix",
        "digits": "Class by class",
        "diabetes": "Predicted against actual",
    }
    assert expected[name] in read.text


def test_written_whole_or_not_at_all(tmp_path, stories):
    path = tmp_path / "report.html"
    path.write_text("old")
    assert page(stories["iris"], path) == path.read_text(encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="no folder"):
        page(stories["iris"], tmp_path / "nowhere" / "report.html")
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_what_comes_from_the_data_is_escaped(stories):
    told = dict(stories["breast_cancer"])
    told["classes"] = [NASTY, NASTY + "2"]
    told["heldout"] = {"part": NASTY, "y": np.arange(40) % 2, "p": np.linspace(0, 1, 40)}
    told["title"] = told["target"] = told["task_reason"] = told["python"] = told["version"] = NASTY
    told["columns"] = [
        {
            "name": NASTY,
            "kind": NASTY,
            "used": u,
            "reason": NASTY,
            "missing": 2,
            "filled_with": NASTY,
            "levels": 3,
        }
        for u in (True, False)
    ]
    told["coefficients"] = [{"name": NASTY, "column": NASTY, "level": NASTY, "value": 1.0, "per_sd": 1.0}]
    told["findings"] = [
        {
            "kind": NASTY,
            "severity": "problem",
            "sentence": NASTY,
            "evidence": {NASTY: NASTY},
            "threshold": NASTY,
            "remedy": NASTY,
        }
    ]
    told["timing"] = {NASTY: 1.0}
    told["metrics"] = [{"name": NASTY, "plain": NASTY, "value": 0.5, "baseline": 0.4, "better": "higher"}]
    told["solution"] = dict.fromkeys(("status", "message", "method", "reason"), NASTY) | {
        "certificate": {"kind": NASTY, "bound": 1.0, "target": 2.0, "assumption": NASTY}
    }
    assert 'alert("x")' in check(told).text


def test_an_empty_story_still_makes_a_page():
    for task in ("binary", "multiclass", "regression", ""):
        assert "No rows were held out" in check({"task": task}).text


AWKWARD = {
    "hundreds of columns": {
        "columns": [
            {"name": f"column {i}", "kind": "number", "used": i % 7 > 0, "missing": i % 5, "sd": 1e-3 * i}
            for i in range(900)
        ],
        "coefficients": [
            {"name": f"column {i}", "column": f"column {i}", "value": i - 300, "per_sd": 1e-3 * (i - 300)}
            for i in range(900)
        ],
    },
    "very long names": {
        "target": "t" * 400,
        "classes": ["a" * 300, "b" * 300],
        "columns": [{"name": "c" * 500, "kind": "number", "used": True}],
        "coefficients": [
            {"name": "c" * 500, "column": "c" * 500, "level": "l" * 500, "value": 1.0, "per_sd": 1.0}
        ],
    },
    "metrics that are not defined": {
        "metrics": [
            {
                "name": "roc_auc",
                "plain": "pairs",
                "value": float("nan"),
                "baseline": float("nan"),
                "better": "higher",
            },
            {"name": "r2", "plain": "explained", "value": -3.0, "baseline": 0.0, "better": "higher"},
            {"name": "rmse", "plain": "error", "value": 2.0, "baseline": None, "better": "lower"},
        ],
    },
    "no history": {
        "solution": {
            "success": False,
            "status": "budget",
            "message": "Out of time.",
            "history": {"loss": [], "residual": [], "passes": [], "seconds": []},
        }
    },
    "a history that is not finite": {
        "solution": {
            "status": "not_finite",
            "history": {"loss": [1.0, np.nan, np.inf], "residual": [np.nan] * 3},
        },
    },
    "a loss below zero": {
        "solution": {"success": True, "history": {"loss": [2.0, -1.0, -3.0], "residual": [1, 0, 0]}}
    },
    "one record": {
        "solution": {
            "success": True,
            "history": {"loss": [0.5], "residual": [1e-9]},
            "certificate": {"kind": "exact_gap", "bound": 0.0, "target": 1e-9, "assumption": ""},
        }
    },
    "a zero target": {
        "solution": {
            "success": True,
            "history": {"loss": [1.0, 0.0], "residual": [1.0, 0.0]},
            "certificate": {"kind": "duality_gap", "bound": 0.0, "target": 0.0},
        }
    },
    "stationary only": {"solution": {"success": True, "certificate": {"kind": "stationary", "bound": 1e-7}}},
    "all coefficients zero": {
        "coefficients": [{"name": "a", "column": "a", "value": 0.0, "per_sd": 0.0}],
        "intercept": 0.5,
    },
    "one class held out": {"heldout": {"part": "test", "y": ["no"] * 30, "p": np.linspace(0, 1, 30)}},
    "one row held out": {"heldout": {"part": "test", "y": ["yes"], "p": [0.5]}},
    "labels that are not known": {"heldout": {"part": "test", "y": ["maybe"] * 3, "p": [0.5, 0.1, 0.2]}},
    "probabilities that are not finite": {"heldout": {"part": "test", "y": [0, 1], "p": [np.nan, np.inf]}},
    "a path of one": {
        "path": {"alphas": [0.1], "train_loss": [1.0], "validation_loss": [2.0], "chosen": 0.1}
    },
    "a path with zero": {
        "path": {"alphas": [0.0, 0.1], "train_loss": None, "validation_loss": [np.nan, 2.0], "chosen": 0.0}
    },
    "nothing took time": {"timing": {"reading": 0.0, "total": 0.0}},
}


@pytest.mark.parametrize("name", AWKWARD)
def test_awkward_stories(name):
    told = {
        "task": "binary",
        "target": "answer",
        "classes": ["no", "yes"],
        "heldout": {"part": "validation", "y": ["no", "yes"] * 30, "p": np.linspace(0, 1, 60)},
    }
    check(told | AWKWARD[name])


@pytest.mark.parametrize("classes", [2, 3, 12, 50])
def test_many_classes(classes):
    rng = np.random.default_rng(0)
    names = [f"class {i}" for i in range(classes)]
    p = rng.dirichlet(np.full(classes, 0.1), 800)
    y = rng.integers(0, classes - 1, 800)  # the last class is nowhere
    columns = [f"x{j}" for j in range(4)]
    told = {
        "task": "multiclass",
        "target": "kind",
        "classes": names,
        "heldout": {"part": "test", "y": [names[i] for i in y], "p": p},
        "coefficients": [
            {"name": c, "column": c, "value": 1.0, "per_sd": float(rng.standard_normal()), "class": k}
            for c in columns
            for k in names
        ],
        "intercept": rng.standard_normal(classes),
    }
    read = check(told)
    assert "not among the held-out rows" in read.text
    assert all(name in read.text for name in names)


@pytest.mark.parametrize("scale", [0.0, 1e-300, 1e-9, 1.0, 1e9, 1e300])
def test_regression_on_any_scale(scale):
    rng = np.random.default_rng(0)
    y = scale * rng.standard_normal(3000)
    read = check({"task": "regression", "target": "y", "heldout": {"part": "test", "y": y, "p": 0.9 * y}})
    assert "1,200 of 3,000 rows are drawn" in read.text


def test_gravest_findings_come_first():
    found = [{"kind": s, "severity": s, "sentence": f"It is a {s}."} for s in ("note", "warning", "problem")]
    text = check({"findings": found}).text
    assert text.index("It is a problem") < text.index("It is a warning") < text.index("It is a note")


# The arithmetic of the pictures


def test_roc_agrees_with_scikit_learn():
    from sklearn.metrics import roc_auc_score, roc_curve

    rng = np.random.default_rng(1)
    p = rng.integers(0, 20, 500) / 20
    y = rng.random(500) < p
    false, true = roc(y, p)
    reference = roc_curve(y, p, drop_intermediate=False)
    np.testing.assert_array_equal(false, reference[0])
    np.testing.assert_array_equal(true, reference[1])
    assert area(false, true) == pytest.approx(roc_auc_score(y, p), abs=1e-14)


def test_calibration_of_true_probabilities_lies_in_its_intervals():
    rng = np.random.default_rng(2)
    p = rng.random(20_000)
    bins = calibration(rng.random(20_000) < p, p)
    assert bins.rows.sum() == 20_000
    assert (bins.low <= bins.found).all()
    assert (bins.found <= bins.high).all()
    assert ((bins.low <= bins.said) & (bins.said <= bins.high)).sum() >= 8


def test_labels_are_found_whatever_their_type():
    assert class_codes(["b", "a", "c"], ["a", "b"]).tolist() == [1, 0, -1]
    assert class_codes(np.array([1, 0, 1]), [1, 0]).tolist() == [0, 1, 0]  # labels before places
    assert class_codes(np.array([1.0, 0.0]), [0, 1]).tolist() == [1, 0]
    assert class_codes([True, False], [False, True]).tolist() == [1, 0]
    assert class_codes([0, 1], ["no", "yes"]).tolist() == [0, 1]
    assert confusion(np.array([0, 1, 1, -1]), np.array([0, 0, 1, 1]), 2).tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize("log", [False, True])
def test_ticks_are_few_round_and_inside(log):
    rng = np.random.default_rng(3)
    for _ in range(500):
        low = 10.0 ** rng.uniform(-12, 8)
        high = low * (1 + 10.0 ** rng.uniform(-2, 8))
        scale = Scale(low, high, log)
        ticks = scale.ticks(6)
        assert 1 <= len(ticks) <= 8
        assert all(low * (1 - 1e-9) <= value <= high * (1 + 1e-9) for value, _ in ticks)
        assert len({label for _, label in ticks}) == len(ticks)
        places = [scale.at(value) for value, _ in ticks]
        assert places == sorted(places)


def test_thinning_keeps_the_ends():
    assert thinned(5, 10).tolist() == [0, 1, 2, 3, 4]
    kept = thinned(10**6, 100)
    assert (kept[0], kept[-1], len(kept)) == (0, 10**6 - 1, 100)


def test_figures_as_people_write_them():
    space = "\u00a0"
    assert figure(1234567.0) == "1,234,567"
    assert figure(2.5e-9) == f"2.5{space}\u00d7{space}10\u207b\u2079"
    assert (figure(1e-9), figure(-1e-9)) == ("10\u207b\u2079", "\u221210\u207b\u2079")
    assert (figure(-0.5), figure(0.0), figure(float("inf")), figure(None)) == (
        "\u22120.5",
        "0",
        "\u2013",
        "\u2013",
    )
    assert (signed(0.25), signed(-2)) == ("+0.25", "\u22122")
    assert (percent(0.9999999), percent(1.0), percent(1e-9), percent(0.0)) == (
        f"over 99.9{space}%",
        f"100{space}%",
        f"under 0.1{space}%",
        f"0{space}%",
    )
    assert (count(12345.0), duration(0.0004), duration(75.25), duration(125), duration(7300)) == (
        "12,345",
        f"400{space}\u00b5s",
        f"75.2{space}s",
        f"2{space}min 5{space}s",
        f"2{space}h 1{space}min",
    )


def test_steps_on_samples_are_told_apart():
    from steepest.report.convergence import _least, _on_samples

    passes = np.array([0.05, 0.2, 0.8, 1.8, 2.8])
    sampled = _on_samples(passes, 5)
    assert sampled.tolist() == [True, True, True, False, False]
    assert _least(np.array([0.6, 0.1, 0.2, 0.4, 0.3]), sampled) == 0.3
    for whole in ([0.0, 1.0, 2.0], [1.0, 2.1, 3.2], [0.0, 0.0, 0.0], [np.nan] * 3):
        assert not _on_samples(np.array(whole), 3).any()
    certificate = {"kind": "duality_gap", "bound": 1e-3, "target": 1e-2, "assumption": ""}
    history = {"loss": [0.6, 0.1, 0.2, 0.4, 0.3], "residual": [1.0] * 5, "passes": passes}
    text = check({"solution": {"success": True, "certificate": certificate, "history": history}}).text
    assert "Steps on samples are left out" in text
    assert "below 0.2990" in text


# What a page says of a real fit


def rare_story():
    import steepest

    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 3))
    y = np.zeros(4000, bool)
    y[np.argsort(x @ [1.0, 1.0, 0.0] + 1.5 * rng.normal(size=4000))[-60:]] = True
    town = np.array(["Ulm", "Bonn", "Kiel", "Jena", "Fulda", "Celle", "Essen"])[rng.integers(0, 7, 4000)]
    town[y & (town == "Ulm")] = "Bonn"
    data = {
        "a": x[:, 0],
        "b": x[:, 1],
        "c": x[:, 2],
        "town": town,
        "since": np.datetime64("2024-01-01") + np.arange(4000),
    }
    data["fraud"] = np.where(y, "yes", "no")
    return steepest.fit(data, "fraud", cost=5, cv=3).story()


def test_a_page_of_a_rare_class_leads_with_what_ranks():
    told = rare_story()
    text = check(told).text
    assert "AUC: pairs of both classes put in the right order" in text
    first = text.split("Did it converge?")[0].split("Is it any good?")[1]
    assert "accuracy" not in first
    for words in ("Precision-recall curve", "Thresholds", "in use", "largest F1", "95 % interval", "3 folds"):
        assert words in text.replace("\u00a0", " "), words
    assert "its probability is above 0.167" in text
    assert "the numbers say how many of them are yes" in text
    # Levels: a mark where all rows are of one class, every further one to be opened, dates with their part.
    assert "one class only: 0 of" in text
    assert "of the average" in text
    assert "further levels" in text
    assert "month = " in text
    for level in ("Bonn", "Kiel", "Jena", "Fulda", "Celle", "Essen"):
        assert level in text
    assert "fitted again, with the same alpha, to all 4,000" in text.replace("\u00a0", " ")


def test_one_row_above_the_baseline_is_not_better():
    from steepest.report.goodness import goodness

    metric = {
        "name": "accuracy",
        "plain": "rows predicted right",
        "value": 0.991,
        "baseline": 0.99,
        "better": "higher",
    }
    view = goodness({"metrics": [metric | {"low": 0.985, "high": 0.995}]})
    assert view["metrics"][0]["verdict"] == "unclear"
    assert "Not clearly better" in check({"metrics": [metric | {"low": 0.985, "high": 0.995}]}).text
    clear = goodness({"metrics": [metric | {"low": 0.9905, "high": 0.995}]})
    assert clear["metrics"][0]["verdict"] == "better"


def test_the_matrix_counts_at_the_threshold_in_use():
    y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.25, 0.9])
    told = {
        "task": "binary", "target": "y", "classes": ["no", "yes"], "threshold": 0.2,
        "heldout": {"part": "test", "y": y, "p": p, "coded": True},
    }  # fmt: skip
    from steepest.report.goodness import goodness

    cells = [[cell["count"] for cell in row["cells"]] for row in goodness(told)["matrix"]]
    assert cells == [["1", "1"], ["0", "2"]]


def test_classes_that_are_numbers_are_called_classes():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    told = {
        "task": "multiclass", "target": "y", "classes": [1, 2, 7],
        "heldout": {"part": "test", "y": y, "p": rng.dirichlet(np.ones(3), 200), "coded": True},
    }  # fmt: skip
    text = check(told).text.replace("\u00a0", " ")
    assert re.search(r"class 1 predicted as class [27]: \d+ rows", text)


def test_columns_that_the_penalty_left_out_are_folded_away():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 30))
    table = {f"x{j}": x[:, j] for j in range(30)} | {"y": x[:, 3] + 0.1 * rng.normal(size=400)}
    story = steepest.fit(table, "y", penalty="l1", alpha=0.2).story()
    found = coefficients(story)
    assert found is not None
    assert [group["column"] for group in found["first"]] == ["x3"]
    assert len(found["rest"]) == 29


def test_classes_that_are_numbers_are_called_classes_beside_coefficients():
    story = fitted("digits", None, 0.1).story()
    found = coefficients(story)
    assert found is not None
    assert found["first"][0]["cells"][0]["class"].startswith("class ")
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    three = {"x": x, "y": (x > 0) * 1 + (x > 1)}
    found = coefficients(steepest.fit(three, "y", form="linear").story())
    assert found is not None
    assert found["names"] == ["class 0", "class 1", "class 2"]
    assert len(found["first"][0]["cells"]) == 3
    assert any(cell["weight"] for cell in found["first"][0]["cells"])


def test_a_step_that_fits_its_sample_exactly_does_not_stretch_the_axis():
    from steepest.report.pictures import descent_picture

    heights = np.array([1.0, 1e-30, 0.1, 1e-3, 1e-5])
    sampled = np.array([True, True, False, False, False])
    svg = str(descent_picture(np.arange(5.0), heights, "t", "residual", "passes", sampled))
    assert "log scale" in svg
    assert "\u207b\u00b2\u2070" not in svg
    assert "10\u207b\u2074" in svg


def test_options_stay_on_one_line():
    found = {
        "kind": "leak",
        "severity": "warning",
        "sentence": "S.",
        "remedy": "leave it out: --drop 'a b' --drop c",
    }
    text = page({"findings": [found]})
    assert '<span class="nowrap">--drop &#39;a b&#39;</span> <span class="nowrap">--drop c</span>' in text


def test_a_warm_start_is_told():
    told = {
        "solution": {
            "success": True,
            "start": "the training rows'",
            "history": {"loss": [0.5], "residual": [1e-9]},
        }
    }
    assert "It started from the training rows' solution" in check(told).text


def test_precision_and_recall_agree_with_scikit_learn():
    from sklearn.metrics import precision_recall_curve

    from steepest.report.scoring import precision_recall

    rng = np.random.default_rng(1)
    p = rng.integers(0, 20, 500) / 20
    y = rng.random(500) < p
    recall, precision = precision_recall(y, p)
    reference = precision_recall_curve(y, p, drop_intermediate=False)
    np.testing.assert_allclose(recall[1:], reference[1][:-1][::-1])
    np.testing.assert_allclose(precision[1:], reference[0][:-1][::-1])


def test_shares_below_a_half_percent_are_told_as_they_are():
    space = "\u00a0"
    assert percent(0.004, 0) == f"0.4{space}%"
    assert percent(0.996, 0) == f"99.6{space}%"
    assert percent(0.0004, 0) == percent(0.0004) == f"under 0.1{space}%"
    assert percent(0.9996, 0) == percent(0.9996) == f"over 99.9{space}%"
    for part in np.random.default_rng(0).random(300) ** 4:
        for share in (part, 1 - part):
            for digits in (0, 1):
                shown = percent(share, digits).removesuffix(f"{space}%")
                if "under" in shown or "over" in shown:
                    assert share < 0.001 or share > 0.999
                else:
                    assert float(shown) == pytest.approx(100 * share, abs=0.51 if digits == 0 else 0.051)
