"""Providers that peer: an authority and certificates, a DNS, and daemons on loopback addresses of their own."""

import http.client
import ssl
import sys
import urllib.parse

from conftest import LABORATORY
from knot import Knot
from lotse import ROOT, Lotse, free_port

sys.path.insert(0, str(ROOT / "tests/demo"))
from house import House  # noqa: E402  pylint: disable=wrong-import-position

ADDRESSES = {"alpha": "127.0.1.1", "beta": "127.0.2.1"}


class World:
    """What providers have in common. `location.X.test` is where X's look-ups are answered."""

    def __init__(self):
        self.house = House()
        self.knot = Knot()
        self.daemons = []

    def __enter__(self):
        self.house.authority()
        self.server = self.knot.start({f"{name}.test": zone(address) for name, address in {**ADDRESSES, "gamma": "127.0.0.1"}.items()})
        for name in ("alpha", "beta", "gamma"):
            self.house.certificate(name, f"{name}.test", f"location.{name}.test")
        return self

    def __exit__(self, *_):
        for daemon in self.daemons:
            if daemon.process and daemon.process.poll() is None:
                daemon.stop()
        self.knot.__exit__()
        self.house.__exit__()

    def file(self, name):
        return str(self.house.path / name)

    def tls(self, name):
        return {"certificate": self.file(f"{name}.pem"), "key": self.file(f"{name}.key"), "ca": self.file("ca.pem")}

    def provider(self, folder, name, peers, https=None, **more):
        """A daemon of the provider NAME, not started yet. https: the port of its look-ups."""
        ip = ADDRESSES[name]
        listen = [f"udp://{ip}:0", f"tcp://{ip}:0"] + ([f"https://{ip}:{https}"] if https else [])
        daemon = Lotse(folder / name, {**LABORATORY, "domains": [f"{name}.test"], "workers": 2, "listen": listen, "tls": self.tls(name),
                                       "resolver": {"servers": [self.server], "allow_targets": ["127.0.0.0/8"]}, "peers": peers, **more})
        self.daemons.append(daemon)
        return daemon


def zone(address):
    return f"@ SOA ns. h. 1 60 60 60 60\n@ NS ns.\n@ A {address}\nlocation A {address}\n"


def peer(name, port, **more):
    """An entry of `peers`."""
    return {"name": name, "domains": [f"{name}.test"], "url": f"https://location.{name}.test:{port}/", "lookup": ["https"], "timeout": "1s",
            **({"addresses": [ADDRESSES[name]]} if name in ADDRESSES else {}), **more}


def pair(world, folder, alpha=None, beta=None, **more):
    """Two daemons that know each other, started; `alpha` and `beta`: what each has on the other's entry beyond the usual."""
    ports = {name: free_port(ip) for name, ip in ADDRESSES.items()}
    one = world.provider(folder, "alpha", [peer("beta", ports["beta"], **(alpha or {}))], ports["alpha"], **more)
    two = world.provider(folder, "beta", [peer("alpha", ports["alpha"], **(beta or {}))], ports["beta"])
    return one.start(), two.start()


class Asker:
    """Somebody who asks a provider's location service: with the certificate of `name`, or without."""

    def __init__(self, world, daemon, name=None, source="127.0.0.1"):
        host, self.port = daemon.address("https")
        self.context = ssl.create_default_context(cafile=world.file("ca.pem"))
        if name:
            self.context.load_cert_chain(world.file(f"{name}.pem"), world.file(f"{name}.key"))
        self.context.check_hostname = False
        self.host, self.source, self.connection = host, source, None

    def ask(self, resource, method="GET", query=None, **headers):
        """(status, headers in lower case, body)"""
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(self.host, self.port, context=self.context, timeout=10, source_address=(self.source, 0))
        query = "resource=" + urllib.parse.quote(resource, safe="") if query is None else query
        self.connection.request(method, "/.well-known/webfinger?" + query, headers=headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.will_close:
            self.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, body

    def close(self):
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
