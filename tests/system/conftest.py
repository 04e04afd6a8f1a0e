"""What the system tests share: a laboratory daemon, and phones at it."""

import pytest

from lotse import Lotse
from sip import Phone

# Anybody registers as anybody: for tests that are about something else than who may.
LABORATORY = {"domains": ["alpha.test"], "auth": {"required": False}, "federation": {"call": "any"},
              "limits": {"requests_per_source": "0"}, "resolver": {"servers": ["127.0.0.1:9"], "allow_targets": ["127.0.0.0/8", "::1"]}}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A laboratory daemon with four workers, for the tests of one file."""
    with Lotse(tmp_path_factory.mktemp("lab"), {**LABORATORY, "workers": 4}) as daemon:
        yield daemon


@pytest.fixture
def phone(lab):
    """phone("sip:bob@alpha.test", tcp=True): a phone at the laboratory, closed at the end of the test."""
    phones = []

    def make(user="sip:alice@alpha.test", tcp=False, **more):
        phones.append(Phone(lab.tcp if tcp else lab.udp, user, tcp, **more))
        return phones[-1]

    yield make
    for p in phones:
        p.close()
