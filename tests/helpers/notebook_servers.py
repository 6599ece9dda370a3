"""JupyterLab and voila on this machine, each with settings and a folder of its own, and ended."""

import contextlib
import importlib.util
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
READY = 120  # seconds that a server may take to answer
GRACE = 10  # seconds that it has to end itself and its kernels


def why_not(name):
    """Why there is no such server here, "" where there is one."""
    found = importlib.util.find_spec(name)
    return "" if found else f"{name} is not installed: pip install {name}"


def copy_notebook(folder, name="quickstart.ipynb"):
    """Copy a notebook into a folder, where its results are to lie as well; return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(ROOT / "notebooks" / name, folder / name))


@contextlib.contextmanager
def jupyterlab(folder):
    """JupyterLab over a folder of notebooks; the address that it answers at."""
    quiet = folder.parent / "lab" / "@jupyterlab" / "apputils-extension"
    quiet.mkdir(parents=True)
    no_news = '{"fetchNews": "false", "checkForUpdates": false}'
    (quiet / "notification.jupyterlab-settings").write_text(no_news)
    options = ["--ServerApp.root_dir", str(folder), "--ServerApp.allow_root=True"]
    options += ["--IdentityProvider.token=", "--ServerApp.port_retries=0", "--no-browser"]
    places = {"JUPYTERLAB_SETTINGS_DIR": quiet.parents[1]}
    with _serving("jupyterlab", folder, options, "/lab", places) as address:
        yield address


@contextlib.contextmanager
def voila(notebook):
    """The page that `make app` serves, of a notebook's copy; the address that it answers at."""
    told = subprocess.run(["make", "-n", "app"], cwd=ROOT, capture_output=True, text=True)
    words = next(shlex.split(x) for x in told.stdout.splitlines() if "/voila notebooks/" in x)
    options = [str(notebook), *words[2:], "--no-browser"]
    with _serving("voila", notebook.parent, options, "/voila/api/shutdown/", {}) as address:
        yield address


@contextlib.contextmanager
def _serving(module, folder, options, asked, places):
    """Start a server in a process group of its own; end the whole group, whatever happens."""
    own = folder.parent / "own"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    environment = os.environ | {name: str(own / name.lower()) for name in names}
    environment |= {name: str(place) for name, place in places.items()}
    environment |= {"PYTHONPATH": str(ROOT), "JUPYTER_PREFER_ENV_PATH": "1"}
    log = folder.parent / f"{module}.log"
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, *options, f"--port={port}"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(process, address + asked, log)
        yield address
    finally:
        _end(process)


def _wait(process, url, log):
    ends = time.monotonic() + READY
    while process.poll() is None and time.monotonic() < ends:
        try:
            with urllib.request.urlopen(url, timeout=READY):
                return
        except urllib.error.HTTPError:  # an answer as well
            return
        except OSError:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"the server did not begin to answer: {log.read_text(errors='replace')}")


def _end(process):
    """Ask a server to end, and end what is left of it and of the kernels that it began."""
    kernels = []
    with contextlib.suppress(psutil.NoSuchProcess):
        kernels = psutil.Process(process.pid).children(recursive=True)
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)
    for left in kernels:  # each has a session of its own
        with contextlib.suppress(psutil.NoSuchProcess):
            left.kill()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
