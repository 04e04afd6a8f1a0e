"""Somebody on the way between two providers who changes what passes."""

import socket
import threading


class Tamperer:
    """Passes TCP connections on to `target` and flips a bit in each TLS record of application data that comes back."""

    APPLICATION_DATA = 23

    def __init__(self, address, target):
        self.target = target
        self.listener = socket.create_server((address, 0))
        self.port = self.listener.getsockname()[1]
        self.changed = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(self.target)
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source, destination, tamper):
        try:
            stream = source.makefile("rb")
            while header := stream.read(5):
                body = bytearray(stream.read(int.from_bytes(header[3:5], "big")))
                if tamper and header[0] == self.APPLICATION_DATA and body:
                    body[len(body) // 2] ^= 1
                    self.changed += 1
                destination.sendall(header + body)
        except OSError:
            pass
        finally:
            for end in (source, destination):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
