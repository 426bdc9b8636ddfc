"""Files of tables: what each kind and each oddity comes to, and what is refused by name."""

import gzip

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from shallows import InvalidArgument
from shallows.table_files import read_file

ROWS = ["a,word,y", "1.5,red,0.25", "-2,blue,1", "3e1,red,2"]
TEXT = "\n".join(ROWS) + "\n"
COLUMNS = {"a": [1.5, -2.0, 30.0], "word": ["red", "blue", "red"]}


def swapped(text, old=",", new=";"):
    return text.replace(old, new)


FILES = {
    "plain": ("t.csv", TEXT.encode(), {}),
    "tsv": ("t.tsv", swapped(TEXT, new="\t").encode(), {}),
    "txt": ("t.txt", TEXT.encode(), {}),
    "upper case": ("T.CSV", TEXT.encode(), {}),
    "gz": ("t.csv.gz", gzip.compress(TEXT.encode()), {}),
    "tsv.gz": ("t.tsv.gz", gzip.compress(swapped(TEXT, new="\t").encode()), {}),
    "byte-order mark": ("t.csv", b"\xef\xbb\xbf" + TEXT.encode(), {}),
    "utf-16": ("t.csv", TEXT.encode("utf-16"), {}),
    "windows": ("t.csv", TEXT.replace("\n", "\r\n").encode(), {}),
    "old mac": ("t.csv", TEXT.replace("\n", "\r").encode(), {}),
    "no last line end": ("t.csv", TEXT.strip().encode(), {}),
    "blank lines": ("t.csv", ("\n\n" + TEXT.replace("\n", "\n\n")).encode(), {}),
    "blanks": ("t.csv", swapped(TEXT, new=" , ").encode(), {}),
    "quotes": ("t.csv", "\n".join(",".join(f'"{cell}"' for cell in row.split(",")) for row in ROWS).encode(), {}),
    "comments": ("t.csv", ("# made in May, by us\n" + TEXT.replace("3e1", "# why?\n3e1")).encode(), {}),
    "semicolons": ("t.csv", swapped(TEXT).encode(), {"delimiter": ";"}),
    "bars": ("t.txt", swapped(TEXT, new="|").encode(), {"delimiter": "|"}),
    "tab, by name": ("t.csv", swapped(TEXT, new="\t").encode(), {"delimiter": "tab"}),
    "blank as delimiter": ("t.txt", swapped(TEXT, new=" ").encode(), {"delimiter": " "}),
    "decimal commas": ("t.csv", swapped(swapped(TEXT), ".", ",").encode(), {"delimiter": ";", "decimal": ","}),
    "a plus": ("t.csv", TEXT.replace("1.5", "+1.5").encode(), {}),
    "delimiter at every end": ("t.csv", TEXT.replace("\n", ",\n").encode(), {}),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_text_file_reads_the_same(tmp_path, kind):
    name, content, options = FILES[kind]
    (tmp_path / name).write_bytes(content)
    raw = read_file(tmp_path / name, **options)
    assert {title: column.to_pylist() for title, column in raw.columns.items()} == COLUMNS
    assert raw.target.to_pylist() == [0.25, 1, 2]
    assert (raw.rows, raw.index, raw.target_name) == (3, (), "y")
    expected = {"comments": ("2 lines that start with # were skipped",)}
    expected["utf-16"] = ("the file is not UTF-8: it was read as UTF-16",)
    assert raw.notes == expected.get(kind, ())


def test_what_is_not_utf8_is_named(tmp_path):
    (tmp_path / "t.csv").write_bytes("größe,y\nzwölf,1\nelf,2\n".encode("latin-1"))
    raw = read_file(tmp_path / "t.csv")
    assert raw.columns["größe"].to_pylist() == ["zwölf", "elf"]
    assert raw.notes == ("the file is not UTF-8: it was read as Latin-1",)


@pytest.mark.parametrize("word", ["", " ", "NA", "NaN", "nan", "N/A", "null", "None", "?", ".", "#N/A", "<NA>"])
def test_words_for_what_misses(tmp_path, word):
    (tmp_path / "t.csv").write_text(f"a,word,y\n1,red,1\n{word},{word},{word}\n3,blue,2\n")
    raw = read_file(tmp_path / "t.csv")
    assert raw.columns["a"].to_pylist() == [1, None, 3]
    assert raw.columns["word"].to_pylist() == ["red", None, "blue"]
    assert raw.target.to_pylist() == [1, None, 2]


def test_a_row_may_begin_like_a_comment(tmp_path):
    (tmp_path / "t.csv").write_text("colour,y\n#ff0000,1\n# no, really, a comment\n#DIV/0!,2\n")
    raw = read_file(tmp_path / "t.csv")
    assert raw.columns["colour"].to_pylist() == ["#ff0000", None]
    assert raw.notes == ("1 line that starts with # was skipped",)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["true", "False"], [True, False]),
        (["TRUE", "true"], [True, True]),
        (["yes", "no"], ["yes", "no"]),
        (["inf", "-Infinity"], [np.inf, -np.inf]),
        (["007", "1."], [7, 1]),
        ([".5", "1E-3"], [0.5, 0.001]),
        (["1", "1a"], ["1", "1a"]),
        (["1,5", "2.5"], None),
        (["1,5", "2"], None),
        (["1,5", "x"], ["1,5", "x"]),
    ],
)
def test_text_becomes_numbers_where_all_of_it_is(tmp_path, words, expected):
    (tmp_path / "t.csv").write_text("a;y\n" + "".join(f"{word};{i}\n" for i, word in enumerate(words)))
    if expected is None:
        with pytest.raises(
            InvalidArgument, match=r"'a' holds numbers with decimal commas \(such as '1,5'\): give --decimal"
        ):
            read_file(tmp_path / "t.csv", delimiter=";")
    else:
        column = read_file(tmp_path / "t.csv", delimiter=";").columns["a"]
        assert column.to_pylist() == expected
        assert isinstance(column[0].as_py(), type(expected[0])) or column.type == pyarrow.float64()


def test_points_where_commas_are_told(tmp_path):
    (tmp_path / "t.csv").write_text("a;y\n1,5;1\n2.5;2\n")
    with pytest.raises(InvalidArgument, match=r"decimal points \(such as '2.5'\): give --decimal \.$"):
        read_file(tmp_path / "t.csv", delimiter=";", decimal=",")


def test_columns_can_be_kept_as_text(tmp_path):
    (tmp_path / "t.csv").write_text("a,y\n1,1\n02,2\n")
    assert read_file(tmp_path / "t.csv", as_text={"a"}).columns["a"].to_pylist() == ["1", "02"]


def test_a_nameless_first_column_is_an_index(tmp_path):
    (tmp_path / "t.csv").write_text(",a,y\n0,1,1\n1,2,2\n")
    raw = read_file(tmp_path / "t.csv")
    assert (raw.index, list(raw.columns)) == (("",), ["", "a"])


def test_what_parquet_declares_an_index(tmp_path):
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"a": [1.0, 2.0], "y": [1, 2]}, index=[7, 3])
    table.to_parquet(tmp_path / "t.parquet")
    assert read_file(tmp_path / "t.parquet").index == ("__index_level_0__",)
    table.rename_axis("city").to_parquet(tmp_path / "t.parquet")
    assert read_file(tmp_path / "t.parquet").index == ("city",)
    table.reset_index(drop=True).to_parquet(tmp_path / "t.parquet")
    assert read_file(tmp_path / "t.parquet").index == ()


def test_categories_of_pandas_are_categories(tmp_path):
    pandas = pytest.importorskip("pandas")
    columns = {"a": pandas.Categorical([1.5, 2.5, None]), "b": pandas.Categorical(["u", "v", None]), "y": [1, 2, 3]}
    pandas.DataFrame(columns).to_parquet(tmp_path / "t.parquet")
    found = read_file(tmp_path / "t.parquet").columns
    assert all(pyarrow.types.is_dictionary(found[title].type) for title in "ab")
    assert found["a"].to_pylist() == [1.5, 2.5, None]


def test_every_type_of_text_in_parquet(tmp_path):
    kinds = [pyarrow.string(), pyarrow.large_string(), pyarrow.string_view()]
    columns = {f"c{i}": pyarrow.array(["u", "v"], kind) for i, kind in enumerate(kinds)} | {"y": [1, 2]}
    try:
        parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    except pyarrow.ArrowNotImplementedError:  # old versions write no views
        del columns["c2"]
        parquet.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    assert all(column.to_pylist() == ["u", "v"] for column in read_file(tmp_path / "t.parquet").columns.values())


def test_the_target_may_be_left_to_chance(tmp_path):
    (tmp_path / "t.csv").write_text("a\n1\n2\n")
    assert read_file(tmp_path / "t.csv", needs_target=False).target is None
    np.savez(tmp_path / "t.npz", X=np.ones((2, 1)))
    assert read_file(tmp_path / "t.npz", needs_target=False).target is None
    np.save(tmp_path / "t.npy", np.ones((2, 1)))
    assert read_file(tmp_path / "t.npy", None, needs_target=False).target is None


BAD = {
    "empty": ("t.csv", b"", {}, "the file is empty"),
    "no rows": ("t.csv", b"a,y\n", {}, "has column names but no rows"),
    "blank": ("t.csv", b"\n \n", {}, "has no line of column names"),
    "only comments": ("t.csv", b"# a\n# b\n", {}, "has no line of column names"),
    "binary": ("t.csv", b"\x89PNG\r\n\x1a\n\x00\x01", {}, "not a text file"),
    "no gz": ("t.csv.gz", TEXT.encode(), {}, "cannot be read: Not a gzipped file"),
    "cut gz": ("t.csv.gz", gzip.compress(TEXT.encode())[:-9], {}, "cannot be read: Compressed file ended"),
    "broken gz": ("t.csv.gz", gzip.compress(TEXT.encode())[:12] + b"\xff" * 40, {}, "cannot be read"),
    "other gz": ("t.parquet.gz", b"x", {}, "must be a file of type"),
    "names in a comment": ("t.csv", b"#a,y\n1,p\n3,q\n", {}, "it has '1', 'p' (1 line that starts with # was skipped)"),
    "numbers first": ("t.csv", b"1,2\n3,4\n", {}, "has numbers in its first line"),
    "decimal commas first": ("t.csv", b'"1,5";2\n', {"delimiter": ";", "decimal": ","}, "has column names but no rows"),
    "ragged": ("t.csv", b"a,y\n1,2\n1,2,3\n", {}, "row 2 has 3 values for 2 column names (values with commas in them"),
    "short": ("t.csv", b"a,y\n1,2\n1\n", {}, "row 2 has 1 values for 2 column names"),
    "row names": ("t.csv", b"a,y\n1,2,3\n", {}, "if rows begin with their own names"),
    "nameless": ("t.csv", b"a,,y\n1,2,3\n", {}, "has no name for column 2"),
    "repeated": ("t.csv", b"a, a,y\n1,2,3\n", {}, "several columns named 'a'"),
    "semicolons": ("t.csv", b"a;y\n1;2\n", {}, "separated by semicolons; give --delimiter ';'"),
    "tabs": ("t.csv", b"a\ty\n1\t2\n", {}, "separated by tabs; give --delimiter tab"),
    "commas in tsv": ("t.tsv", b"a,y\n1,2\n", {}, "separated by commas; give --delimiter ','"),
    "delimiter": ("t.csv", b"a,y\n1,2\n", {"delimiter": ";;"}, "delimiter: got ';;'; must be one character"),
    "letter": ("t.csv", b"a,y\n1,2\n", {"delimiter": "x"}, "delimiter: got 'x'; must be one character"),
    "decimal": ("t.csv", b"a,y\n1,2\n", {"decimal": ";"}, "decimal: got ';'; must be . or ,"),
    "decimal of Parquet": ("t.parquet", b"x", {"decimal": ","}, "decimal: got ','; does not apply to .parquet files"),
    "junk": ("t.parquet", b"PAR1 junk", {}, "not a readable table"),
    "target": ("t.csv", b"a,z\n1,2\n", {}, "target: got 'y'; no such column in t.csv; it has 'a', 'z'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_table_is_refused_by_name(tmp_path, kind):
    name, content, options, words = BAD[kind]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidArgument) as caught:
        read_file(tmp_path / name, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_long_lists_of_names_are_cut(tmp_path):
    (tmp_path / "t.csv").write_text(",".join(f"c{i}" for i in range(11)) + "\n" + ",".join("1" * 11) + "\n")
    with pytest.raises(InvalidArgument, match="'c7' and 3 more"):
        read_file(tmp_path / "t.csv")


def test_an_empty_parquet_table(tmp_path):
    parquet.write_table(pyarrow.table({"a": pyarrow.array([], pyarrow.float64()), "y": []}), tmp_path / "t.parquet")
    with pytest.raises(InvalidArgument, match="no rows"):
        read_file(tmp_path / "t.parquet")
    parquet.write_table(pyarrow.table({}), tmp_path / "t.parquet")
    with pytest.raises(InvalidArgument, match="no columns"):
        read_file(tmp_path / "t.parquet")
