"""The notebooks run from top to bottom, show tables and figures, and are stored without outputs."""

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_without_outputs(path):
    for cell in read(path)["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def executed(request, tmp_path_factory):
    """Code cells of a notebook that was run by a kernel of its own, in an empty folder."""
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    import nbformat

    book = nbformat.read(request.param, as_version=4)
    folder = tmp_path_factory.mktemp("notebook")
    nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    assert not list(folder.iterdir())
    return [cell for cell in book.cells if cell.cell_type == "code"]


def test_every_cell_runs_without_a_word_of_warning(executed):
    for cell in executed:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output


def test_results_are_shown_as_tables_and_figures(executed):
    shown = [output.data for cell in executed for output in cell.outputs if "data" in output]
    pages = [data["text/html"] for data in shown if "text/html" in data]
    assert len([page for page in pages if "<table" in page]) >= 6
    assert not any("cannot be shown" in page for page in pages)
    assert len([data for data in shown if "image/png" in data]) >= 6


def test_a_cell_shows_its_result_and_prints_nothing_beside(executed):
    """Tables of text are laid out by Rich, which would show them by itself in a notebook."""
    for cell in executed:
        streams = [output for output in cell.outputs if output.output_type == "stream"]
        assert bool(streams) == ("print(" in cell.source)
