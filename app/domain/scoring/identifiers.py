"""Is a column a name for its rows (a record id, a phone, a postcode) rather than a quantity? Told by its name
and its values together: a real number that happens to differ on every row must stay one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection

import numpy as np

from app.domain.scoring.columns import Floats
from app.domain.scoring.metrics import auc
from app.domain.scoring.ranking import auc_error

CODES = frozenset(
    {"id", "ids", "uuid", "guid", "code", "codigo", "cod", "codi", "ref", "referencia", "reference"}
)
"""Words that name a code whatever its digits are."""
LONG_CODES = frozenset(
    {"phone", "telephone", "telefono", "tel", "tlf", "movil", "mobile", "celular", "fax", "whatsapp", "cp",
     "zip", "zipcode", "postal", "postcode", "dni", "nif", "nie", "cif", "nit", "rfc", "rut", "cuit"}
)  # fmt: skip
"""Words that name a code where the values are long enough for one (phone calls are not)."""
COUNTERS = frozenset({"number", "numero", "num", "nro", "no", "n", "nr"})
"""Words that name a code where no value comes twice (a number of visits does)."""
MOSTLY = 0.9
SOME = 0.1
FEWEST_ROWS = 50
ALL_DIFFERENT = 0.999
IN_FILE_ORDER = 0.99  # the share of steps from row to row that go the same way
STRAIGHT = 0.99  # correlation of the sorted values with their places
EVEN = 0.1  # spread of the gaps between sorted values, in mean gaps
DENSE = 2.0  # mean gap of a counter some of whose rows were filtered out
SMALLEST_RECORD_ID = 10_000
CHANCE = 2.0  # standard errors

_CODED = re.compile(r"0\d+|\d{16,}|\d{6,}\.\d{6,}|\+\s?\d(?:[\s-]?\d){7,}")
_GAPS = re.compile(r"\d{2,3}(?:\s\d{2,3}){2,4}")
_THOUSANDS = re.compile(r"\d{1,3}(?:\s\d{3})+")
_WHOLE = re.compile(r"\d+(?:[.,]0+)?")
_LONG_CODE = re.compile(r"\+?\s?(?:[\s()-]*\d){4,}(?:[.,]0)?")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words_of(name: str) -> frozenset[str]:
    """The words of a name, without accents: "ID de registro" and "clientId" hold "id", "Nº" holds "no"."""
    signs = unicodedata.normalize("NFKD", name)
    plain = "".join(sign for sign in signs if not unicodedata.combining(sign))
    return frozenset(word.lower() for word in _WORD.findall(plain))


def is_code(name: str, cells: Collection[str]) -> bool:
    """Digits that are a code, by these distinct cells: leading zeros, more digits than a number keeps, a
    phone's sign and gaps; or whole numbers under a name that tells it.
    """
    words = words_of(name)
    if words & CODES and _share(cells, _WHOLE.fullmatch) > MOSTLY:
        return True
    if words & LONG_CODES and _share(cells, _LONG_CODE.fullmatch) > MOSTLY:
        return True
    return _share(cells, _looks_coded) > SOME or _is_padded(cells)


def _share(cells: Collection[str], holds: Callable[[str], object]) -> float:
    return sum(bool(holds(cell)) for cell in cells) / max(len(cells), 1)


def _looks_coded(cell: str) -> bool:
    return bool(_CODED.fullmatch(cell) or (_GAPS.fullmatch(cell) and not _THOUSANDS.fullmatch(cell)))


def _is_padded(cells: Collection[str]) -> bool:
    """Digits of one length, some with a zero before them: postcodes of a country where few begin with one."""
    length = len(next(iter(cells), ""))
    return (
        length > 1
        and all(len(cell) == length and cell.isdigit() for cell in cells)
        and any(cell.startswith("0") for cell in cells)
    )


def numbers_rows(name: str, values: Floats, converted: Floats | None = None) -> bool:
    """Do these values (in file order, NaN where missing) number the rows? Whole and all different they must
    be; besides, the name says so, they run in a sequence, or they are large and tell nothing of `converted`.
    """
    known = values[~np.isnan(values)]
    if len(known) < FEWEST_ROWS or (known < 0).any() or (known % 1 != 0).any():
        return False
    if len(np.unique(known)) < ALL_DIFFERENT * len(known):
        return False
    if words_of(name) & COUNTERS or "#" in name:
        return True
    if len(known) < ALL_DIFFERENT * len(values):
        return False
    return _in_sequence(known) or bool(
        converted is not None
        and known.min() >= SMALLEST_RECORD_ID
        and _tells_nothing(known, converted[~np.isnan(values)])
    )


def _in_sequence(values: Floats) -> bool:
    """A counter: hardly a number is skipped, all gaps are alike, or it runs straight along the file."""
    ordered = np.sort(values)
    gaps, steps = np.diff(ordered), np.diff(values)
    if gaps.mean() <= DENSE or gaps.std() <= EVEN * gaps.mean():
        return True
    one_way = max((steps > 0).mean(), (steps < 0).mean()) >= IN_FILE_ORDER
    return bool(one_way and np.corrcoef(ordered, np.arange(len(ordered)))[0, 1] >= STRAIGHT)


def _tells_nothing(values: Floats, converted: Floats) -> bool:
    hits = float(converted.sum())
    area = auc(converted, values)
    return abs(area - 0.5) < CHANCE * auc_error(0.5, hits, len(converted) - hits)
