"""Run a notebook in its own folder, under this Python, and save the model that it makes.

Usage: python run_notebook.py NOTEBOOK MODEL
`tests/generate_pkl.py --help` says what counts as its model.
"""

import shutil
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import nbformat
from IPython.core.interactiveshell import InteractiveShell


def run_cells(notebook: Path) -> dict[str, Any]:
    """Run the code cells one after the other and return the names that they leave; exits at the first that fails."""
    sources = code_cells(notebook)
    sys.path[0], sys.argv = "", [str(notebook)]  # As in a notebook, which can import what lies beside it.
    shell = InteractiveShell.instance(colors="NoColor")
    for number, source in enumerate(sources, 1):
        print(f"{notebook.name}: cell {number} of {len(sources)}", file=sys.stderr, flush=True)
        result = shell.run_cell(source, store_history=True)
        # Magics such as %%time show an error and go on; all that tells of it is where Python keeps what was shown.
        error = result.error_before_exec or result.error_in_exec or vars(sys).get("last_value")
        if error is not None:
            sys.exit(f"{notebook.name}: cell {number} failed: {type(error).__name__}: {error}\n{quoted(source)}")
    names: dict[str, Any] = shell.user_ns
    return names


def code_cells(notebook: Path) -> list[str]:
    """The cells that Jupyter would number; exits if the file is no notebook."""
    try:
        cells = nbformat.read(notebook, as_version=4).cells
    except Exception as error:  # Other files fail in many ways.
        sys.exit(f"{notebook.name} cannot be read as a notebook: {type(error).__name__}: {error}")
    return [cell.source for cell in cells if cell.cell_type == "code" and cell.source.strip()]


def quoted(source: str) -> str:
    """The cell as it is shown below a message."""
    return "\n".join(f"  | {line}" for line in source.splitlines())


def pickles(folder: Path) -> dict[Path, int]:
    """When each pickle of the folder was last written."""
    return {path: path.stat().st_mtime_ns for path in sorted(folder.glob("*.pkl"))}


def save_model(names: dict[str, Any], written: list[Path], model: Path) -> None:
    """Save the one pickle that the notebook wrote, else its `predict`; exits if it has neither."""
    if len(written) == 1:
        shutil.copyfile(written[0], model)
    elif callable(names.get("predict")):
        try:
            model.write_bytes(cloudpickle.dumps(names["predict"]))
        except Exception as error:  # Whatever its globals raise.
            sys.exit(f"The function predict cannot be pickled: {type(error).__name__}: {error}")
    else:
        pickled = " and ".join(path.name for path in written) or "no .pkl file"
        sys.exit(f"The notebook wrote {pickled} to its folder and defines no function predict: what is its model?")


def main() -> None:
    """Run the notebook and save the model that the command line names; the working directory is the notebook's."""
    notebook, model = map(Path, sys.argv[1:])
    before = pickles(notebook.parent)
    names = run_cells(notebook)
    after = pickles(notebook.parent)
    save_model(names, [path for path in after if after[path] != before.get(path)], model)


if __name__ == "__main__":
    main()
