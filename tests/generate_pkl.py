"""Make tests/models/model_3_XX.pkl, or model_3_XX_legacy.pkl, under Python 3.XX with the platform's packages.

The model is that of a notebook, or the sample model (tests/models/train_models.py). One call makes one file: with
--legacy the one whose predict function takes the live features alone, without it the one whose predict function takes
the benchmark models too. The file is replaced at the end, as a whole, and only if `predict.py --inspect` expects that
it runs; whatever fails before leaves the existing one as it is.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ROOT = TESTS.parent

NOTEBOOKS = """\
A notebook runs in its own folder, as in Jupyter: it reads and writes there what it is written to read and write.
Magics and ! lines work. What it installs with pip goes to an environment that is thrown away afterwards, at the
platform's versions; pip refuses another version of a package that the platform has, and the notebook goes on without.
Its model is the .pkl file that it writes to its folder; if it writes none there, or more than one, its function
`predict`, pickled with cloudpickle.
"""

# Asked of another Python.
PYTHON_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
SITE_PACKAGES = "import sysconfig; print(sysconfig.get_path('purelib'))"
COUNT_ARGUMENTS = """\
import pickle, sys
from numerai_predict.inspection.arity import count_arguments
with open(sys.argv[1], "rb") as file:
    print(count_arguments(pickle.load(file)))
"""


class GenerationError(Exception):
    """Why no model was made, for the user to read."""


def main() -> int:
    """Make the model that the command line asks for and return the exit status: 1 if that failed."""
    args = parse_args()
    suffix = "_legacy" if args.legacy else ""
    target = TESTS / "models" / f"model_{args.version.removeprefix('py').replace('.', '_')}{suffix}.pkl"
    try:
        generate(platform_python(args.version), args.notebook_path, args.legacy, target)
    except (GenerationError, OSError) as error:
        print(f"{error}\n{target} was not written.", file=sys.stderr)
        return 1
    print(f"Wrote {target}")
    return 0


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line as a namespace; a wrong one prints what is possible and exits with status 2."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=NOTEBOOKS, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    versions = sorted(folder.name for folder in ROOT.glob("py3.*"))
    parser.add_argument("--version", required=True, choices=versions, help="folder of the Python version")
    parser.add_argument("--notebook-path", type=Path, help="notebook that makes the model (default: the sample model)")
    parser.add_argument("--legacy", action="store_true", help="make model_3_XX_legacy.pkl")
    args = parser.parse_args(argv)
    if args.notebook_path and not args.notebook_path.is_file():
        parser.error(f"argument --notebook-path: there is no file {args.notebook_path}")
    return args


def platform_python(version: str) -> Path:
    """The Python of the environment that the Makefile makes for a py3.XX folder, made if need be. Raises
    GenerationError.
    """
    number = version.removeprefix("py")
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    python = sys.executable if number == running else f"python{number}"
    try:
        # pyenv puts commands on the PATH that only say that there is no such Python.
        subprocess.run([python, "--version"], cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise GenerationError(
            f"{python} cannot be run here. Install Python {number} so that {python} is on the PATH."
        ) from error
    environment = f".venv/{number}/predict"
    attempt(f"make could not make {environment}.", "make", f"PYTHON={python}", f"{environment}.done", cwd=ROOT)
    return ROOT / environment / "bin/python"


def generate(python: Path, notebook: Path | None, legacy: bool, target: Path) -> None:
    """Make a model under `python`, look at it, and put it in the place of `target`. Raises GenerationError, OSError."""
    with tempfile.TemporaryDirectory(prefix="generate_pkl-") as folder:
        model = Path(folder, target.name)
        if notebook:
            python = notebook_environment(python, Path(folder, "environment"))
            notebook_model(python, notebook.resolve(), model)
        else:
            sample_model(python, legacy, model)
        check(python, model, legacy)
        replace(model, target)


def sample_model(python: Path, legacy: bool, model: Path) -> None:
    """Train the sample models and save one of them. Raises GenerationError."""
    folder = model.parent / "sample"
    trainer = TESTS / "models/train_models.py"
    attempt("The sample model could not be trained.", python, trainer, "--output_dir", folder, "--name", "model")
    (folder / ("model_legacy.pkl" if legacy else "model.pkl")).rename(model)


def notebook_environment(python: Path, folder: Path) -> Path:
    """The Python of a new environment: the packages of `python`, IPython, and what a notebook installs on top, which
    leaves those of `python` as they are. Raises GenerationError.
    """
    problem = "The environment of the notebook could not be made."
    attempt(problem, python, "-m", "venv", folder)
    layered = folder / "bin/python"
    Path(answer(layered, SITE_PACKAGES), "platform.pth").write_text(answer(python, SITE_PACKAGES))
    pins = ROOT / f"py{answer(python, PYTHON_VERSION)}/requirements.txt"
    (folder / "pip.conf").write_text(f"[global]\nconstraint = {pins}\ndisable-pip-version-check = true\n")
    requirements = TESTS / "notebook-requirements.txt"
    attempt(problem, layered, "-m", "pip", "install", "--quiet", "--requirement", requirements)
    return layered


def notebook_model(python: Path, notebook: Path, model: Path) -> None:
    """Run the notebook in its folder under the `python` of a notebook environment, and save its model. Raises
    GenerationError.
    """
    environment = python.parent.parent
    variables = {
        **os.environ,
        "PATH": os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)]),  # For ! lines.
        "VIRTUAL_ENV": str(environment),
        "IPYTHONDIR": str(environment / "ipython"),  # The user's profile takes no part.
        "MPLBACKEND": "Agg",  # No window opens.
    }
    command = (python, TESTS / "notebooks/run_notebook.py", notebook, model)
    attempt(f"{notebook} made no model.", *command, cwd=notebook.parent, env=variables)


def check(python: Path, model: Path, legacy: bool) -> None:
    """Raise GenerationError for a model that cannot be expected to run, or that takes other arguments than asked."""
    attempt("predict.py would not run this model.", python, ROOT / "predict.py", "--inspect", "--model", model)
    # Loading it in a process of its own also shows that it needs nothing of the one that made it.
    takes_benchmarks = answer(python, COUNT_ARGUMENTS, model) == "2"
    if takes_benchmarks and legacy:
        raise GenerationError(
            "The model takes the benchmark models too: leave --legacy out, or let it take one argument."
        )
    if not takes_benchmarks and not legacy:
        raise GenerationError("The model takes the live features alone: give --legacy, or let it take two arguments.")


def replace(model: Path, target: Path) -> None:
    """Put the file in the place of `target`, whole or not at all. Raises OSError."""
    part = target.with_name(f".{target.name}")
    try:
        shutil.copyfile(model, part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def attempt(problem: str, *command: str | Path, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Run a command, whose output the user sees. Raises GenerationError(problem) if it fails."""
    try:
        subprocess.run([*map(str, command)], cwd=cwd, env=env, stdin=subprocess.DEVNULL, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise GenerationError(problem) from error


def answer(python: Path, question: str, *arguments: Path) -> str:
    """The last line that code prints under another Python. Raises GenerationError if it fails."""
    command = [str(python), "-c", question, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise GenerationError(f"{python} could not tell what it was asked.")
    return done.stdout.splitlines()[-1]


if __name__ == "__main__":
    sys.exit(main())
