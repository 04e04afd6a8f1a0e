"""Many phones at once: sockets whose messages are handled as bytes, for tests that count in thousands."""

import re
import select
import socket
import time


class Crowd:
    """UDP sockets that send to `gateway` from ports of their own, so that the kernel deals them to different workers."""

    def __init__(self, gateway, size=8, address="127.0.0.1"):
        self.gateway = gateway
        self.sockets = []
        self.epoll = select.epoll()
        for _ in range(size):
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            one.bind((address, 0))
            one.setblocking(False)
            self.sockets.append(one)
            self.epoll.register(one, select.EPOLLIN)
        self.index = {one.fileno(): i for i, one in enumerate(self.sockets)}
        self.places = ["{}:{}".format(*one.getsockname()) for one in self.sockets]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.epoll.close()
        for one in self.sockets:
            one.close()

    def send(self, who, data, to=None):
        end = time.monotonic() + 5
        while True:
            try:
                return self.sockets[who].sendto(data if isinstance(data, bytes) else data.encode(), to or self.gateway)
            except BlockingIOError:
                assert time.monotonic() < end, "nothing can be sent"
                time.sleep(0.001)

    def received(self, seconds):
        """[(who, data, source)] of what has come; waits for the first."""
        found = []
        for fd, _ in self.epoll.poll(seconds):
            who = self.index[fd]
            for _ in range(64):
                try:
                    data, source = self.sockets[who].recvfrom(65536)
                except BlockingIOError:
                    break
                except ConnectionRefusedError:
                    continue
                found.append((who, data, source))
        return found


def field(data, name):
    """The first value of a header field of a message in bytes, as text."""
    found = re.search(rb"(?im)^" + name.encode() + rb"\s*:\s*(.*?)\r?$", data)
    return found.group(1).decode() if found else ""


def status_of(data):
    """The status of a response; 0 for a request."""
    return int(data[8:11]) if data.startswith(b"SIP/2.0 ") else 0


def answer(data, status, contact=None):
    """A response to a request in bytes."""
    lines = data.split(b"\r\n\r\n", 1)[0].split(b"\r\n")[1:]
    kept = [l for l in lines if l.split(b":", 1)[0].lower() in (b"via", b"from", b"call-id", b"cseq", b"record-route")]
    to = next(l for l in lines if l[:3].lower() == b"to:")
    to += b"" if b"tag=" in to else b";tag=you"
    more = [f"Contact: <{contact}>".encode()] if contact else []
    return b"\r\n".join([b"SIP/2.0 %d Whatever" % status, *kept, to, *more, b"Content-Length: 0", b"", b""])
