"""Numbers in texts: decimal points and commas, decided by all values of a column together, never by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import steepest
from steepest.errors import InputError, TableError
from steepest.tables import prepare, read
from steepest.tables.numerals import Notation, is_numeral
from steepest.tables.values import read_values

RNG = np.random.default_rng(8)


def numbers(texts: list[str], **said: Any) -> list[float]:
    values = read_values(read({"x": texts}).column("x"), "x", notation=Notation(**said))
    assert values.numbers is not None, values.kind
    return values.numbers.tolist()


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1,274", "0,54", "0,082", "-0,006", "1,5e3"], [1.274, 0.54, 0.082, -0.006, 1500.0]),
        (["1,274", "1,274.5"], [1274.0, 1274.5]),
        (["1,274", "1,234,567"], [1274.0, 1234567.0]),
        (["1.234", "1.234,56"], [1234.0, 1234.56]),
        (["1.234", "1.234.567"], [1234.0, 1234567.0]),
        (["1.274", "2.5"], [1.274, 2.5]),
        (["1.274", "2.345"], [1.274, 2.345]),
        (["1 234,5", "7", "1\u00a0000"], [1234.5, 7.0, 1000.0]),
        (["1'234.5", "12\u2019345"], [1234.5, 12345.0]),
        (["12,34,567", "5"], [1234567.0, 5.0]),
        (["$3.50", "-$2", "\u20ac 1,200.00"], [3.5, -2.0, 1200.0]),
        (["12 %", "3,5%"], [12.0, 3.5]),
        (["\u22125", "+3"], [-5.0, 3.0]),
        ([",5", "1,"], [0.5, 1.0]),
        (["0,123", "1,274"], [0.123, 1.274]),
        (["1,257E+02", "1,010E+03"], [125.7, 1010.0]),
        (["(1,234.50)", "$5.00"], [-1234.5, 5.0]),
        (["(\u20ac 5,50)", "7,20 \u20ac"], [-5.5, 7.2]),
        (["12.50-", "3.25"], [-12.5, 3.25]),
        (["CHF 1'200.50", "CHF -3"], [1200.5, -3.0]),
        (["1.009,62 EUR", "5 EUR"], [1009.62, 5.0]),
        (["R$ 5,50", "R$ 1.200,00"], [5.5, 1200.0]),
        (["5%", "0", "7.5 %"], [5.0, 0.0, 7.5]),
        (["7:30", "12:05:30"], [27000.0, 43530.0]),
        (["12:05 AM", "1:30 pm"], [300.0, 48600.0]),
    ],
)
def test_a_column_s_values_say_together_how_they_are_written(texts: list[str], expected: list[float]) -> None:
    assert numbers(texts) == expected


@pytest.mark.parametrize(
    "texts", [["1,274", "2,345"], ["987", "12,345"], ["45,000"] * 3, ["-1,000", "+2,000", "3"]]
)
def test_where_both_readings_remain_the_caller_is_asked(texts: list[str]) -> None:
    with pytest.raises(TableError, match=r"column 'x' can be read in two ways.*decimal=',' or decimal='\.'"):
        numbers(texts)
    assert numbers(texts, decimal=",") == [float(text.replace(",", ".")) for text in texts]
    for said in ({"decimal": "."}, {"thousands": ","}):
        assert numbers(texts, **said) == [float(text.replace(",", "")) for text in texts]


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("low", [900, 0])
def test_points_that_may_group_thousands_are_asked_for(tmp_path: Path, separator: str, low: int) -> None:
    """900 and 1.011 are whole numbers in half of Europe; 0.5 in any column says that the point is decimal."""
    prices = [low + 37 * i for i in range(1, 60)]
    rows = [(f"{price:,}".replace(",", "."), i % 4) for i, price in enumerate(prices)]
    path = tmp_path / "t.csv"
    path.write_text("\n".join([f"price{separator}n", *(f"{p}{separator}{n}" for p, n in rows)]))
    with pytest.raises(TableError, match=r"column 'price' .*can be read in two ways.*three digits"):
        read(path)
    with pytest.raises(TableError, match="three digits"):
        numbers([price for price, _ in rows])
    thousands = read(path, thousands=".")
    values = read_values(thousands.column("price"), "price", notation=thousands.notation)
    assert values.numbers is not None
    assert values.numbers.tolist() == prices
    assert numbers(["900", "1.011"], decimal=".") == [900.0, 1.011]
    path.write_text("\n".join([f"price{separator}n", *(f"{p}{separator}{n}.5" for p, n in rows)]))
    assert read(path).column("price").to_pylist()[-1] == pytest.approx(prices[-1] / 1000)


def test_labels_in_brackets_and_mixed_units() -> None:
    assert read_values(read({"x": ["(1)", "(2)"]}).column("x"), "x").kind == "text"
    with pytest.raises(TableError, match=r"mixes percentages and plain numbers: it holds '5%' and '0\.3'"):
        numbers(["5%", "0.3"])
    values = read_values(read({"x": ["$5", "\u20ac6"]}).column("x"), "x")
    assert values.remark is not None
    assert "as if all were of one currency" in values.remark


def test_a_column_that_mixes_both_is_refused() -> None:
    with pytest.raises(
        TableError, match=r"mixes decimal commas and decimal points: it holds '1,5' and '2\.5'"
    ):
        numbers(["1,5", "2.5"])


def test_what_is_said_of_the_notation_is_checked() -> None:
    for said in ({"decimal": ";"}, {"thousands": "x"}, {"decimal": ",", "thousands": ","}):
        with pytest.raises(InputError, match=r"decimal|thousands"):
            Notation(**said)
    assert numbers(["1.234", "2.345"], decimal=",") == [1234.0, 2345.0]
    assert numbers(["1.234", "2.345"], thousands=".") == [1234.0, 2345.0]


@given(
    st.lists(st.decimals(-(10**7), 10**7, places=3), min_size=1, max_size=30),
    st.sampled_from([(".", ","), (",", "."), (",", " "), (".", " "), (".", "'"), (".", ""), (",", "")]),
)
def test_what_is_written_is_read_or_asked_for(values: list[Any], marks: tuple[str, str]) -> None:
    decimal, thousands = marks
    texts = [f"{v:,}".replace(",", "T").replace(".", decimal).replace("T", thousands) for v in values]
    expected = [float(v) for v in values]
    said = {"decimal": decimal} | ({"thousands": thousands} if thousands else {})
    assert numbers(texts, **said) == expected
    try:
        found = numbers(texts)
    except TableError:  # asked for
        return
    # A point is a decimal point where nothing in the column speaks against it: 1.234 alone is a fraction.
    if decimal == "." or any("," in text for text in texts):
        assert found == expected


def test_numbers_are_known_in_every_notation() -> None:
    assert all(map(is_numeral, ["1", "-1.5e3", "1,5", "1.234,5", "1 234", "$3", "7 %", "+.5"]))
    assert not any(map(is_numeral, ["", "x", "1-2", "1.2.3", "12:30", "nan", "inf", "1_000", "2024-01-01"]))


def table(sep: str = ";", comma: bool = True) -> tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    x = np.round(RNG.normal(size=200) * 3, 3)
    z = np.round(RNG.normal(size=200) * 5, 2)
    y = np.round(2 * x + z, 3)
    rows = [sep.join(f"{v:.3f}" for v in row) for row in zip(x, z, y, strict=True)]
    text = "\n".join([sep.join("xzy"), *rows]) + "\n"
    return (text.replace(".", ",") if comma else text), x, y


def test_a_fit_reads_decimal_commas_in_columns_and_target_and_its_model_reads_alike(tmp_path: Path) -> None:
    text, _, _ = table()
    (tmp_path / "t.csv").write_text(text)
    model = steepest.fit(tmp_path / "t.csv", "y")
    assert model.score(tmp_path / "t.csv") > 0.9999
    said = [finding.sentence for finding in model.findings if finding.kind == "read_as_numbers"]
    assert any("the target 'y'" in sentence and "a decimal comma" in sentence for sentence in said)
    (tmp_path / "new.csv").write_text("x;z\n1,274;2,500\n")
    model.save(tmp_path / "m.safetensors")
    again = steepest.load(tmp_path / "m.safetensors")
    expected = again.predict({"x": [1.274], "z": [2.5]})
    assert again.predict(tmp_path / "new.csv") == expected == again.predict({"x": ["1,274"], "z": ["2,5"]})
    assert expected[0] == pytest.approx(2 * 1.274 + 2.5, abs=0.01)
    with pytest.raises(TableError, match=r"'x' row 0 holds '1\.5' where a number with a decimal comma"):
        again.predict({"x": ["1.5"], "z": [0.0]})
    test = steepest.fit(tmp_path / "t.csv", "y", test=tmp_path / "t.csv")
    assert test.metrics()[0]["value"] > 0.9999


@pytest.mark.filterwarnings("ignore:.* far outside:UserWarning")
def test_a_model_of_decimal_points_reads_a_comma_as_thousands(tmp_path: Path) -> None:
    text, _, _ = table(",", comma=False)
    (tmp_path / "t.csv").write_text(text)
    model = steepest.fit(tmp_path / "t.csv", "y")
    assert model.predict({"x": ["1,274"], "z": [0.0]}) == model.predict({"x": [1274.0], "z": [0.0]})


def test_thousands_beside_decimal_commas_are_asked_for(tmp_path: Path) -> None:
    rows = "".join(f"{i % 8 + 1}.{i * 37 % 900 + 100};{i},5;{i % 2}\n" for i in range(40))
    path = tmp_path / "t.csv"
    path.write_text("a;b;y\n" + rows)
    with pytest.raises(TableError, match=r"column 'a' of t\.csv can be read in two ways.*decimal comma"):
        read(path)
    prepared = prepare(path, "y", decimal=",", validation=0)
    assert prepared.train.design.numbers[0].tolist() == [1100.0, 0.5]
    assert (
        prepare(path, "y", decimal=".", thousands=" ", drop=["b"], validation=0).train.design.numbers[0, 0]
        == 1.1
    )


def test_texts_among_numbers_are_named_or_missing() -> None:
    incomes = [f"{v:.0f}" for v in RNG.uniform(1e4, 1e5, 300)]
    y = RNG.normal(size=300)
    for text in ("n.a.", "N/A", "#DIV/0!"):
        column = prepare(
            {"x": [text if i % 8 == 0 else v for i, v in enumerate(incomes)], "y": y}, "y"
        ).schema.columns[0]
        assert (column.kind, column.missing) == ("number", 38)
    odd = ["unknown" if i % 8 == 0 else v for i, v in enumerate(incomes)]
    with pytest.raises(TableError, match="row 0 holds 'unknown' where 262 of 300 values are numbers"):
        prepare({"x": odd, "y": y}, "y")
    assert prepare({"x": odd, "y": y}, "y", missing="impute").schema.columns[0].missing == 38
    german = [f"{int(v) // 1000}.{int(v) % 1000:03d},56" for v in incomes]
    found = prepare({"x": german, "y": y}, "y", validation=0).train.design.numbers[:, 0]
    assert found.tolist() == [int(v) + 0.56 for v in incomes]
    levels = ["0", "1", "2", "3+"] * 75
    assert prepare({"x": levels, "y": y}, "y").schema.columns[0].kind == "category"


def test_long_whole_numbers_lose_no_digit_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,x,y\n" + "".join(f"{10**19 + i},{i * i % 7}.5,{i % 2}\n" for i in range(40)))
    assert prepare(path, "y").schema.column("id").kind == "identifier"
    path.write_text("code,x,y\n" + "".join(f"{10**19 + i % 3},{i * i % 7}.5,{i % 2}\n" for i in range(40)))
    with pytest.raises(TableError, match=r"'code' holds whole numbers beyond 2\^53"):
        prepare(path, "y")
    path.write_text("size,x,y\n" + "".join(f"{i + 1}e20,{i * i % 7}.5,{i % 2}\n" for i in range(40)))
    assert prepare(path, "y").schema.column("size").kind == "number"
    path.write_text("n,x,y\n" + "".join(f"{'9' * 400},{i * i % 7}.5,{i % 2}\n" for i in range(40)))
    with pytest.raises(TableError, match="column 'n' row 0 is not finite"):
        prepare(path, "y")


def test_texts_in_a_target_that_may_be_classes_are_kept_and_named() -> None:
    x = RNG.normal(size=300)
    for text in ("None", "NA", "-"):
        values = [text] * 107 + ["A"] * 100 + ["B"] * 93
        prepared = prepare({"x": x, "y": values}, "y")
        assert prepared.schema.classes == tuple(sorted([text, "A", "B"]))
        assert prepared.dropped == 0
        finding = next(finding for finding in prepared.findings if finding.kind == "missing_or_class")
        assert finding.severity == "warning"
        assert f"{text!r} (107 rows)" in finding.sentence
        off = prepare({"x": x, "y": values}, "y", missing_target=[text])
        assert (off.schema.classes, off.dropped) == (("A", "B"), 107)
        assert any(f"written {text!r}" in finding.sentence for finding in off.findings)
    values = ["?"] * 100 + ["A"] * 100 + [""] * 100
    kept = prepare({"x": x, "y": values}, "y", missing_target=[])
    assert (kept.schema.classes, kept.dropped) == (("?", "A"), 100)
    numbers = ["NA"] * 100 + ["1.5", "2.5"] * 100
    assert prepare({"x": x, "y": numbers}, "y").dropped == 100


def test_a_class_called_none_is_judged_and_predicted(tmp_path: Path) -> None:
    x = np.r_[RNG.normal(-2, 1, 100), RNG.normal(2, 1, 100)]
    frame = {"x": x, "y": ["None"] * 100 + ["some"] * 100}
    model = steepest.fit(frame, "y")
    assert model.classes is not None
    assert model.classes.tolist() == ["None", "some"]
    assert model.score(frame) > 0.9
    assert set(model.predict({"x": [-5.0, 5.0]})) == {"None", "some"}
