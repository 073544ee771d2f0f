"""`python -m jobs train` and `score`: from file to file, with no database and no credentials."""

from __future__ import annotations

import argparse
import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.domain.errors import BadConfig
from app.domain.scoring.metrics import measure
from app.domain.standing import BandLimits
from app.table_files import read_kinds, read_table
from jobs import score, train
from jobs.console import Console
from tests.scoring.lead_model import floor_of
from tests.scoring.worlds import as_text, history, write_csv

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
EDUCATION = SHARED / "x_education" / "leads_oldest80.csv"
SHOPPERS = SHARED / "online_shoppers" / "online_shoppers_intention.csv"
FILLED_BY_SALES = [
    "Tags", "Lead Quality", "Lead Profile", "Asymmetrique Activity Index", "Asymmetrique Profile Index",
    "Asymmetrique Activity Score", "Asymmetrique Profile Score", "Last Notable Activity",
]  # fmt: skip


def run(module: Any, *arguments: object) -> tuple[int, str]:
    parser, out = argparse.ArgumentParser(), io.StringIO()
    module.add_arguments(parser)
    args = parser.parse_args([str(one) for one in arguments])
    code = module.run(args, Console(as_json=args.json, out=out, err=io.StringIO()))
    return code, out.getvalue()


def export(folder: Path, rows: int = 500, rate: float = 0.3, decimal: str = ".", **form: Any) -> Path:
    columns, converted, _ = history(rows, rate, 2, strength=0.8)
    text = as_text(columns, decimal)
    text["Contact ID"] = [f"{row:08d}" for row in range(rows)]
    text["notes"] = [f'said "{row}",\nthen; left\t.' if row % 2 else "" for row in range(rows)]
    text["converted"] = ["yes" if one else "no" for one in converted]
    return write_csv(folder / "history.csv", text, **form)


def rows_of(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))


@pytest.mark.parametrize(
    ("form", "decimal"),
    [({}, "."), ({"delimiter": ";", "bom": True}, ","), ({"delimiter": "\t"}, ",")],
    ids=["comma", "semicolon", "tab"],
)
def test_a_file_is_learnt_from_and_scored_in_its_order(
    form: dict[str, Any], decimal: str, tmp_path: Path
) -> None:
    source = export(tmp_path, decimal=decimal, **form)
    model, output = tmp_path / "m", tmp_path / "out.csv"
    code, text = run(train, "--history", source, "--outcome", "converted", "--model", model, "--json")
    report = json.loads(text)
    assert code == 0
    assert (report["rows"], report["columns"]["minutes"], report["columns"]["Contact ID"]) == (
        500,
        "number",
        "identifier",
    )
    assert {"base_rate", "model", "metrics", "refused", "suspect"} <= set(report)
    assert run(score, "--input", source, "--output", output, "--model", model)[0] == 0
    before, after = read_table(source), rows_of(output, form.get("delimiter", ","))
    assert [row["notes"] for row in after] == list(before.columns["notes"])
    assert [row["Contact ID"] for row in after] == list(before.columns["Contact ID"])
    assert list(after[0])[-6:] == ["probability", "score", "band", "reason_1", "reason_2", "reason_3"]
    assert all(int(row["score"]) == floor_of(float(row["probability"])) for row in after)


def test_the_form_of_the_file_does_not_change_the_model(tmp_path: Path) -> None:
    figures = []
    for form, decimal in (({}, "."), ({"delimiter": ";", "bom": True}, ",")):
        source = export(tmp_path, rows=300, decimal=decimal, **form)
        _, text = run(
            train, "--history", source, "--outcome", "converted", "--model", tmp_path / "m", "--json"
        )
        figures.append(json.loads(text)["metrics"])
    assert figures[0] == figures[1]


def test_too_few_conversions_leave_no_model_and_say_so(tmp_path: Path) -> None:
    source = export(tmp_path, rows=300, rate=0.07)
    code, text = run(train, "--history", source, "--outcome", "converted", "--model", tmp_path / "m")
    assert code == 3
    assert "the points score stays" in text
    assert not (tmp_path / "m").exists()


def test_an_empty_hot_band_is_told_with_another_way(tmp_path: Path) -> None:
    source = export(tmp_path, rows=1500, rate=0.06)
    code, text = run(train, "--history", source, "--outcome", "converted", "--model", tmp_path / "m")
    assert code == 0
    assert "50 best a week" in text


def test_what_was_learnt_of_columns_that_say_nothing_replaces_no_model(tmp_path: Path) -> None:
    chance, model = np.random.default_rng(2), tmp_path / "m"
    noise = {"a": [f"{one:.3f}" for one in chance.normal(size=160)]}
    noise["converted"] = ["yes" if one < 0.4 else "no" for one in chance.random(160)]
    useless = write_csv(tmp_path / "noise.csv", noise)
    code, text = run(train, "--history", useless, "--outcome", "converted", "--model", model)
    assert "NO BETTER" in text
    assert code == 0  # there is none yet
    assert f"Model written to {model}" in text
    good = export(tmp_path, rows=300)
    run(train, "--history", good, "--outcome", "converted", "--model", model)
    before = model.read_bytes()
    code, text = run(train, "--history", useless, "--outcome", "converted", "--model", model)
    assert code == 3
    assert "from history.csv" in text
    assert "stays" in text
    assert "written to" not in text
    assert model.read_bytes() == before


def test_the_column_that_dates_count_from_is_missed_like_any_other(tmp_path: Path) -> None:
    chance, model = np.random.default_rng(0), tmp_path / "m"
    converted = chance.random(400) < 0.25
    came = np.datetime64("2025-01-01") + chance.integers(0, 500, 400)
    last = came + chance.integers(0, 20, 400) + 4 * converted
    text = {"Created": [str(one) for one in came], "Last": [str(one) for one in last]}
    text["x"] = [f"{one:.2f}" for one in chance.normal(size=400) + converted]
    text["won"] = ["1" if one else "0" for one in converted]
    source = write_csv(tmp_path / "history.csv", text)
    run(train, "--history", source, "--outcome", "won", "--time", "Created", "--model", model)
    renamed = {("Create date" if name == "Created" else name): cells for name, cells in text.items()}
    other = write_csv(tmp_path / "other.csv", renamed)
    _, said = run(score, "--input", other, "--output", tmp_path / "o.csv", "--model", model, "--json")
    report = json.loads(said)
    assert report["missing_columns"] == ["Created"]
    assert [one for one in report["warnings"] if "Last" in one] == [
        "Last count as empty too: their days are counted from Created"
    ]
    _, said = run(score, "--input", source, "--output", tmp_path / "o.csv", "--model", model, "--json")
    assert json.loads(said)["missing_columns"] == []


def test_what_of_the_rows_makes_figures_too_good_is_told(tmp_path: Path) -> None:
    columns, converted, _ = history(150, 0.4, 2)
    text = {**as_text(columns), "mail": [f"lead.{row}@example.com" for row in range(150)]}
    text["came"] = ["2099-01-01" if row == 7 else f"2025-{row % 12 + 1:02d}-01" for row in range(150)]
    text["won"] = ["yes" if one else "no" for one in converted]
    source = write_csv(tmp_path / "twice.csv", {name: [*cells, *cells] for name, cells in text.items()})
    arguments = ("--history", source, "--outcome", "won", "--time", "came", "--model", tmp_path / "m")
    code, said = run(train, *arguments)
    assert code == 0
    assert "won says yes" in said
    assert "150 rows are the same as another" in said
    assert "2 rows are dated later than today (came)" in said
    report = json.loads(run(train, *arguments, "--id", "mail", "--json")[1])
    assert report["positive"] == "yes"
    assert any("300 rows are of 150 leads (mail)" in one for one in report["warnings"])
    assert not any("the same as another" in one for one in report["warnings"])


def test_columns_of_an_earlier_scoring_are_replaced(tmp_path: Path) -> None:
    source = export(tmp_path, rows=300)
    run(train, "--history", source, "--outcome", "converted", "--model", tmp_path / "m")
    once, twice = tmp_path / "once.csv", tmp_path / "twice.csv"
    run(score, "--input", source, "--output", once, "--model", tmp_path / "m")
    run(score, "--input", once, "--output", twice, "--model", tmp_path / "m")
    assert once.read_bytes() == twice.read_bytes()


def test_a_file_that_lacks_most_columns_is_refused(tmp_path: Path) -> None:
    source = export(tmp_path, rows=300)
    run(train, "--history", source, "--outcome", "converted", "--model", tmp_path / "m")
    other = write_csv(tmp_path / "other.csv", {"a": ["1"], "b": ["2"]})
    with pytest.raises(BadConfig, match="lacks most columns"):
        run(score, "--input", other, "--output", tmp_path / "o.csv", "--model", tmp_path / "m")
    assert not list(tmp_path.glob("o.csv*"))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "is empty"), (b"a,b\n1,2,3\n", "more cells"), (b"\n;;\n", "is empty")],
)
def test_a_file_that_is_no_table_is_a_fault_that_names_it(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(content)
    with pytest.raises(BadConfig, match=message):
        read_table(path)
    with pytest.raises(BadConfig, match="cannot be read"):
        read_table(tmp_path / "absent.csv")


def test_repeated_blank_and_short_cells_are_evened_out(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes("\ufeffa,a,\r\n1,2,3,,\r\n\r\n4\r\n".encode())
    table = read_table(path)
    assert table.names == ("a", "a (2)", "column 3")
    assert [list(cells) for cells in table.columns.values()] == [["1", "4"], ["2", ""], ["3", ""]]


def test_a_mapping_sets_a_columns_kind(tmp_path: Path) -> None:
    mapping = tmp_path / "kinds.toml"
    mapping.write_text('[columns]\n"noise" = "category"\n')
    assert read_kinds(mapping) == {"noise": "category"}
    source = export(tmp_path, rows=300)
    _, text = run(
        train,
        "--history",
        source,
        "--outcome",
        "converted",
        "--mapping",
        mapping,
        "--model",
        tmp_path / "m",
        "--json",
    )
    assert json.loads(text)["columns"]["noise"] == "category"
    mapping.write_text('[columns]\n"noise" = "colour"\n')
    with pytest.raises(BadConfig):
        read_kinds(mapping)


@pytest.mark.parametrize("content", [None, b"nonsense"])
def test_a_model_file_that_cannot_be_used_says_what_to_do(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "m").write_bytes(content)
    source = write_csv(tmp_path / "x.csv", {"a": ["1"]})
    with pytest.raises(BadConfig, match="python -m jobs train"):
        run(score, "--input", source, "--output", tmp_path / "o.csv", "--model", tmp_path / "m")


# --- real files -------------------------------------------------------------------------------------------


def figures(tmp_path: Path, source: Path, outcome: str, *more: object) -> dict[str, Any]:
    code, text = run(
        train, "--history", source, "--outcome", outcome, "--model", tmp_path / "m", "--json", *more
    )
    assert code == 0
    report: dict[str, Any] = json.loads(text)
    return report


def columns_of(findings: list[dict[str, str]]) -> set[str]:
    return {finding["column"] for finding in findings}


@pytest.mark.slow
@pytest.mark.skipif(not EDUCATION.exists(), reason="the shared data folder is absent")
def test_education_honest_columns_reach_the_published_figures(tmp_path: Path) -> None:
    report = figures(tmp_path, EDUCATION, "Converted", "--exclude", *FILLED_BY_SALES)
    metrics = report["metrics"]
    assert metrics["auc"] >= 0.902
    assert metrics["brier"] <= 0.1225
    assert metrics["log_loss"] <= 0.385
    assert metrics["ece"] <= 0.015
    assert report["refused"] == []


@pytest.mark.slow
@pytest.mark.skipif(not EDUCATION.exists(), reason="the shared data folder is absent")
def test_education_in_time_holds_and_tells_the_shift(tmp_path: Path) -> None:
    table = read_table(EDUCATION)
    cut = int(0.8 * table.rows)
    older, newer = (
        write_csv(tmp_path / name, {column: cells[rows] for column, cells in table.columns.items()})  # type: ignore[misc]
        for name, rows in (("older.csv", slice(0, cut)), ("newer.csv", slice(cut, None)))
    )
    figures(tmp_path, older, "Converted", "--time", "Lead Number", "--exclude", *FILLED_BY_SALES)
    run(score, "--input", newer, "--output", tmp_path / "o.csv", "--model", tmp_path / "m")
    scored = rows_of(tmp_path / "o.csv")
    converted = np.array([row["Converted"] == "1" for row in scored])
    found = measure(converted, np.array([float(row["probability"]) for row in scored]))
    assert found["auc"] >= 0.905
    assert found["ece"] <= 0.04
    shift = figures(tmp_path, EDUCATION, "Converted", "--time", "Lead Number")["base_rate_shift"]
    assert shift == pytest.approx({"older": 0.377, "newer": 0.438}, abs=0.001)


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.exists(), reason="the shared data folder is absent")
def test_the_leaks_of_both_real_files_are_found(tmp_path: Path) -> None:
    education = figures(tmp_path, EDUCATION, "Converted")
    assert columns_of(education["refused"]) == {"Tags"}
    assert "Lead Quality" in columns_of(education["suspect"])
    shoppers = figures(tmp_path, SHOPPERS, "Revenue")
    assert columns_of(shoppers["refused"]) == {"PageValues"}


# --- bands ------------------------------------------------------------------------------------------------


def configured(folder: Path, monkeypatch: pytest.MonkeyPatch, capacity: int) -> None:
    (folder / "config.toml").write_text(f"[bands]\ncapacity_per_week = {capacity}\n", encoding="utf-8")
    monkeypatch.setenv("SAVIA_CONFIG", str(folder / "config.toml"))


def test_bands_by_capacity_are_the_same_in_training_and_scoring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, model, output = export(tmp_path, rate=0.2), tmp_path / "m", tmp_path / "out.csv"
    configured(tmp_path, monkeypatch, 20)
    _, text = run(train, "--history", source, "--outcome", "converted", "--model", model, "--json")
    report = json.loads(text)
    drawn = report["band_starts"]
    assert report["capacity_per_week"] == 20
    assert 0 < drawn["warm"] < drawn["hot"]
    hot = next(band for band in report["bands"] if band["band"] == "hot")
    assert hot["rows"] <= 20
    arguments = ("--input", source, "--output", output, "--model", model, "--json")
    told = json.loads(run(score, *arguments)[1])
    assert told["band_starts"] == drawn
    for row in rows_of(output):
        assert (row["band"] == "hot") == (float(row["probability"]) >= drawn["hot"])
    configured(tmp_path, monkeypatch, 30)  # the model drew none of that size: nothing is made up
    told = json.loads(run(score, *arguments)[1])
    assert told["band_starts"]["hot"] == 0.8
    assert "until you train again" in " ".join(told["warnings"])


def test_a_mapping_that_moves_the_bands_moves_them_in_both_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = BandLimits({"hot": 0.5, "warm": 0.3, "cold": 0.1, "unqualified": 0.0})
    for job in (train, score):
        monkeypatch.setattr(job, "band_limits", lambda _: moved)
    source, model, output = export(tmp_path, rows=300), tmp_path / "m", tmp_path / "out.csv"
    _, text = run(train, "--history", source, "--outcome", "converted", "--model", model)
    assert "hot (from 50)" in text
    run(score, "--input", source, "--output", output, "--model", model)
    assert {row["band"] for row in rows_of(output) if int(row["score"]) >= 50} == {"hot"}
