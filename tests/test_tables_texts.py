"""Delimited texts as they are found: names that are numbers, comments, row names, blanks, very long lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from steepest.errors import TableError
from steepest.tables import dates, prepare, read


def columns(tmp_path: Path, text: str | bytes, **options: Any) -> dict[str, list[Any]]:
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    table = read(path, **options)
    return {name: table.column(name).to_pylist() for name in table.names}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (",0,1,2\n0,1.5,2.5,a\n1,2.5,3.5,b\n", ["column 0", "0", "1", "2"]),
        ("0,1,2\n1.5,2.5,a\n2.5,3.5,b\n", ["0", "1", "2"]),
        ("0,1\n0.5,1.5\n2.5,3.5\n", ["0", "1"]),
        ("2001,2002,2003\n5,6,7\n8,1,2\n", ["2001", "2002", "2003"]),
        ("town,2001,2002\nBonn,5,6\nUlm,7,8\n", ["town", "2001", "2002"]),
        ("id,2001\n7,5\n8,9\n", ["id", "2001"]),
        ("id,0,1\n7,5,6\n8,7,8\n", ["id", "0", "1"]),
        (
            "400;410;420;430;class\n" + "1,5;2,5;3,5;1,25;a\n3;1;2;9;b\n" * 4,
            ["400", "410", "420", "430", "class"],
        ),
        ("day,1,2\n2020-01-01,5,6\n2020-01-02,7,8\n", ["day", "1", "2"]),
        ("1,2,a\n3,4,b\n5,6,a\n", ["c0", "c1", "c2"]),
        ("1,2,3\n4,5,6\n7,8,9\n", ["c0", "c1", "c2"]),
        ("2001,2002,2003\n2004,2005,2006\n2007,2008,2009\n", ["c0", "c1", "c2"]),
        ("0,1\n1,0\n0,0\n1,1\n", ["c0", "c1"]),
        ("5.1,3.5,x\n4.9,3.0,x\n4.7,3.2,y\n", ["c0", "c1", "c2"]),
        ("1,5;2,7;x\n3,25;4,5;y\n5,5;1,5;x\n", ["c0", "c1", "c2"]),
        ("c,z,y\na;b,1.5,2\nc,2.5,3\na,3.5,4\n", ["c", "z", "y"]),
        ("c,d,y\na,x,1\nc,y,2\na,x,3\n", ["c", "d", "y"]),
        ("a,NA\nb,3\na,4\n", ["c0", "c1"]),
    ],
)
def test_names_that_are_numbers_are_told_from_data(tmp_path: Path, text: str, names: list[str]) -> None:
    assert list(columns(tmp_path, text)) == names


def test_a_first_line_that_could_be_both_is_asked_for(tmp_path: Path) -> None:
    text = "town,2001\nBonn,5\nUlm,7\n"
    with pytest.raises(TableError, match=r"could hold names or data \(town, 2001\): pass header=True"):
        columns(tmp_path, text)
    assert columns(tmp_path, text, header=True) == {"town": ["Bonn", "Ulm"], "2001": [5, 7]}
    assert columns(tmp_path, text, header=False)["c1"] == [2001, 5, 7]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n1,2,\n3,4,\n", {"a": [1, 3], "b": [2, 4]}),
        ("a,b,\n1,2,\n3,4,\n", {"a": [1, 3], "b": [2, 4]}),
        ("a,b,\n1,2\n3,4\n", {"a": [1, 3], "b": [2, 4]}),
        ('"a" "b"\n"1" 3.5 "x y"\n"2" 4.5 "z"\n', {"column 0": [1, 2], "a": [3.5, 4.5], "b": ["x y", "z"]}),
        ('"","a"\n"1",3.5\n"2",4.5\n', {"column 0": [1, 2], "a": [3.5, 4.5]}),
        ("a,b\nr1,3.5,x\nr2,4.5,z\n", {"column 0": ["r1", "r2"], "a": [3.5, 4.5], "b": ["x", "z"]}),
        ("# mine\n# and more, here\na,b\n1,2\n3,4\n", {"a": [1, 3], "b": [2, 4]}),
        ("# a b\n1.5 2\n3.5 4\n", {"a": [1.5, 3.5], "b": [2, 4]}),
        ("#a,b\n1,2\n3,4\n", {"a": [1, 3], "b": [2, 4]}),
        ("a,b\n1,2\n# said\n3,4\n", {"a": [1, 3], "b": [2, 4]}),
        ("a,b\n#1,2\n#3,4\n", {"a": ["#1", "#3"], "b": [2, 4]}),
        ("#1,2\n#3,4\n#5,6\n", {"c0": ["#1", "#3", "#5"], "c1": [2, 4, 6]}),
        ("sep=;\na;b\n1;2\n3;4\n", {"a": [1, 3], "b": [2, 4]}),
        ('"sep=|"\r\na|b\r\n1|2\r\n', {"a": [1], "b": [2]}),
        ("  a    b\n 1.5  2\n10.5 20\n", {"a": [1.5, 10.5], "b": [2, 20]}),
        (" 1.5  2\n10.5 20\n", {"c0": [1.5, 10.5], "c1": [2, 20]}),
        (
            '18.5   8  \t"chevrolet malibu"\n15.5   ?  \t"buick"\n',
            {"c0": [18.5, 15.5], "c1": [8, None], "c2": ["chevrolet malibu", "buick"]},
        ),
        ('"a\nb",c\n1,2\n3,4\n', {"a b": [1, 3], "c": [2, 4]}),
        ('"a\nb",c\n"x\ny",2\nz,4\n', {"a b": ["x\ny", "z"], "c": [2, 4]}),
        ("\n\na,b\n1,2\n\n3,4\n", {"a": [1, 3], "b": [2, 4]}),
        (b"\xef\xbb\xbf# x\r\na,b\r\n1,2\r\n", {"a": [1], "b": [2]}),
        (b"\xef\xbb\xbfa,b\r\n1,2\r\n", {"a": [1], "b": [2]}),
        (b"\xef\xbb\xbf1,2\r\n3,4\r\n7,8\r\n", {"c0": [1, 3, 7], "c1": [2, 4, 8]}),
        ("a,b\n1,2\n".encode("utf-32"), {"a": [1], "b": [2]}),
        ("a,b\n1,2\n3,4\n".encode("utf-16-le"), {"a": [1, 3], "b": [2, 4]}),
        ("a,b\n1,2\n3,4\n".encode("utf-16-be"), {"a": [1, 3], "b": [2, 4]}),
        ("Sales of 2024\n\na,b\n1,2\n3,4\n5,6\n", {"a": [1, 3, 5], "b": [2, 4, 6]}),
        ("Sales,\n,\na,b\n1,2\n3,4\n5,6\n", {"a": [1, 3, 5], "b": [2, 4, 6]}),
        ("% mine\n// yours\na;b\n1;2\n3;4\n5;6\n", {"a": [1, 3, 5], "b": [2, 4, 6]}),
        ("a,b\n0,3.5,x\n1,4.5,z\n", {"column 0": [0, 1], "a": [3.5, 4.5], "b": ["x", "z"]}),
        ('"a", "b", "c"\n1, "x, y", 2\n3, "z", 4\n', {"a": [1, 3], "b": ["x, y", "z"], "c": [2, 4]}),
        ('a,b\n1,"x ""y"", z"\n3,"z"\n', {"a": [1, 3], "b": ['x "y", z', "z"]}),
        ('a,b\n1,"x \\"y, z\\" w"\n3,"z"\n', {"a": [1, 3], "b": ['x "y, z" w', "z"]}),
        ('a,b\n1,"C:\\d\\"\n3,"D:\\"\n', {"a": [1, 3], "b": ["C:\\d\\", "D:\\"]}),
        ("a;b\n1,5;x\n2,5;y\n3,5;x\n", {"a": ["1,5", "2,5", "3,5"], "b": ["x", "y", "x"]}),
        ("0,35;x\n2,5;y\n3,5;x\n", {"c0": ["0,35", "2,5", "3,5"], "c1": ["x", "y", "x"]}),
        ("a,b\n0x1F,2\n0x2A,4\n", {"a": ["0x1F", "0x2A"], "b": [2, 4]}),
    ],
)
def test_what_stands_around_a_table_is_not_taken_for_it(
    tmp_path: Path, text: str | bytes, expected: dict[str, list[Any]]
) -> None:
    found = columns(tmp_path, text)
    assert found == expected
    assert list(found) == list(expected)


def test_a_value_after_a_trailing_delimiter_is_named(tmp_path: Path) -> None:
    text = "a,b\n" + "1,2,\n" * 300 + "3,4,oops\n"
    with pytest.raises(
        TableError, match=r"row 300 of t\.csv has 3 fields where the header has 2: the last is 'oops'"
    ):
        columns(tmp_path, text)


@pytest.mark.parametrize("rows", ["1,5,2\n3,4,5\n", "'1,5',2\n'3,4',5\n", "7,x,1\n7,y,2\n"])
def test_fields_that_hold_the_delimiter_are_no_row_names(tmp_path: Path, rows: str) -> None:
    with pytest.raises(TableError, match="have 3 fields where its first line has 2 names"):
        columns(tmp_path, "a,b\n" + rows)


def test_long_lines_are_read(tmp_path: Path) -> None:
    wide = 6_000
    text = (
        ",".join(f"the_column_of_that_rather_long_name_and_number_{j}" for j in range(wide))
        + "\n"
        + (",".join(["1.5"] * wide) + "\n") * 2
    )
    assert len(text.splitlines()[0]) > 1 << 18
    path = tmp_path / "wide.csv"
    path.write_text(text)
    table = read(path)
    assert (len(table.names), table.rows) == (wide, 2)
    long = "y" * (5 << 20)
    assert columns(tmp_path, f"a,b\n1,{long}\n2,x\n")["b"] == [long, "x"]


def test_a_commented_header_is_found_again_in_new_rows(tmp_path: Path) -> None:
    rows = "".join(f"{i}.5 {i * 7 % 5} {i % 2}\n" for i in range(40))
    (tmp_path / "t.txt").write_text("# a b y\n" + rows)
    schema = prepare(tmp_path / "t.txt", "y").schema
    (tmp_path / "new.txt").write_text("# a b y\n1.5 2 0\n3.5 4 1\n")
    assert schema.apply(tmp_path / "new.txt").design.numbers.tolist() == [[1.5, 2.0], [3.5, 4.0]]


ROWS = [{"a": i, "b": f"x{i % 2}", "c": None if i == 1 else i / 2} for i in range(4)]
EXPECTED = {"a": [0, 1, 2, 3], "b": ["x0", "x1", "x0", "x1"], "c": [0.0, None, 1.0, 1.5]}


@pytest.mark.parametrize(
    "text",
    [
        "".join(json.dumps(row) + "\n" for row in ROWS),
        "\n".join(json.dumps(row) for row in ROWS),
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        json.dumps({name: [row[name] for row in ROWS] for name in "abc"}),
        json.dumps({name: {str(i): row[name] for i, row in enumerate(ROWS)} for name in "abc"}),
        json.dumps(
            {"columns": list("abc"), "index": [0, 1, 2, 3], "data": [list(row.values()) for row in ROWS]}
        ),
    ],
)
def test_json_is_read_as_what_it_is(tmp_path: Path, text: str) -> None:
    assert columns(tmp_path, text) == EXPECTED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n{"a": 2\n', r"line 2 of t\.csv is no JSON"),
        ('{"a": 1}\n[1]\n', r"line 2 of t\.csv holds a list where the lines before hold objects"),
        ('{"a": 1, "a": 2}\n{"a": 3, "a": 4}\n', "two columns called 'a'"),
        ("[" * 100_000 + "]" * 100_000, "nested too deep"),
        ('{"a": ' * 100_000, "nested too deep|is no JSON"),
        ('[{"a": 1}, 2]', "row 1"),
        ("[1, 2]", "holds lists|holds objects"),
    ],
)
def test_json_that_is_no_table_is_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(TableError, match=said):
        columns(tmp_path, text)


def test_texts_that_look_like_no_date_are_not_tried_as_each_format(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred formats asked of Arrow for each of a dozen texts took ten seconds on 300 rows."""
    asked = []
    each = dates.each
    monkeypatch.setattr(dates, "each", lambda array, format: asked.append(format) or each(array, format))
    assert dates.candidates("+1-555-0199") == []
    assert asked == []
    assert dates.candidates("24-12-2025 17:30") == ["%d-%m-%Y %H:%M"]
    assert set(asked) == {"%m-%d-%Y %H:%M", "%d-%m-%Y %H:%M"}
    assert dates.candidates("2024-02-30") == []
    assert dates.candidates("2024-02-29\n") == []


def test_numbers_with_a_unit_are_no_silent_category(tmp_path: Path) -> None:
    """As levels, areas told a quarter of what they tell as numbers, and prices of 10.0k to 20.0k were classes."""
    path = tmp_path / "t.csv"
    rows = [f"{i % 40 / 2} m2,{i % 9}A,{i % 40 / 10 + 10:.1f}k,{i / 3:.3f}\n" for i in range(200)]
    path.write_text("area,seat,price,y\n" + "".join(rows))
    table = read(path)
    with pytest.raises(TableError, match=r"numbers with 'k' beside them, such as '10\.0k': take it off"):
        prepare(table, "price")
    assert prepare(table, "price", task="multiclass").schema.task == "multiclass"
    found = [f for f in prepare(table, "y").findings if f.kind == "numbers_with_unit"]
    assert [f.sentence.partition(" is taken")[0] for f in found] == ["'area'", "'price'"]
    assert found[0].remedy == "take off 'm2' to use them as amounts"
    asked = prepare(table, "y", categories=["area", "price"]).findings
    assert not [f for f in asked if f.kind == "numbers_with_unit"]
