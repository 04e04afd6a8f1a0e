"""`make demo` as a newcomer runs it: it proves what it claims, notices what is broken, and leaves nothing behind."""

import os
import signal
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from lotse import ROOT, program, wait_for

DONE, FAILED, INTERRUPTED = 0, 1, 130


@pytest.fixture(name="folder")
def a_short_path():
    """Where the demo puts its files. A daemon's socket can't bear a path as long as pytest's own folders have."""
    path = Path(tempfile.mkdtemp(prefix="demo-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def start(folder, *words):
    """The demo, with temporary folders below `folder`, by which all that it starts can be told from others."""
    return subprocess.Popen([ROOT / "tests/demo/run", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            start_new_session=True, env={**os.environ, "LOTSE": str(program()), "TMPDIR": str(folder)})


def children(folder):
    """Command lines of the processes that have `folder` for their temporary files, the demo itself included."""
    mark = f"TMPDIR={folder}".encode()
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes().split(b"\0") and (command := (process / "cmdline").read_bytes()):
                found.append(command.replace(b"\0", b" ").decode())
        except OSError:
            pass  # it ended meanwhile, or is somebody else's
    return found


def nothing_left(folder):
    assert not children(folder)
    assert not list(folder.iterdir())


def finish(demo, seconds=120):
    """(exit status, stdout, stderr)"""
    try:
        out, err = demo.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        demo.send_signal(signal.SIGINT)
        out, err = demo.communicate(timeout=30)
        raise AssertionError(f"the demo took more than {seconds} s:\n{out}{err}") from None
    return demo.returncode, out, err


def test_it_proves_what_it_claims(folder):
    begun = time.monotonic()
    status, out, err = finish(start(folder))
    assert (status, err) == (DONE, ""), out + err
    assert time.monotonic() - begun < 120
    summary = out.partition("What was proved:\n")[2]
    for proof in ("both phones rang", "stopped ringing", "answered 302", "hung up", "alpha knows alice and has never heard of bob"):
        assert proof in summary
    for arrow in ("INVITE", "180 Ringing", "200 OK", "ACK", "CANCEL", "BYE", "302 Moved"):
        assert arrow in out
    nothing_left(folder)


@pytest.mark.parametrize("broken, reason", [("beta-stopped", ("peer:beta/https: failed", "refused")), ("bob-absent", ("absent", "nobody registered")),
                                            ("answer-altered", ("peer:beta/https: failed", "bad record mac"))])
def test_it_notices_what_is_broken(folder, broken, reason):
    status, out, err = finish(start(folder, "--break", broken))
    assert status == FAILED, out + err
    assert err.startswith("The demo failed in step 4: ")
    for words in reason:
        assert words in err
    nothing_left(folder)


def test_it_cleans_up_when_it_is_interrupted(folder):
    demo = start(folder)
    # In the middle: both gateways, the DNS server and both phones run.
    wait_for(lambda: sum("lotse" in c and (" serve " in c or " answer " in c) for c in children(folder)) == 4, 60, "the demo does not get to its phones")
    assert list(folder.iterdir())
    demo.send_signal(signal.SIGINT)
    status, _, err = finish(demo, 30)
    assert status == INTERRUPTED
    assert "Interrupted" in err
    nothing_left(folder)
