"""A Knot authority on a loopback port that nobody else has, as the DNS of a test."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

CONFIG = """
server:
    rundir: {dir}
    user: {user}
    listen: {address}@{port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: warning
database:
    storage: {dir}
template:
  - id: default
    storage: {dir}
    file: "%s.zone"
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: none
    semantic-checks: soft
zone:
{zones}
"""


def free_port(address):
    """A port that is free for UDP and TCP."""
    for _ in range(50):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp, socket.socket() as tcp:
            udp.bind((address, 0))
            try:
                tcp.bind((address, udp.getsockname()[1]))
            except OSError:
                continue
            return udp.getsockname()[1]
    raise RuntimeError(f"no port of {address} is free for UDP and TCP")


class Knot:
    """Serves zones, given as {name: path or text of a zone file}, until it is stopped:

        with Knot() as knot:
            server = knot.start({"b.test": "@ SOA ns. h. 1 60 60 60 60\\n@ NS ns.\\n@ A 127.0.0.1\\n"})
            run([lotse, "resolve", "--server", server, "b.test"])

    A text without $ORIGIN and $TTL gets those of its zone and 60 seconds. `put` changes a zone while it is served, `pause` and `resume`
    make it silent for a while, `stop` ends it; `start` may be called again and keeps the port.
    """

    def __init__(self, address="127.0.0.1"):
        self.address = address
        self.port = None
        self.process = None
        self.zones = {}
        self.dir = Path(tempfile.mkdtemp(prefix="lotse-knot-"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    @property
    def server(self):
        """address:port"""
        return f"{self.address}:{self.port}"

    def start(self, zones=None):
        """Serve the zones; returns address:port once it answers."""
        for name, zone in (zones or {}).items():
            self._write(name, zone)
        for _ in range(5):  # somebody else may take the port before Knot does
            kept = self.port is not None
            self.port = self.port or free_port(self.address)
            if self._launch():
                return self.server
            self.port = self.port if kept else None
        raise RuntimeError(f"knotd does not start:\n{(self.dir / 'log').read_text(errors='replace')}")

    def stop(self):
        """End it, if it runs."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def pause(self):
        """Answer nothing any more, until resume()."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def put(self, name, zone):
        """Replace a zone (new ones need a start). The change is served when this returns."""
        self._write(name, zone)
        subprocess.run(["knotc", "-s", str(self.dir / "knot.sock"), "-b", "zone-reload", name], check=True,
                       stdout=subprocess.DEVNULL, timeout=10)

    def _write(self, name, zone):
        text = Path(zone).read_text() if isinstance(zone, Path) or "\n" not in str(zone) else zone
        head = "" if re.search(r"^\$TTL", text, re.M) else "$TTL 60\n"
        head += "" if re.search(r"^\$ORIGIN", text, re.M) else f"$ORIGIN {name}.\n"
        (self.dir / f"{name}.zone").write_text(head + text)
        self.zones[name] = True

    def _launch(self):
        config = self.dir / "knot.conf"
        config.write_text(CONFIG.format(dir=self.dir, address=self.address, port=self.port, user=_me(),
                                        zones="".join(f"  - domain: {z}\n" for z in self.zones)))
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(["knotd", "-c", str(config)], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            if all(self._answers(zone) for zone in self.zones):
                return True
            time.sleep(0.05)
        self.stop()
        return False

    def _answers(self, zone):
        """Does it serve the zone's SOA?"""
        labels = b"".join(bytes([len(l)]) + l.encode() for l in zone.rstrip(".").split("."))
        query = b"\x4c\x4f\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00" + labels + b"\x00\x00\x06\x00\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.2)
            try:
                udp.connect((self.address, self.port))
                udp.send(query)
                reply = udp.recv(512)
            except OSError:
                return False
        return reply[:2] == query[:2] and reply[3] & 15 == 0 and reply[6:8] != b"\x00\x00"


def _me():
    import grp
    import pwd
    return f"{pwd.getpwuid(os.getuid()).pw_name}:{grp.getgrgid(os.getgid()).gr_name}"
