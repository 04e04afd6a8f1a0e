"""What the gateways recorded on the wire (HEPv3), and how it looks as a call ladder."""

import re
import socket
import struct
import threading


class Message:
    """One SIP message that passed."""

    SHORT = {"407": "Password?", "401": "Password?", "302": "Moved", "487": "Terminated", "503": "Unavailable"}

    def __init__(self, time, source, destination, agent, text):
        self.time = time
        self.source = source
        self.destination = destination
        self.agent = agent
        self.text = text
        self.start = text.split("\r\n", 1)[0]

    @property
    def is_request(self):
        return not self.start.startswith("SIP/2.0 ")

    @property
    def method(self):
        """The method of a request, that of CSeq for a response."""
        return self.start.split(" ")[0] if self.is_request else self.value("CSeq").split()[-1]

    @property
    def status(self):
        return None if self.is_request else int(self.start.split(" ")[1])

    def value(self, name):
        found = re.search(rf"(?im)^{name}\s*:\s*(.*?)\r?$", self.text)
        return found.group(1) if found else ""

    @property
    def label(self):
        """What stands on its arrow."""
        if self.is_request:
            return self.method
        code, _, reason = self.start.split(" ", 1)[1].partition(" ")
        short = self.SHORT.get(code, reason)
        return f"{code} {short}" if self.method == "INVITE" else f"{code} {short} ({self.method})"


def parse_hep(packet):
    """A HEPv3 packet as a Message; None for anything else."""
    if packet[:4] != b"HEP3":
        return None
    chunks, at = {}, 6
    while at + 6 <= len(packet):
        _, kind, length = struct.unpack_from("!HHH", packet, at)
        if length < 6:
            return None
        chunks[kind] = packet[at + 6:at + length]
        at += length
    family = socket.AF_INET6 if chunks[1] == b"\x0a" else socket.AF_INET
    hosts = (5, 6) if family == socket.AF_INET6 else (3, 4)
    source, destination = ((socket.inet_ntop(family, chunks[h]), struct.unpack("!H", chunks[p])[0])
                           for h, p in zip(hosts, (7, 8)))
    seconds, micro, agent = (struct.unpack("!I", chunks[c])[0] for c in (9, 10, 12))
    return Message(seconds + micro / 1e6, source, destination, agent, chunks[15].decode(errors="replace"))


class Recorder:
    """A capture server: keeps what the gateways tell."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.messages = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            message = parse_hep(self.socket.recv(65535))
            if message:
                self.messages.append(message)

    def calls(self, since=0):
        """What belongs to calls (not to registrations), once for each hop: what two gateways told, the sender's word counts."""
        wanted = [m for m in self.messages[since:] if m.method not in ("REGISTER", "OPTIONS")]
        hops = {}
        for m in wanted:
            key = (m.source[0], m.destination, m.start, m.value("Via"), m.value("CSeq"))
            hops.setdefault(key, m)
        return sorted(hops.values(), key=lambda m: m.time)


class Ladder:
    """Columns are actors, known by their addresses; rows are messages."""

    WIDTH = 25

    def __init__(self, actors):
        self.actors = actors  # [(name, IP address)]

    def column(self, address):
        for i, (_, ip) in enumerate(self.actors):
            if ip == address[0]:
                return i
        return None

    def draw(self, messages):
        begin = messages[0].time if messages else 0
        yield "        ms  " + "".join(name.center(self.WIDTH) for name, _ in self.actors)
        yield " " * 12 + self._rails()
        for m in messages:
            start, end = self.column(m.source), self.column(m.destination)
            if start is None or end is None or start == end:
                continue
            yield f"{(m.time - begin) * 1000:10.0f}  " + self._arrow(start, end, m.label)

    def _rails(self):
        return "".join("|".center(self.WIDTH) for _ in self.actors)

    def _arrow(self, start, end, label):
        row = list(self._rails())
        centre = [i * self.WIDTH + self.WIDTH // 2 for i in range(len(self.actors))]
        left, right = sorted((centre[start], centre[end]))
        row[left + 1:right] = "-" * (right - left - 1)
        if start < end:
            row[right - 1] = ">"
        else:
            row[left + 1] = "<"
        # The label stands beside the arrow's end, between two rails, so that it never hides a line it crosses.
        room = self.WIDTH - 6
        text = f" {label[:room]} "
        place = (right - self.WIDTH if start < end else left) + (self.WIDTH - len(text)) // 2
        row[place:place + len(text)] = text
        return "".join(row).rstrip()
