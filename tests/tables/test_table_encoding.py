"""From columns to features: which are left out, how the others are encoded, and the same again on other tables."""

import json
from datetime import date

import numpy as np
import pyarrow
import pytest

from shallows import InvalidArgument
from shallows.table_encoding import Encoding, fit_encoding, is_identifier_name, numbers_only
from shallows.table_files import RawTable

ROWS = 200
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=ROWS)
CODES = list(range(ROWS))


def raw(declared=(), **columns):
    columns = {
        title: column if isinstance(column, pyarrow.Array) else pyarrow.array(column)
        for title, column in columns.items()
    }
    return RawTable(columns, None, "y", tuple(declared), (), "t.csv")


def words(**counts):
    """A column with so many rows of each word, in mixed order; `none` is a missing value."""
    column = [None if word == "none" else word for word, count in counts.items() for _ in range(count)]
    order = np.random.default_rng(1).permutation(len(column))
    return [column[place] for place in order]


def gaps(values, count):
    """`values` of which the first `count` miss."""
    return [None] * count + list(values[count:])


def left_out(column, title="a", **options):
    """Why a column is left out; None where it is a feature."""
    return fit_encoding(raw(other=NUMBERS, **{title: column}), **options).left_out.get(title)


def test_numbers_stay_as_they_are():
    table = raw(a=NUMBERS, b=pyarrow.array(CODES, pyarrow.int64()), c=pyarrow.array(CODES, pyarrow.uint8()))
    encoding = fit_encoding(table)
    matrix, notes = encoding.encode(table)
    assert encoding.features == ("a", "b", "c")
    assert (matrix == np.column_stack([NUMBERS, CODES, CODES])).all()
    assert notes == encoding.describe() == []
    assert matrix.flags.c_contiguous


def test_decimals_and_nullable_numbers():
    from decimal import Decimal

    column = pyarrow.array([Decimal("1.25"), None, Decimal("3.00")] * 20)
    matrix, _ = fit_encoding(raw(a=column)).encode(raw(a=column))
    assert matrix[:3].tolist() == [[1.25, 0], [2.125, 1], [3, 0]]


def test_a_declared_index_is_left_out():
    table = {"city": ["x", "y"] * 100, "a": NUMBERS}
    assert fit_encoding(raw(**table)).features == ("city=y", "a")
    assert fit_encoding(raw(declared=["city"], **table)).left_out == {"city": "the table's row index"}
    assert fit_encoding(raw(declared=["city"], **table), columns=["city", "a"]).features == ("city=y", "a")


@pytest.mark.parametrize("title", ["Unnamed: 0", "Unnamed: 0.1", "__index_level_0__"])
def test_what_pandas_calls_an_index_is_left_out(title):
    assert left_out([1] * 100 + [2] * 100, title) == "the table's row index"
    assert left_out([1] * 100 + [2] * 100, title.replace("0", "x")) is None


@pytest.mark.parametrize(
    "title", ["id", "ID", "customer_id", "PassengerId", "customerID", "index", "row number", "idx"]
)
def test_distinct_whole_numbers_with_an_identifiers_name_are_left_out(title):
    assert is_identifier_name(title)
    reason = "an identifier by its name: whole numbers, no two alike"
    shuffled = np.random.default_rng(0).permutation(ROWS)
    assert left_out(shuffled, title) == left_out(shuffled.astype(float), title) == reason
    assert left_out(shuffled // 2, title) is None  # repeated
    assert left_out(shuffled + 0.5, title) is None  # not whole
    assert left_out(gaps(CODES, 20), title) is None  # misses
    assert fit_encoding(raw(a=NUMBERS, **{title: shuffled}), columns=[title]).features == (title,)


@pytest.mark.parametrize(
    "title", ["width", "humid", "grid", "liquid", "year", "position", "arid", "rows", "price index"]
)
def test_distinct_whole_numbers_of_another_name_are_features(title):
    assert not is_identifier_name(title)
    assert left_out(CODES, title) is None


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ([None] * ROWS, "empty"),
        ([np.nan] * ROWS, "empty"),
        ([7] * ROWS, "always 7"),
        ([2.5] * 191 + [None] * 9, "always 2.5 or missing"),
        (["cm"] * ROWS, "always 'cm'"),
        ([True] * ROWS, "always 'true'"),
        ([None] * 191 + [1.0] * 4 + [2.0] * 5, "all but 9 values missing"),
        ([f"person {i}" for i in range(ROWS)], "text, no two rows alike"),
        ([f"person {i}" for i in range(150)] + [None] * 50, "text, no two rows alike"),
        ([f"town {i // 9}" for i in range(ROWS)], "text of 23 levels, none of them in 10 rows"),
        (["a"] * 191 + [f"b{i}" for i in range(9)], "'a' in all but 9 rows"),
        (["a"] * 199 + ["b"], "'a' in all but 1 row"),
        ([date(2020, 1, 1 + i % 20) for i in range(ROWS)], "dates or times"),
        (["2020-01-02", "2020-12-31"] * 100, "dates or times"),
        (["02.01.2020", "31.12.20"] * 100, "dates or times"),
        (["1/2/2020 10:30", "12/31/2020 1:05"] * 100, "dates or times"),
        (["10:30", "9:05:01.5"] * 100, "dates or times"),
        ([[1, 2]] * ROWS, "list<item: int64>"),
        ([b"x"] * ROWS, "binary"),
    ],
)
def test_what_is_no_feature_is_left_out_with_the_reason(column, reason):
    assert left_out(pyarrow.array(column)) == reason


@pytest.mark.parametrize(
    "column",
    [
        [2.5] * 190 + [None] * 10,
        [None] * 190 + [1.0] * 5 + [2.0] * 5,
        [f"town {i // 10}" for i in range(ROWS)],
        ["a"] * 190 + [f"b{i}" for i in range(10)],
        ["2020-01-02", "soon"] * 100,
        [1.0] * 199 + [2.0],
    ],
)
def test_just_enough_to_be_a_feature(column):
    assert left_out(pyarrow.array(column)) is None


def test_at_most_fifty_levels():
    many = [f"level {i % 50}" for i in range(1000)]
    assert len(fit_encoding(raw(a=many)).features) == 49
    more = [f"level {i % 51}" for i in range(1020)]
    assert fit_encoding(raw(a=more, b=np.arange(1020.0))).left_out == {"a": "text of 51 levels; at most 50 are taken"}


@pytest.mark.parametrize(("rows", "rare"), [(20, 2), (40, 2), (41, 3), (100, 5), (200, 10), (2000, 10)])
def test_what_is_rare_grows_with_the_table(rows, rare):
    for count, kept in ((rare, True), (rare - 1, False)):
        column = ["a"] * (rows - 10 - count) + ["b"] * 10 + ["c"] * count
        encoding = fit_encoding(raw(a=column))
        assert ("a=c" in encoding.features) == kept


def test_categories_have_a_base_and_a_pool():
    column = words(red=90, blue=60, green=30, pink=6, plum=5, none=9)
    encoding = fit_encoding(raw(a=column))
    assert encoding.features == ("a=blue", "a=green", "a=(rare)")
    matrix, notes = encoding.encode(raw(a=column))
    assert matrix.sum(axis=0).tolist() == [60, 30, 20]
    assert matrix[:, 0].tolist() == [float(word == "blue") for word in column]
    assert matrix[:, 2].tolist() == [float(word in ("pink", "plum", None)) for word in column]
    assert encoding.describe() == [
        "'a': 4 levels, base 'red', columns 'a=blue', 'a=green', 'a=(rare)'; "
        "rare, counted as (rare): '(missing)', 'pink', 'plum'"
    ]
    assert notes == []


def test_rare_levels_too_few_for_a_pool_join_the_base():
    encoding = fit_encoding(raw(a=words(red=100, blue=91, pink=9)))
    assert encoding.features == ("a=blue",)
    assert encoding.describe() == ["'a': 2 levels, base 'red', columns 'a=blue'; rare, counted as 'red': 'pink'"]


def test_missing_is_a_level():
    assert fit_encoding(raw(a=words(red=100, blue=90, none=10))).features == ("a=(missing)", "a=blue")
    assert fit_encoding(raw(a=words(red=100, none=100))).features == ("a=red",)
    assert fit_encoding(raw(a=["x", "", " ", "y"] * 50)).features == ("a=x", "a=y")


def test_a_tie_of_levels_is_broken_by_name():
    assert fit_encoding(raw(a=["v", "u"] * 100)).features == ("a=v",)


def test_truth_values():
    assert fit_encoding(raw(a=[True] * 150 + [False] * 50)).features == ("a=true",)
    assert fit_encoding(raw(a=[True] * 150 + [False] * 30 + [None] * 20)).features == ("a=(missing)", "a=true")


def test_declared_categories_are_categories_whatever_they_hold():
    column = pyarrow.array([1, 2, 3, 2] * 50).dictionary_encode()
    encoding = fit_encoding(raw(a=column))
    assert encoding.features == ("a=1", "a=3")
    assert encoding.encode(raw(a=column))[0][:4].tolist() == [[1, 0], [0, 0], [0, 1], [0, 0]]


def test_dates_that_are_categories_are_dates():
    assert left_out(pyarrow.array([date(2020, 1, 1), date(2020, 1, 2)] * 100).dictionary_encode()) == "dates or times"
    assert left_out(pyarrow.array(["2020-01-01", "2020-01-02"] * 100).dictionary_encode()) is None


def test_missing_numbers_are_filled_and_marked():
    values = list(map(float, range(ROWS)))
    for count, marked in ((10, True), (9, False)):
        table = raw(a=gaps(values, count))
        encoding = fit_encoding(table)
        matrix, _ = encoding.encode(table)
        median = float(np.median(values[count:]))
        assert matrix[:, 0].tolist() == [median] * count + values[count:]
        assert encoding.features == (("a", "a=(missing)") if marked else ("a",))
        assert not marked or matrix[:, 1].tolist() == [1.0] * count + [0.0] * (ROWS - count)
        marks = "; 'a=(missing)' marks them" if marked else ""
        assert encoding.describe() == [f"'a': {count} missing values filled with the median {median:.4g}{marks}"]
    assert "1 missing value filled" in fit_encoding(raw(a=gaps(values, 1))).describe()[0]


def test_a_number_that_is_there_or_not():
    table = raw(a=[7.0] * 150 + [None] * 50)
    encoding = fit_encoding(table)
    assert encoding.features == ("a=(missing)",)
    assert encoding.encode(table)[0].sum() == 50
    assert encoding.describe() == ["'a': every value is 7 or missing; 'a=(missing)' marks the missing ones"]


def test_columns_that_miss_in_the_same_rows_share_a_mark():
    garage = {"built": gaps(NUMBERS, 50), "size": gaps(NUMBERS**2, 50), "kind": gaps(["in", "out"] * 100, 50)}
    assert fit_encoding(raw(**garage)).features == ("built", "size", "kind=(missing)", "kind=out")
    del garage["kind"]
    assert fit_encoding(raw(**garage)).features == ("built", "built=(missing)", "size")
    assert len(fit_encoding(raw(a=gaps(NUMBERS, 50), b=gaps(NUMBERS, 49))).features) == 4


def test_missing_values_refused_all_at_once():
    table = raw(a=gaps(NUMBERS, 3), b=NUMBERS, c=words(u=150, v=49, none=1), d=[None] * ROWS)
    with pytest.raises(InvalidArgument) as caught:
        fit_encoding(table, missing="refuse")
    assert "missing values: 3 in 'a' (first in row 1), 1 in 'c' (first in row " in str(caught.value)
    assert "'d'" not in str(caught.value)
    full = raw(a=NUMBERS, c=words(u=150, v=50))
    encoding = fit_encoding(full, missing="refuse")
    with pytest.raises(InvalidArgument, match="2 in 'a'"):
        encoding.encode(raw(a=gaps(NUMBERS, 2), c=words(u=150, v=50)))


def test_infinite_values_are_never_filled():
    column = [*NUMBERS[:-2], np.inf, -np.inf]
    with pytest.raises(InvalidArgument, match=r"inf in column 'a', row 199 \(2 such\), inf in column 'b'"):
        fit_encoding(raw(a=column, b=column))
    with pytest.raises(InvalidArgument, match="inf in column 'a'"):
        fit_encoding(raw(a=NUMBERS)).encode(raw(a=column))


def test_numbers_whose_squares_overflow_are_refused():
    assert fit_encoding(raw(a=[*NUMBERS[1:], 1e50])).features == ("a",)
    with pytest.raises(InvalidArgument, match=r"-2e\+50 in column .*, row 200 \(1 such\).*; .* at most 1e\+50 in size"):
        fit_encoding(raw(a=[*NUMBERS[1:], -2e50]))


def test_all_problems_are_told_at_once_and_eight_of_them_shown():
    column = [*map(str, NUMBERS[1:]), "red"]
    with pytest.raises(InvalidArgument) as caught:
        fit_encoding(raw(**{f"c{i}": column for i in range(11)}))
    assert str(caught.value).count("'red' in row 200") == 8
    assert "; and 3 more: mend the table" in str(caught.value)


@pytest.mark.parametrize(
    ("column", "found"),
    [
        (["1", "2.5", "red", *map(str, NUMBERS[3:])], "'red' in row 3"),
        ([*map(str, NUMBERS[:150]), *["unknown"] * 50], "'unknown' in row 151"),
        ([*map(str, NUMBERS[:100]), *["unknown"] * 100], "'unknown' in row 101"),
        ([*map(str, NUMBERS[:99]), *["unknown"] * 101], None),  # mostly words
        ([*map(str, NUMBERS[:150]), *[None] * 49, "12 cm"], "'12 cm' in row 200"),
        (["10", "20", "20b", "30"] * 50, None),  # codes that repeat
    ],
)
def test_numbers_with_words_among_them_are_refused(column, found):
    if found is None:
        fit_encoding(raw(a=column, b=NUMBERS))
    else:
        with pytest.raises(InvalidArgument, match=f"column 'a': holds numbers, but {found}: mend the table"):
            fit_encoding(raw(a=column, b=NUMBERS))
        assert fit_encoding(raw(a=column, b=NUMBERS), drop=["a"]).features == ("b",)
        assert fit_encoding(raw(a=column, b=NUMBERS, declared=("a",))).features == ("b",)


def test_columns_are_chosen_by_name():
    table = raw(id=CODES, a=NUMBERS, b=NUMBERS**2, name=[f"n{i}" for i in CODES], c=[1.0] * ROWS)
    assert fit_encoding(table).features == ("a", "b")
    assert fit_encoding(table, drop=["a"]).features == ("b",)
    chosen = fit_encoding(table, columns=["b", "id", "c"])
    assert (chosen.features, chosen.left_out) == (("id", "b"), {"c": "always 1"})
    with pytest.raises(InvalidArgument, match="column 'name': text, no two rows alike"):
        fit_encoding(table, columns=["a", "name"])
    for option in ("columns", "drop"):
        with pytest.raises(InvalidArgument, match=f"{option}: got 'z'; no such column"):
            fit_encoding(table, **{option: ["a", "z"]})
    with pytest.raises(InvalidArgument, match="no column to learn from besides the target: 'id' an identifier"):
        fit_encoding(table, drop=["a", "b"])
    with pytest.raises(InvalidArgument, match="missing: got 'drop'; must be one of fill, refuse"):
        fit_encoding(table, missing="drop")


def test_two_features_of_one_name_are_refused():
    with pytest.raises(InvalidArgument, match="two features would be named 'a=v'"):
        fit_encoding(raw(a=["u", "v"] * 100, **{"a=v": NUMBERS}))


TRAINED = fit_encoding(
    raw(
        a=NUMBERS,
        b=gaps(NUMBERS, 20),
        colour=words(red=100, blue=80, pink=10, plum=5, lime=5),
        flag=[True, False] * 100,
        kind=words(u=150, v=50),
    )
)


def row(**changes):
    plain = {"a": [0.5], "b": [1.5], "colour": ["blue"], "flag": [True], "kind": ["u"]}
    return raw(**{title: column for title, column in (plain | changes).items() if column is not None})


def test_the_same_again_on_other_rows():
    assert TRAINED.features == (
        "a",
        "b",
        "b=(missing)",
        "colour=blue",
        "colour=pink",
        "colour=(rare)",
        "flag=true",
        "kind=v",
    )
    assert TRAINED.encode(row(extra=["not", "asked"][:1]))[0].tolist() == [[0.5, 1.5, 0, 1, 0, 0, 1, 0]]
    for changes, expected in [
        ({"colour": ["plum"]}, [0, 0, 1]),
        ({"colour": ["red"]}, [0, 0, 0]),
        ({"colour": ["pink"]}, [0, 1, 0]),
    ]:
        matrix, notes = TRAINED.encode(row(**changes))
        assert (matrix[0, 3:6].tolist(), notes) == (expected, [])
    fill = float(np.median(NUMBERS[20:]))
    matrix, notes = TRAINED.encode(row(b=pyarrow.nulls(1)))
    assert (matrix[0, 1:3].tolist(), notes) == ([fill, 1], [])
    assert TRAINED.encode(row(flag=["FALSE"]))[0][0, 6] == 0
    assert TRAINED.encode(row(a=[True]))[0][0, 0] == 1
    assert TRAINED.encode(row(a=pyarrow.array([3])))[0][0, 0] == 3


def test_what_the_training_table_did_not_need_is_said():
    matrix, notes = TRAINED.encode(row(a=[np.nan]))
    assert matrix[0, 0] == np.median(NUMBERS)
    assert notes == [f"'a': 1 missing value filled with {np.median(NUMBERS):.4g}; the training table missed none"]
    matrix, notes = TRAINED.encode(row(colour=["mauve"]))
    assert matrix[0, 3:6].tolist() == [0, 0, 1]
    assert notes == ["'colour': 'mauve' counted as (rare); the training table lacks them"]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"a": None, "b": None}, "no columns 'a', 'b', which the weights were trained on"),
        ({"a": None}, "no column 'a', which"),
        ({"a": ["red"]}, "column 'a' holds 'red' in row 1, where the training table has numbers"),
        ({"a": [date(2020, 1, 1)]}, "column 'a' holds dates or times, where the training table has numbers"),
        ({"a": [[1]]}, "column 'a' holds list<item: int64>, where"),
        ({"kind": ["w"]}, "column 'kind' has the level 'w' \\(row 1\\); the training table has 'u', 'v'"),
        ({"kind": [None]}, "column 'kind' has the level '\\(missing\\)' \\(row 1\\)"),
        ({"kind": [date(2020, 1, 1)]}, "column 'kind' holds dates or times, where the training table has categories"),
        ({"kind": ["w"], "a": ["x"]}, "'x' in row 1.*; column 'kind'"),
    ],
)
def test_what_does_not_fit_the_training_table_is_refused(changes, found):
    with pytest.raises(InvalidArgument, match=found):
        TRAINED.encode(row(**changes))


def test_the_row_of_an_unknown_level():
    column = words(u=150, v=50)
    column[17] = "w"
    table = raw(a=NUMBERS, b=NUMBERS, colour=["red"] * ROWS, flag=[True] * ROWS, kind=column)
    with pytest.raises(InvalidArgument, match=r"level 'w' \(row 18\)"):
        TRAINED.encode(table)


def test_an_encoding_survives_json():
    again = Encoding.from_dict(json.loads(json.dumps(TRAINED.to_dict())))
    assert again == TRAINED
    assert again.encode(row())[0].tolist() == TRAINED.encode(row())[0].tolist()
    for broken in ({}, {"columns": [{"kind": "x"}], "left_out": {}, "missing": "fill", "classes": None}):
        with pytest.raises((KeyError, ValueError, TypeError)):
            Encoding.from_dict(broken)


def test_numbers_only():
    encoding = numbers_only(["a", "b"])
    assert encoding.encode(raw(b=[1.0], a=[2.0]))[0].tolist() == [[2.0, 1.0]]
    with pytest.raises(InvalidArgument, match="missing values: 1 in 'a'"):
        encoding.encode(raw(b=[1.0], a=[np.nan]))


@pytest.mark.parametrize(("words", "named"), [("{}%", "'%'"), ("{} EUR", "'EUR'"), ("$ {}", "'\\$'")])
def test_numbers_written_with_a_unit_are_to_be_mended(words, named):
    values = [words.format(round(value, 2)) for value in np.random.default_rng(0).normal(50, 9, 60)]
    with pytest.raises(InvalidArgument, match=f"column 'a': holds numbers written with {named}.*--drop"):
        fit_encoding(raw(a=values, b=CODES[:60]))
    doses = [words.format(dose) for dose in (10, 20, 40)] * 20
    assert len(fit_encoding(raw(a=doses)).features) == 2  # levels that repeat are categories
    rooms = [f"room {place}" for place in range(60)]
    assert fit_encoding(raw(a=rooms, b=CODES[:60])).left_out == {"a": "text, no two rows alike"}


def test_numbers_too_large_to_be_told_apart_are_no_features():
    large = {"a": [1e19 + 2048.0 * place for place in range(40)], "b": [float(place) for place in range(40)]}
    assert "last digits" in fit_encoding(raw(**large)).left_out["a"]
    ids = {"user_id": [2.0**60 + 2.0**50 * (place // 2) for place in range(40)], "b": large["b"]}
    assert "identifier" in fit_encoding(raw(**ids)).left_out["user_id"]
    assert fit_encoding(raw(user=ids["user_id"])).features == ("user",)
