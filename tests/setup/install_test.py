"""install.sh with a directory that stands for / and an apt-get that enables services: what was there stays, nothing new starts."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("install.sh")
OLD_POLICY = "#!/bin/sh\n# the administrator's own\nexit 0\n"

APT_GET = r"""#!/bin/bash
# Installs the package `daemon`: enables it as Debian's packages do, and asks whether it may start.
set -u
root=$LOTSE_SETUP_ROOT
echo "apt-get $*" >>"$root/apt-calls"
[ ! -e "$root/no-network" ] || { echo "E: Could not resolve host"; exit 100; }
case " $* " in
*" update "*) exit 0 ;;
esac
"$root/usr/sbin/policy-rc.d" daemon start; echo "policy=$?" >>"$root/apt-calls"
if [ -e "$root/slow" ]; then touch "$root/is-slow"; sleep 30; fi
link() { mkdir -p "$(dirname "$root/$1")"; ln -sf "$2" "$root/$1"; }
link etc/systemd/system/multi-user.target.wants/daemon.service /lib/systemd/system/daemon.service
link etc/systemd/system/daemon.service.wants/helper.service /lib/systemd/system/helper.service
link etc/systemd/system/sockets.target.wants/daemon.socket /lib/systemd/system/daemon.socket
link etc/systemd/system/timers.target.wants/daemon.timer /lib/systemd/system/daemon.timer
link etc/systemd/system/daemon-alias.service /lib/systemd/system/daemon.service
link etc/systemd/user/default.target.wants/daemon.service /usr/lib/systemd/user/daemon.service
link etc/rc2.d/S01daemon ../init.d/daemon
link etc/rc6.d/K01daemon ../init.d/daemon
mv "$root/etc/rc2.d/S01cron" "$root/etc/rc2.d/S02cron"    # insserv counts anew
touch "$root/installed"
"""

DPKG_QUERY = r"""#!/bin/bash
case "$*" in
*Status*daemon) [ -e "$LOTSE_SETUP_ROOT/installed" ] && echo "install ok installed" || exit 1 ;;
*Status*) echo "install ok installed" ;;
*) echo base-files; [ ! -e "$LOTSE_SETUP_ROOT/installed" ] || echo daemon ;;
esac
"""


class Machine:
    """A directory with services of its own and the tools that install.sh calls."""

    def __init__(self, path):
        self.root = path / "root"
        self.tools = path / "tools"
        self.lists = path / "lists"
        for directory in (self.root, self.tools, self.lists, self.root / "usr/sbin"):
            directory.mkdir(parents=True)
        (self.lists / "packages-test.txt").write_text("# what tests need\nbase-files daemon # starts itself\n")
        self.tool("apt-get", APT_GET)
        self.tool("dpkg-query", DPKG_QUERY)
        self.tool("dpkg", "#!/bin/sh\nexit 0\n")
        self.link("etc/systemd/system/multi-user.target.wants/ssh.service", "/lib/systemd/system/ssh.service")
        self.link("etc/systemd/system/timers.target.wants/fstrim.timer", "/lib/systemd/system/fstrim.timer")
        self.link("etc/rc2.d/S01cron", "../init.d/cron")
        self.file("var/lib/apt/lists/deb_main_binary-amd64_Packages", "")
        self.policy = self.root / "usr/sbin/policy-rc.d"

    def tool(self, name, text):
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def link(self, path, target):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).symlink_to(target)

    def file(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def start(self, *lists, **extra):
        env = {**os.environ, "LOTSE_SETUP_ROOT": str(self.root), "LOTSE_SETUP_LISTS": str(self.lists),
               "PATH": f"{self.tools}:{os.environ['PATH']}", **extra}
        env.pop("LOTSE_NO_INSTALL", None)
        return subprocess.Popen([SCRIPT, *(lists or ["test"])], env=env, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, start_new_session=True)

    def install(self, *lists, **extra):
        process = self.start(*lists, **extra)
        output, _ = process.communicate(timeout=30)
        return process.returncode, output

    def starting(self):
        """Links that start something at boot."""
        links = {str(p.relative_to(self.root)) for p in (self.root / "etc").rglob("*") if p.is_symlink()}
        return {link for link in links if "/K" not in link}

    def calls(self):
        path = self.root / "apt-calls"
        return path.read_text().splitlines() if path.exists() else []


OLD = {"etc/systemd/system/multi-user.target.wants/ssh.service", "etc/systemd/system/timers.target.wants/fstrim.timer"}


@pytest.fixture(name="machine")
def fixture_machine(tmp_path):
    return Machine(tmp_path)


def test_nothing_new_starts_now_or_at_boot(machine):
    status, output = machine.install()
    assert status == 0, output
    assert "policy=101" in machine.calls()
    assert machine.starting() == OLD | {"etc/rc2.d/S02cron"}
    assert not machine.policy.exists()


def test_directories_made_for_links_go_with_them(machine):
    machine.install()
    assert not (machine.root / "etc/systemd/system/sockets.target.wants").exists()
    assert (machine.root / "etc/systemd/system/timers.target.wants").is_dir()


def test_a_policy_that_was_there_comes_back(machine):
    machine.file("usr/sbin/policy-rc.d", OLD_POLICY)
    status, output = machine.install()
    assert status == 0, output
    assert "policy=101" in machine.calls()
    assert machine.policy.read_text() == OLD_POLICY


def test_a_service_that_was_enabled_before_stays_so(machine):
    link = "etc/systemd/system/multi-user.target.wants/daemon.service"
    machine.link(link, "/lib/systemd/system/daemon.service")
    status, output = machine.install()
    assert status == 0, output
    assert machine.starting() == OLD | {link, "etc/rc2.d/S02cron"}


def test_when_all_is_there_nothing_is_called(machine):
    machine.file("installed", "")
    assert machine.install() == (0, "")
    assert not machine.calls()


def test_package_lists_are_fetched_only_when_missing(machine):
    machine.install()
    assert not [c for c in machine.calls() if " update" in c]
    (machine.root / "installed").unlink()
    (machine.root / "var/lib/apt/lists/deb_main_binary-amd64_Packages").unlink()
    (machine.root / "etc/rc2.d/S02cron").rename(machine.root / "etc/rc2.d/S01cron")
    machine.install()
    assert len([c for c in machine.calls() if " update" in c]) == 1


def test_without_network_it_fails_clearly_and_puts_everything_back(machine):
    machine.file("usr/sbin/policy-rc.d", OLD_POLICY)
    machine.file("no-network", "")
    status, output = machine.install()
    assert status == 1
    assert "could not install: daemon" in output and "Could not resolve host" in output
    assert machine.policy.read_text() == OLD_POLICY
    assert machine.starting() == OLD | {"etc/rc2.d/S01cron"}


def test_ctrl_c_puts_everything_back(machine):
    machine.file("usr/sbin/policy-rc.d", OLD_POLICY)
    machine.file("slow", "")
    process = machine.start()
    deadline = time.monotonic() + 20
    while not (machine.root / "is-slow").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert machine.policy.read_text() != OLD_POLICY
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode != 0
    assert machine.policy.read_text() == OLD_POLICY


def test_what_a_killed_run_left_behind_is_mended(machine):
    machine.file("usr/sbin/policy-rc.d", "#!/bin/sh\n# Put here by tests/setup/install.sh of Lotse\nexit 101\n")
    machine.file("usr/sbin/policy-rc.d.before-lotse", OLD_POLICY)
    status, output = machine.install()
    assert status == 0, output
    assert machine.policy.read_text() == OLD_POLICY
    assert not (machine.root / "usr/sbin/policy-rc.d.before-lotse").exists()


def test_elsewhere_than_debian_the_list_is_printed(machine, tmp_path):
    tools = tmp_path / "few"
    tools.mkdir()
    for name in ("bash", "sed", "sort", "tr", "dirname", "id", "env"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    status, output = machine.install(PATH=str(tools))
    assert status == 1
    assert "not Debian" in output and "    daemon\n" in output


def test_an_unknown_list_is_refused(machine):
    status, output = machine.install("tests")
    assert status == 1
    assert "no list" in output
