"""SIPp 3.6 with scenarios of ours (tests/system/sipp): its built-in caller ignores Record-Route, and it knows no digest but MD5."""

import signal
import socket
import subprocess
from pathlib import Path

from lotse import free_port, wait_for

SCENARIOS = Path(__file__).resolve().parent / "sipp"


class Sipp:
    """One run of a scenario, in a folder of its own:

        Sipp(tmp_path / "calls", "call", lotse.udp, calls=100, users=[("alice", "secret", "bob")]).finish()
    """

    def __init__(self, folder, scenario, gateway=None, port=0, tcp=False, calls=0, rate=0, at_once=0, users=(), keys=()):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        command = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", "127.0.0.1", "-t", "t1" if tcp else "u1", "-nostdin", "-nd",
                   "-trace_err", "-error_file", "errors", "-timeout_error", "-max_retrans", "6"]
        command += ["-p", str(port or free_port())]
        command += ["-m", str(calls), "-timeout", "60"] if calls else []
        command += ["-r", str(rate)] if rate else []
        command += ["-l", str(at_once)] if at_once else []
        for name, value in keys:
            command += ["-key", name, value]
        if users:
            rows = ((u, f"[authentication username={u} password={p}]", *more) for u, p, *more in users)
            (self.folder / "users.csv").write_text("SEQUENTIAL\n" + "".join(";".join(r) + "\n" for r in rows))
            command += ["-inf", "users.csv"]
        command += ["{}:{}".format(*gateway)] if gateway else []
        with open(self.folder / "out", "wb") as out:
            self.process = subprocess.Popen(command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)

        if port:
            wait_for(lambda: self._listens(port, tcp), 10, lambda: f"it does not listen: {self.said()}")

    @staticmethod
    def _listens(port, tcp):
        """Is the port taken by now?"""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return True
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def said(self):
        texts = [(self.folder / name).read_text(errors="replace") for name in ("errors", "out") if (self.folder / name).exists()]
        return "\n".join(t[-2500:] for t in texts)

    def finish(self, seconds=70):
        """Wait for the last call: there must be no failed one."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = f"not done after {seconds} s"
        self.stop()
        assert status == 0, f"status {status}: {self.said()}"
