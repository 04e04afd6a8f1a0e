"""The program under test: a daemon with a configuration of its own, and commands that talk to it."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("LOTSE_BUILD", ROOT / "build"))
LONG = bool(os.environ.get("LOTSE_LONG"))
LAG_BOUND = {"release": 0.02, "asan": 0.05, "tsan": 0.05}


def program(variant="release"):
    return BUILD / "lotse" if variant == "release" else BUILD / variant / "lotse"


def free_port(address="127.0.0.1"):
    """A port that is free over UDP and TCP."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for _ in range(50):
        with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.socket(family) as tcp:
            udp.bind((address, 0))
            try:
                tcp.bind((address, udp.getsockname()[1]))
            except OSError:
                continue
            return udp.getsockname()[1]
    raise RuntimeError(f"no port of {address} is free over UDP and TCP")


def wait_for(what, seconds=5, reason="it did not come"):
    """Call `what` until it returns something true, which is returned."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(reason() if callable(reason) else reason)


class Lotse:
    """A daemon:

        with Lotse(tmp_path, {"domains": ["alpha.test"]}) as lotse:
            lotse.udp, lotse.tcp          # where it listens: ("127.0.0.1", port)
            lotse.run("user", "list")     # a command that talks to it

    It listens on udp and tcp of 127.0.0.1 unless `listen` says otherwise. When it is left it must end with status 0, have said nothing of a
    sanitizer, and have kept the bound on its loops' lag.
    """

    def __init__(self, folder, conf, variant="release", environment=None, wrapper=(), lag=True):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.variant = variant
        self.environment = environment or {}
        self.wrapper = list(wrapper)
        self.lag = lag and not wrapper
        self.admin = ("127.0.0.1", free_port())
        self.conf = {"listen": ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"], "data": str(self.folder / "data"),
                     "admin": f"http://127.0.0.1:{self.admin[1]}", "resolver": {"servers": ["127.0.0.1:9"]}, **conf}
        self.file = self.folder / "lotse.yaml"
        self.process = None
        self.urls = []
        self.ready_seconds = 0

    # ------------------------------------------------------------------------ life

    def write(self, **changes):
        self.conf.update(changes)
        self.file.write_text(yaml.safe_dump(self.conf, sort_keys=False))

    def start(self, seconds=20):
        self.write()
        begun = time.monotonic()
        with open(self.folder / "out", "wb") as out, open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen([*self.wrapper, program(self.variant), "serve", "-f", self.file], stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=log, env={**os.environ, **self.environment}, start_new_session=True)
        ready = wait_for(self._ready, seconds, lambda: f"not ready: {self.log()[-2000:]}")
        self.ready_seconds = time.monotonic() - begun
        self.urls = ready.split()[1:]
        return self

    def _ready(self):
        assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.log()[-3000:]}"
        text = (self.folder / "out").read_text()
        return text if text.endswith("\n") else None

    def stop(self, seconds=20):
        """End it; its exit status."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(f"it did not end in {seconds} s: {self.log()[-2000:]}") from None
        return self.process.returncode

    def kill(self):
        """As a power cut would, but for what the kernel keeps."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def restart(self):
        """Stop and start, on the same addresses."""
        assert self.stop() == 0
        self.conf["listen"] = [{**l, "url": u} if isinstance(l, dict) else u for l, u in zip(self.conf["listen"], self.urls)]
        return self.start()

    def reload(self, **changes):
        self.write(**changes)
        return self.run("reload")

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, kind, *_):
        late = self.late_turns() if kind is None and self.process.poll() is None else 0
        if self.process.poll() is None:
            status = self.stop()
            assert kind is not None or status == 0, f"it ended with status {status}: {self.log()[-4000:]}"
        if kind is None:
            log = self.log()
            assert "Sanitizer" not in log and "runtime error" not in log, log[-8000:]
            assert not self.lag or late == 0, f"{late} turns of a loop took longer than {LAG_BOUND[self.variant]} s"

    # ------------------------------------------------------------------------ looking at it

    def address(self, scheme, index=0):
        url = [u for u in self.urls if u.startswith(scheme + "://")][index]
        host, _, port = url.partition("://")[2].rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def udp(self):
        return self.address("udp")

    @property
    def tcp(self):
        return self.address("tcp")

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def metrics(self):
        """{name with labels: value}"""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin[1]}/metrics", timeout=10) as answer:
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, _, value in (l.rpartition(" ") for l in lines if l and not l.startswith("#"))}

    def metric(self, name):
        """The sum of all series of a metric."""
        return sum(v for k, v in self.metrics().items() if k.split("{")[0] == name)

    def late_turns(self):
        metrics = self.metrics()
        bound = LAG_BOUND[self.variant]
        return metrics["lotse_loop_lag_seconds_count"] - metrics[f'lotse_loop_lag_seconds_bucket{{le="{bound}"}}']

    # ------------------------------------------------------------------------ commands

    def run(self, *words, text=None, status=0):
        """Run a command of the program about this daemon; what it printed. `status`: what it must end with; None: whatever."""
        done = run_lotse(*words, "-f", self.file, text=text)
        assert status is None or done.returncode == status, f"{words}: status {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *words, status=0):
        return json.loads(self.run(*words, "--json", status=status))

    def add_user(self, address, password="secret"):
        self.run("user", "add", address, text=password + "\n")


def run_lotse(*words, text=None, seconds=60, environment=None):
    return subprocess.run([str(w) for w in (program(), *words)], input=text, capture_output=True, text=True, timeout=seconds, check=False,
                          env={**os.environ, **(environment or {})})


def words_of(line):
    """key=value words of a line of the log."""
    return {k: v.strip('"') for k, v in re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S*)', line)}
