"""A real softphone without sound card: baresip 1.0, told what to do over its control connection. It knows no digest but MD5."""

import json
import signal
import socket
import subprocess
from pathlib import Path

from lotse import free_port, wait_for

MODULES = "/usr/lib/baresip/modules"

CONFIG = """\
module_path {modules}
sip_listen 127.0.0.1:{sip}
net_interface 127.0.0.1
audio_source aubridge,lotse
audio_player aubridge,lotse
audio_alert aubridge,lotse
module g711.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control}
"""


class Baresip:
    """A phone that registers `user` with its password at `gateway`, over UDP or TCP; `answers`: picks up by itself.

        with Baresip(tmp_path / "bob", "bob@alpha.test", "secret", lotse.udp) as bob:
            bob.expect("REGISTER_OK")
            bob.command("dial", "sip:alice@alpha.test")
            bob.expect("CALL_ESTABLISHED")
    """

    def __init__(self, folder, user, password, gateway, tcp=False, answers=True):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        control = free_port()
        transport = ";transport=tcp" if tcp else ""
        proxy = "sip:{}:{}".format(*gateway) + transport
        self.write("config", CONFIG.format(modules=MODULES, sip=free_port(), control=control))
        self.write("accounts", f'<sip:{user}{transport}>;auth_pass={password};regint=600;outbound="{proxy}"'
                   f';answermode={"auto" if answers else "manual"};audio_codecs=pcmu\n')
        self.write("contacts", "")
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(["baresip", "-f", str(self.folder)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        self.pending = b""
        self.events = []
        self.socket = None
        self.socket = wait_for(lambda: self._connect(control), 10, lambda: f"baresip does not start: {self.log()}")

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def _connect(self, port):
        assert self.process.poll() is None, self.log()
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=5)
        except OSError:
            return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.socket:
            self.socket.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()

    def command(self, name, params=""):
        text = json.dumps({"command": name, "params": params, "token": "t"}).encode()
        self.socket.sendall(b"%d:%s," % (len(text), text))

    def _read(self):
        """What has come until now, a netstring each."""
        self.socket.settimeout(0.05)
        try:
            self.pending += self.socket.recv(65536)
        except TimeoutError:
            pass
        while (at := self.pending.find(b":")) > 0 and len(self.pending) > at + 1 + (size := int(self.pending[:at])):
            self.events.append(json.loads(self.pending[at + 1:at + 1 + size]))
            self.pending = self.pending[at + 2 + size:]

    def expect(self, kind, seconds=8):
        """The next event of a type, such as CALL_ESTABLISHED; those before it are passed over."""

        def come():
            self._read()
            while self.events:
                if (event := self.events.pop(0)).get("type") == kind:
                    return event
            return None

        return wait_for(come, seconds, lambda: f"{kind} did not come: {self.log()[-2000:]}")

    def registered(self):
        """It has registered, now or before we looked."""
        wait_for(lambda: "200 OK" in self.log(), 8, lambda: f"it does not register: {self.log()[-2000:]}")
        return self
