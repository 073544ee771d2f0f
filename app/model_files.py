"""Model files in and out: where `train --history` leaves its model and `score` finds it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from app.domain.errors import BadConfig, Fault
from app.domain.scoring.model import TrainedModel
from app.domain.scoring.model_file import MOST_BYTES, from_bytes, to_bytes
from app.table_files import whole_file

MODEL_FILE = Path("var/model.savia")


@dataclass(frozen=True, slots=True)
class KeptModel:
    """A model as it lies in its file: when it was written, and the file it learnt from."""

    model: TrainedModel
    path: Path
    written: date
    history: str

    def __str__(self) -> str:
        return f"the model of {self.written} from {self.history} ({self.path})"


def read_model(path: Path) -> KeptModel:
    """Raises BadConfig where the file is absent or is no model."""
    try:
        told = path.stat()
        if told.st_size > MOST_BYTES:
            raise BadConfig([Fault(str(path), "file", "is larger than any model: check --model")])
        model = from_bytes(path.read_bytes())
    except OSError as error:
        message = f"cannot be read ({error.strerror}): train one with `python -m jobs train`"
        raise BadConfig([Fault(str(path), "file", message)]) from error
    written = datetime.fromtimestamp(told.st_mtime, UTC).date()
    return KeptModel(model, path, written, str(model.report.get("history", "an unnamed file")))


def write_model(path: Path, model: TrainedModel, history: Path) -> None:
    """The model, with the name of the file it learnt from. A file that cannot be written is a BadConfig."""
    named = replace(model, report={**model.report, "history": history.name})
    with whole_file(path) as part:
        part.write_bytes(to_bytes(named))
