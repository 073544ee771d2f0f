"""A file means the same however it is written: delimiter, decimal mark, dates, encoding, quotes."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.domain.errors import BadConfig
from app.domain.scoring.cells import date_order, decimal_mark, read_date
from app.domain.scoring.kinds import infer_columns
from app.domain.scoring.outcome import read_outcome
from app.domain.scoring.vocabulary import learn_vocabulary
from app.table_files import open_table, read_file, read_table
from jobs import score, train
from tests.scoring.test_train_and_score import rows_of, run
from tests.scoring.worlds import history, table_of, write_csv

MONTHS = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
    "noviembre", "diciembre",
)  # fmt: skip
DATES = {
    "ISO": lambda day: day.isoformat(),
    "day first": lambda day: day.strftime("%d/%m/%Y"),
    "two-digit year": lambda day: day.strftime("%d/%m/%y"),
    "month first": lambda day: day.strftime("%m/%d/%Y"),
    "named": lambda day: f"{day.day} de {MONTHS[day.month - 1]} de {day.year}",
}


@dataclass(frozen=True)
class Dialect:
    delimiter: str = ","
    mark: str = "."
    dates: str = "ISO"
    encoding: str = "utf-8"
    newline: str = "\n"
    quoting: int = csv.QUOTE_MINIMAL
    above: str = ""


dialects = st.builds(
    Dialect,
    delimiter=st.sampled_from(",;\t"),
    mark=st.sampled_from(".,"),
    dates=st.sampled_from(list(DATES)),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    above=st.sampled_from(["", "\n", "sep={}\n"]),
)


def cells_of(dialect: Dialect, rows: int = 200) -> dict[str, list[str]]:
    """The same leads, written down in a dialect."""
    columns, converted, chance = history(rows, 0.35, 5, strength=0.8)
    amount = chance.uniform(10, 9000, rows)
    days = [date(2025, 1, 3) + timedelta(days=int(row * 1.7)) for row in range(rows)]

    def number(value: float, sign: str = ",.2f") -> str:
        text = format(value, sign)
        return text if dialect.mark == "." else text.translate(str.maketrans(",.", ".,"))

    return {
        "Número de\nlead": [str(row + 7) for row in range(rows)],
        "Minutos": [number(value) for value in columns["minutes"]],  # type: ignore[arg-type]
        "Importe": [number(value) for value in amount],
        "Teléfono": [f"+34 6{int(value):08d}" for value in 9999 * amount],
        "Canal": [f"Núm. {one}" for one in columns["channel"]],
        "Alta": [DATES[dialect.dates](day) for day in days],
        "Notas": [f'dijo "{row}"; sí,\nluego\tmás' if row % 2 else "" for row in range(rows)],
        "Convertido": ["Sí" if one else "No" for one in converted],
    }


def write(path: Path, dialect: Dialect, columns: dict[str, list[str]]) -> Path:
    text = io.StringIO(newline="")
    writer = csv.writer(
        text, delimiter=dialect.delimiter, lineterminator=dialect.newline, quoting=dialect.quoting
    )
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    above = dialect.above.format(dialect.delimiter)
    path.write_bytes((above + text.getvalue()).encode(dialect.encoding))
    return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A model learnt from the plainest dialect, its reading of it, and the scores it gives."""
    folder = tmp_path_factory.mktemp("forms")
    plain = write(folder / "plain.csv", Dialect(), cells_of(Dialect()))
    code, _ = run(train, "--history", plain, "--outcome", "Convertido", "--model", folder / "m")
    assert code == 0
    run(score, "--input", plain, "--output", folder / "o.csv", "--model", folder / "m")
    scored = [row["probability"] for row in rows_of(folder / "o.csv")]
    return {"folder": folder, "scored": scored, "learnt": learnt(plain)}


def learnt(path: Path) -> tuple[Any, ...]:
    """All that a training learns from: kinds, levels, matrix and outcome."""
    table = read_table(path)
    outcome = read_outcome(table, "Convertido")
    columns = infer_columns(table, None, outcome.converted.astype(float))
    vocabulary = learn_vocabulary(table, columns)
    kinds = {column.name: column.kind for column in columns}
    return kinds, vocabulary.levels, vocabulary.matrix(table).tolist(), outcome.converted.tolist()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(dialect=dialects)
def test_a_table_written_in_any_dialect_is_learnt_from_and_scored_alike(
    dialect: Dialect, world: dict[str, Any]
) -> None:
    columns = cells_of(dialect)
    path, output = write(world["folder"] / "x.csv", dialect, columns), world["folder"] / "x.out.csv"
    assert str(learnt(path)) == str(world["learnt"])
    _, told = run(score, "--input", path, "--output", output, "--model", world["folder"] / "m", "--json")
    with output.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter=dialect.delimiter)
    assert header == [*columns, "probability", "score", "band", "reason_1", "reason_2", "reason_3"]
    assert [row[: len(columns)] for row in rows] == [list(row) for row in zip(*columns.values(), strict=True)]
    assert [row[len(columns)] for row in rows] == world["scored"]
    report = json.loads(told)
    assert report["unreadable"] == {}
    assert [one for one in report["warnings"] if "Windows" not in one] == []


def test_a_file_that_does_not_tell_its_form_is_read_as_its_other_columns_then_as_learnt(
    world: dict[str, Any],
) -> None:
    columns = {name: cells[:3] for name, cells in cells_of(Dialect()).items()}
    columns["Alta"] = ["2025-01-03"] * 3
    figures = []
    for minutes, amount in (("12.500", "8.5"), ("12,500", "8,5"), ("12.500", "8"), ("12.5", "8")):
        columns["Minutos"], columns["Importe"] = [minutes] * 3, [amount] * 3
        source = write(world["folder"] / "few.csv", Dialect(delimiter=";"), columns)
        run(score, "--input", source, "--output", world["folder"] / "f.csv", "--model", world["folder"] / "m")
        figures.append(rows_of(world["folder"] / "f.csv", ";")[0]["reason_1"].split(" (")[1])
    assert len(set(figures)) == 1


def test_cells_that_cannot_be_read_and_changed_columns_are_told(world: dict[str, Any]) -> None:
    columns = cells_of(Dialect())
    columns["Minutos"] = [cell if row % 4 else "muchos" for row, cell in enumerate(columns["Minutos"])]
    columns["Importe"] = ["90000"] * len(columns["Importe"])
    source = write(world["folder"] / "bad.csv", Dialect(), columns)
    model, output = world["folder"] / "m", world["folder"] / "b.csv"
    report = json.loads(run(score, "--input", source, "--output", output, "--model", model, "--json")[1])
    assert report["unreadable"] == {"Minutos": 0.25}
    assert report["drift"]["Importe"] > 0.25
    assert any("Minutos" in one and "25%" in one for one in report["warnings"])
    assert any("Importe" in one and "stability" in one for one in report["warnings"])
    assert report["model"]["history"] == "plain.csv"


def test_two_digit_years_are_dates() -> None:
    assert date_order(["15/01/24", "03/02/24"]) == "dmy"
    assert read_date("15/01/24", "dmy") == read_date("15/01/2024", "dmy")
    assert read_date("15-ene-99", "named") == read_date("15 ene 1999", "named")


def test_the_form_that_reads_most_cells_is_taken_and_the_rest_asks_the_file() -> None:
    assert decimal_mark([str(one) for one in range(100)] + ["12,5"]) == ","
    assert decimal_mark(["1.234", "2.345"], usual=",") == ","
    assert date_order(["03/04/2026", "05/04/2026"], usual="mdy") == "mdy"
    columns = {"a": ["1.234", "5.678"] * 30, "b": ["1,5", "2,5"] * 30}
    assert [column.form for column in infer_columns(table_of(columns))] == [",", ","]  # type: ignore[arg-type]


CHANCE = np.random.default_rng(3)
IDS = {
    "ID de registro": [str(51 + 50 * row) for row in range(300)],
    "id_cliente": [str(one) for one in CHANCE.permutation(300)],
    "clientId": [f"{one}.0" for one in CHANCE.choice(90_000, 300, replace=False)],
    "Nº": [str(one) for one in CHANCE.choice(9_000, 300, replace=False)],
    "Teléfono": [f"+346{one:08d}" for one in CHANCE.integers(0, 99_999_999, 300)],
    "phone2": [f"6{one:08d}" for one in CHANCE.integers(0, 99_999_999, 300)],
    "Móvil": [f"6{one:02d} {one:02d} 12 {one % 90 + 10}" for one in CHANCE.integers(10, 99, 300)],
    "CP": [str(one) for one in CHANCE.integers(10_000, 52_000, 300)],
    "sin nombre": [f"{one:05d}" for one in CHANCE.integers(4_000, 52_000, 300)],
    "contador": [str(one) for one in CHANCE.permutation(300) + 12],
    "registro": [str(one) for one in np.sort(CHANCE.choice(99_999, 300, replace=False))[::-1] + 500_000],
    "clave": [str(one) for one in CHANCE.choice(900_000_000, 300, replace=False) + 100_000],
}
NUMBERS = {
    "Ingresos anuales": [str(int(40_000 + 9_000 * one)) for one in CHANCE.normal(size=300)],
    "Número de visitas": [str(one) for one in CHANCE.poisson(30, 300)],
    "Phone calls": [str(one) for one in CHANCE.poisson(3, 300)],
    "Importe": [f"{one:.2f}" for one in np.sort(CHANCE.uniform(10, 99_999, 300))],
    "Facturación": [str(int(one)) for one in np.sort(CHANCE.lognormal(12, 2, 300))],
}
INCOME = np.array([float(cell) for cell in NUMBERS["Ingresos anuales"]])
CONVERTED = (CHANCE.random(300) < 1 / (1 + np.exp(-(INCOME - 40_000) / 9_000))).astype(float)


@pytest.mark.parametrize("name", IDS)
def test_a_name_for_rows_is_no_number(name: str) -> None:
    column = infer_columns(table_of({name: IDS[name]}), None, CONVERTED)[0]
    assert column.kind in {"identifier", "category", "text"}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_quantity_stays_a_number_though_it_differs_on_every_row(name: str) -> None:
    converted = CONVERTED if name != "Facturación" else (np.arange(300) > 150).astype(float)
    assert infer_columns(table_of({name: NUMBERS[name]}), None, converted)[0].kind == "number"


@pytest.mark.parametrize(
    ("cells", "positive", "converted"),
    [
        (["1,0", "0,0", "1,0"], None, [1, 0, 1]),
        (["x", "", "X"], None, [1, 0, 1]),
        (["Sí", "No", "SI"], "Si", [1, 0, 1]),
        (["Sí", "No", "si"], None, [1, 0, 1]),
        (["1", "0", "1,0"], None, [1, 0, 1]),
    ],
)
def test_an_outcome_is_read_in_either_spelling(
    cells: list[str], positive: str | None, converted: list[int]
) -> None:
    found = read_outcome(table_of({"o": cells}), "o", positive).converted
    assert found.tolist() == [bool(one) for one in converted]


def test_a_file_keeps_its_own_columns_its_rows_and_its_blank_lines(world: dict[str, Any]) -> None:
    own = {name: cells[:4] for name, cells in cells_of(Dialect()).items()}
    columns = {" score ": ["a", "b", "c", "d"], **own}
    source = write(world["folder"] / "own.csv", Dialect(), columns)
    width = len(columns)
    with source.open("a", encoding="utf-8") as file:
        file.write("," * (width - 1) + "\n\n" + ",".join(["z"] * (width + 2)) + "\n")
    model, output, again = world["folder"] / "m", world["folder"] / "own.out", world["folder"] / "own.again"
    report = json.loads(run(score, "--input", source, "--output", output, "--model", model, "--json")[1])
    with source.open(encoding="utf-8", newline="") as file:
        before = list(csv.reader(file))
    with output.open(encoding="utf-8", newline="") as file:
        after = list(csv.reader(file))
    assert [row[:width] for row in after] == [row[:width] for row in before]
    assert after[0][width:] == list(score.ADDED)
    assert [bool(row[width]) for row in after[1:6]] == [True] * 5
    assert (after[6], after[7][width:]) == ([], [""] * 6 + ["z", "z"])
    assert (report["rows"], report["unscored"]) == (5, 1)
    run(score, "--input", output, "--output", again, "--model", model)
    assert output.read_bytes() == again.read_bytes()


def test_few_rows_that_are_too_long_are_left_out_of_a_history_and_many_are_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,b\n" + "1,2\n" * 150 + "1,2,3\n", encoding="utf-8")
    read = read_file(path)
    assert (read.table.rows, read.too_long) == (150, 1)
    path.write_text("a,b\n" + "1,2\n" * 50 + "1,2,3\n", encoding="utf-8")
    with pytest.raises(BadConfig, match="1 rows with more cells"):
        read_file(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'a,b\n\n1,2\n3,"open\n5,6\n7,8', r"row 4 \(line 4\) opens a quote"),
        ("a,b\nñ,é\nñ,".encode() + b"\xf1\n", "broken UTF-8"),
        ("a,b\n1,2\n".encode("utf-16")[:-1], "broken UTF-8"),
    ],
)
def test_a_broken_file_is_a_fault_that_says_where(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(BadConfig, match=message):
        read_table(path)


def test_the_delimiter_is_the_one_that_cuts_all_rows_alike(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("Importe, EUR;Fecha;Canal\n1,5;2026-01-02;a\n2,5;2026-01-03;b\n", encoding="utf-8")
    with open_table(path) as table:
        assert table.delimiter == ";"


def test_an_earlier_scoring_is_no_column_to_learn_from(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "x.csv", {"a": ["1"], **{name: ["0.5"] for name in score.ADDED}})
    assert read_table(path).names == ("a",)


def test_an_older_model_that_stays_is_named(world: dict[str, Any]) -> None:
    model = world["folder"] / "m"
    before = model.read_bytes()
    columns = {name: cells[:60] for name, cells in cells_of(Dialect()).items()}
    few = write(world["folder"] / "few.csv", Dialect(), columns)
    code, text = run(train, "--history", few, "--outcome", "Convertido", "--model", model)
    assert code == 3
    assert "from plain.csv" in text
    assert "stays" in text
    assert model.read_bytes() == before
    assert not list(world["folder"].glob("*.part"))
