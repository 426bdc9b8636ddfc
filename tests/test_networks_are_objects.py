"""What differs by network is asked of the network: nobody compares its name."""

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "shallows"
QUESTION = re.compile(r"""[!=]= *['"](quadratic|diagonal)['"]|in \(['"](quadratic|diagonal)['"]""")
DISGUISED = re.compile(r"isinstance\([^)]*(LowRankPSD|QuadraticLaw|DiagonalLaw)")
PLACES = [
    *("sweeps", "verification", "report", "plotting"),
    *(
        f"cli/{name}.py"
        for name in ("__init__", "_exit_codes", "_files", "_options", "_output", "_prediction_sections", "_progress")
    ),
    *(f"cli/{name}.py" for name in ("_reference", "_sections", "predict", "sweep", "verify")),
]


@pytest.mark.parametrize("place", PLACES)
def test_no_network_is_asked_for_by_name(place):
    path = SOURCE / place
    files = sorted(path.rglob("*.py")) + sorted(path.rglob("*.j2")) if path.is_dir() else [path]
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        found = [match.group() for pattern in (QUESTION, DISGUISED) for match in pattern.finditer(text)]
        assert not found, f"{file.name}: {found}"
