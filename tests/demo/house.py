"""What the demo stands on: a folder, processes, free ports, certificates."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path


class Failure(Exception):
    """A step that did not come out as it must; its text is the reason, for a person."""


def need(condition, reason):
    """Go on only where `condition` holds."""
    if not condition:
        raise Failure(reason)


def wait_for(what, seconds, reason):
    """Call `what` until it says something true, which is returned; fail with `reason` after so many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise Failure(reason() if callable(reason) else reason)


def free_port(address, wanted=None):
    """A port that is free over UDP and TCP at `address`: `wanted` where that is."""
    for candidate in ([wanted] if wanted else []) + [0] * 50:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            try:
                udp.bind((address, candidate))
                tcp.bind((address, udp.getsockname()[1]))
            except OSError:
                continue
            return udp.getsockname()[1]
    raise Failure(f"no port is free at {address}")


class House:
    """The folder and the processes of one run; all are gone when it is left, also on Ctrl-C."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="lotse-demo-"))
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.stop(process)
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, name, text):
        path = self.path / name
        path.write_text(text)
        return path

    def start(self, name, *command):
        """Start a program whose output goes to NAME.out and NAME.err."""
        out, err = (open(self.path / f"{name}.{kind}", "wb") for kind in ("out", "err"))
        with out, err:
            process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                       cwd=self.path, start_new_session=True)
        process.name = name
        self.processes.append(process)
        return process

    def output(self, process, kind="out"):
        return (self.path / f"{process.name}.{kind}").read_text(errors="replace")

    def stop(self, process, seconds=5):
        """Ask it to end, and wait; a process that does not listen is killed."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        return process.returncode

    def run(self, *command, text=None, good=(0,)):
        """Run a program to its end; what it printed. Fails unless its exit status is one of `good`."""
        done = subprocess.run([str(c) for c in command], input=text, capture_output=True, text=True, cwd=self.path,
                              timeout=60, check=False)
        need(done.returncode in good, f"`{' '.join(Path(str(c)).name for c in command[:4])} ...` ended with status "
             f"{done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def authority(self):
        """A certificate authority of this run alone."""
        self.run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", "/CN=Demo authority", "-keyout", "ca.key", "-out", "ca.pem")

    def certificate(self, name, *domains):
        """NAME.pem and NAME.key, for these DNS names, signed by the authority."""
        names = ",".join(f"DNS:{d}" for d in domains)
        self.file(f"{name}.ext", f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\n")
        self.run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={domains[0]}",
                 "-keyout", f"{name}.key", "-out", f"{name}.csr")
        self.run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                 "-days", "2", "-extfile", f"{name}.ext", "-out", f"{name}.pem")
