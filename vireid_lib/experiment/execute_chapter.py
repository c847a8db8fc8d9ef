"""One chapter in one process: papermill runs the notebook, under a bar of its cells.

Started by the runner as `python -m vireid_lib.experiment.execute_chapter JOB`. It lives no longer than the runner: its
standard input is a pipe from there, and when that closes, however the runner ended, the kernel and this process end
too.
"""

import contextlib
import json
import os
import signal
import sys
import threading
from pathlib import Path

import papermill
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode, v4
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.iorw import LocalHandler, papermill_io

from vireid_lib.data.contents import write_atomically
from vireid_lib.experiment import lab
from vireid_lib.experiment.chapters import read_notebook
from vireid_lib.project import HEADLESS
from vireid_lib.training.progress import Lines

ENGINE = "vireid"
KERNEL = "python3"
STARTUP_SECONDS = 300  # a loaded machine may take minutes to import the kernel
IOPUB_SECONDS = 60
BAR = "{desc}  cell {n_fmt}/{total_fmt}, {elapsed} so far{postfix}"  # no bar, no forecast: cells differ
LOG_SECONDS = 30.0  # where lines cannot be rewritten, one is printed this often


class _Client(PapermillNotebookClient):
    """Papermill's client, which shows the last line that a cell printed and leaves nothing running behind it."""

    def papermill_execute_cells(self) -> None:
        threading.Thread(target=self.end_with_the_runner, daemon=True).start()
        super().papermill_execute_cells()

    def execute_cell(self, cell: NotebookNode, cell_index: int, **options: object) -> NotebookNode:
        try:
            return super().execute_cell(cell, cell_index, **options)
        except DeadKernelError:
            process = getattr(self.km.provisioner, "process", None)
            status = process.poll() if process else None
            killed = f" by signal {-status}" if status and status < 0 else ""
            words = f"its kernel died{killed}; when the memory ran out, the system's log says so"
            cell.outputs.append(v4.new_output("error", ename="DeadKernelError", evalue=words, traceback=[words]))
            self.kill_kernel()
            raise

    def kill_kernel(self) -> None:
        """End the kernel and all that it started, which would go on computing and hold the locks of stages."""
        with contextlib.suppress(ProcessLookupError, AttributeError):
            os.killpg(self.km.provisioner.process.pid, signal.SIGKILL)  # a kernel leads its own process group

    def end_with_the_runner(self) -> None:
        """Wait for the pipe from the runner to close; then nobody wants the outcome any more."""
        while os.read(0, 1):  # not through sys.stdin, whose lock would be missed when Python shuts down
            pass
        self.kill_kernel()
        os._exit(1)

    def process_message(self, msg: dict, cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        if text := _last_line(msg):
            self.nb_man.pbar.set_postfix_str(text, refresh=False)
            self.nb_man.pbar.update(0)
        return super().process_message(msg, cell, cell_index)


class _Engine(NBClientEngine):
    """Papermill's engine with `_Client`, and with the chapter's path where papermill would store all of it."""

    source = ""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, log_output=False, start_timeout=60, **_: object):
        nb_man.nb.metadata.papermill["input_path"] = cls.source
        _Client(
            nb_man, kernel_name=kernel_name, startup_timeout=start_timeout, timeout=None, iopub_timeout=IOPUB_SECONDS
        ).execute()


class _WholeFiles(LocalHandler):
    """Papermill's writer of files, with the notebook before or the new one on the disk, and never a part of it."""

    def write(self, buf: str, path: str) -> None:
        write_atomically(Path(path), buf.encode())


def execute(job: dict) -> None:
    """Run one chapter. A job holds `chapter` (py:percent file), `output` (.ipynb to write), `parameters` and `cache`
    (folder for the kernel's own files)."""
    _Engine.source = job["chapter"]
    papermill_engines.register(ENGINE, _Engine)
    papermill_io.register(str(Path(job["output"]).parent), _WholeFiles())
    _prepare_environment(Path(job["cache"]))
    notebook = read_notebook(job["chapter"])
    notebook.metadata["kernelspec"] = {"name": KERNEL, "display_name": "Python 3", "language": "python"}
    live = sys.stdout.isatty()
    place = {"file": sys.stdout, "dynamic_ncols": True} if live else {"file": Lines(), "mininterval": LOG_SECONDS}
    bar = {"desc": " " * 6 + Path(job["chapter"]).stem, "bar_format": BAR, "leave": False, "miniters": 0}
    options = {"engine_name": ENGINE, "kernel_name": KERNEL, "language": "python", "progress_bar": bar | place}
    options |= {"start_timeout": STARTUP_SECONDS, "cwd": str(Path(job["chapter"]).parent)}
    # Papermill formats the output path with the parameters: a folder's own braces must be doubled.
    output = job["output"].replace("{", "{{").replace("}", "}}")
    try:
        papermill.execute_notebook(notebook, output, parameters=job["parameters"], **options)
    except (papermill.PapermillExecutionError, DeadKernelError):
        sys.exit(1)  # the notebook holds the error


def _prepare_environment(cache: Path) -> None:
    """Make the kernel run in this very Python, without the user's own start-up files, and tell it who started it."""
    spec = cache / "jupyter" / "kernels" / KERNEL / "kernel.json"
    argv = [sys.executable, "-Xfrozen_modules=off", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    described = {"argv": argv, "display_name": "Python 3", "language": "python"}
    write_atomically(spec, json.dumps(described).encode())  # a study beside the book reads it at the same time
    os.environ.update(lab.elsewhere(cache / "home") | {HEADLESS: "1", "JUPYTER_PLATFORM_DIRS": "1"})
    os.environ.update({"JUPYTER_PATH": str(cache / "jupyter"), "IPYTHONDIR": str(cache / "ipython")})
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"


def _last_line(message: dict) -> str:
    """The last line of text in a kernel's message, such as a progress line."""
    content, text = message["content"], ""
    if message["msg_type"] == "stream":
        text = content["text"]
    elif message["msg_type"] in ("display_data", "update_display_data") and list(content["data"]) == ["text/plain"]:
        text = content["data"]["text/plain"]
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def main() -> None:
    # The bar has standard output to itself: what the kernel's libraries print to file descriptor 1 goes to the log.
    sys.stdout = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's to answer
    execute(json.loads(sys.argv[1]))


if __name__ == "__main__":
    main()
