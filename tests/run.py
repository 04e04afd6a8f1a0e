#!/usr/bin/python3
"""Run the tests and count them: run.py STAGE [NAME]

A stage is lint, unit, tsan, fuzz, fuzz-smoke, system, or all, which is all of them. NAME selects one test of a stage.
A stage that fails does not keep the next ones from running, so that the last line counts everything:

    N passed, N failed

A case is what people would call one: a cmocka test, a pytest test, a check of lint, a fuzz target. What cannot be built
or started, and what is skipped, is a failed case. Everything printed by the tests lies in $BUILD/logs.
"""

import concurrent.futures
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = Path(os.environ.get("BUILD", "build"))
LOGS = BUILD / "logs"
JOBS = os.cpu_count() or 1
SHOWN_LINES = 120  # of what a failed case printed; the rest is in its log
UNIT_TIMEOUT_S = 300

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=66:second_deadlock_stack=1",
}


class Tally:
    """What a stage has counted, and how it says so."""

    def __init__(self, title):
        self.passed = 0
        self.failed = 0
        self.started = time.monotonic()
        print(f"\n== {title}", flush=True)

    def add(self, name, passed, failed, note="", output=""):
        self.passed += passed
        self.failed += failed
        word = "FAIL" if failed else "ok"
        print(f"  {word:<5} {name:<36} {note}".rstrip(), flush=True)
        if failed:
            show(output)

    def close(self):
        total = self.passed + self.failed
        seconds = time.monotonic() - self.started
        print(f"   {self.passed} of {total} good, {seconds:.1f} s", flush=True)
        return self


def show(output):
    lines = output.rstrip().splitlines()
    if len(lines) > SHOWN_LINES:
        print(f"        ... {len(lines) - SHOWN_LINES} lines before, see {LOGS}")
    for line in lines[-SHOWN_LINES:]:
        print(f"        {line}")
    sys.stdout.flush()


def log_path(name):
    path = LOGS / (name.replace("/", "-") + ".log")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def run(command, name, timeout=None, env=None):
    """Run to the end or the timeout, with everything below it; returns (exit status, output)."""
    path = log_path(name)
    with open(path, "wb") as log:
        try:
            process = subprocess.Popen(
                [str(word) for word in command], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, env={**os.environ, **SANITIZERS, **(env or {})},
                start_new_session=True)
        except OSError as error:
            return 127, str(error)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            status = f"not done after {timeout} s"
        finally:
            end_group(process)
    return status, path.read_text(errors="replace")


def end_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def make(tally, target, name=None):
    """Build as much of a target as can be built; what is missing shows when it is run."""
    overrides = os.environ.get("MAKEFLAGS", "").partition("-- ")[2]
    command = ["make", "-k", f"-j{JOBS}", "--no-print-directory", *shlex.split(overrides), f"BUILD={BUILD}", target]
    if name:
        command.append(f"T={name}")
    status, output = run(command, f"make-{target}", env={"MAKEFLAGS": ""})
    if status != 0:
        errors = [line for line in output.splitlines() if not re.match(r"  (CC|AR|LINK) ", line)]
        tally.add(f"make {target}", 0, 1, "does not build", "\n".join(errors))
    return status == 0


def selected(pattern, suffix, name):
    """Names of tests by the files that exist: tests/unit/sip/uri_test.c is sip/uri."""
    base = ROOT / pattern.split("*")[0]
    names = sorted(str(p.relative_to(base))[: -len(suffix)] for p in ROOT.glob(pattern))
    return [n for n in names if not name or n == name]


def in_parallel(function, names):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        yield from zip(names, pool.map(function, names))


# ---------------------------------------------------------------------------- stages


def cmocka_cases(status, output):
    """(passed, failed, names of the failed) by what a cmocka program printed."""
    started = re.findall(r"^\[ RUN      \] (.+)$", output, re.M)
    good = set(re.findall(r"^\[       OK \] (.+)$", output, re.M))
    bad = [name for name in started if name not in good]
    if status != 0 and not bad or not started:
        bad.append(f"exit status {status}")  # a leak found at the end, a crash between tests, no tests at all
    return len(started) - len([n for n in bad if n in started]), len(bad), bad


def unit_stage(title, variant, target, pattern, name=None):
    tally = Tally(title)
    make(tally, target, name)
    names = selected(pattern, "_test.c", name)
    if name and not names:
        tally.add(name, 0, 1, f"there is no tests/unit/{name}_test.c")

    def run_one(unit):
        started = time.monotonic()
        program = BUILD / variant / "unit" / unit
        if not program.exists():
            return 1, "", 0.0
        status, output = run([program.absolute()], f"{variant}-unit-{unit}", UNIT_TIMEOUT_S)
        return status, output, time.monotonic() - started

    for unit, (status, output, seconds) in in_parallel(run_one, names):
        if not output and not (BUILD / variant / "unit" / unit).exists():
            tally.add(unit, 0, 1, "does not build")
            continue
        passed, failed, bad = cmocka_cases(status, output)
        note = f"{passed} cases, {seconds:.1f} s" + (f"; failed: {', '.join(bad)}" if bad else "")
        tally.add(unit, passed, failed, note, output)
    return tally.close()


def stage_unit(name=None):
    return unit_stage("unit tests (ASan, UBSan)", "asan", "unit-programs", "tests/unit/*/*_test.c", name)


def stage_tsan(name=None):
    return unit_stage("unit tests with threads (TSan)", "tsan", "tsan-programs", "tests/unit/*/*_threads_test.c", name)


def seeds(target):
    """Folders of inputs to begin with: tests/fuzz/corpus/<target> and those in the source's line `corpus: DIR...`."""
    source = (ROOT / f"tests/fuzz/{target}.c").read_text()
    named = re.search(r"\bcorpus:((?: +[\w./-]+)+)", source)
    folders = [f"tests/fuzz/corpus/{target}"] + (named.group(1).split() if named else [])
    missing = [f for f in folders[1:] if not (ROOT / f).exists()]
    return [f for f in folders if (ROOT / f).exists()], missing


def fuzz_stage(title, seconds, extra, name=None):
    tally = Tally(title)
    make(tally, "fuzz-programs", name)
    names = selected("tests/fuzz/*.c", ".c", name)
    if name and not names:
        tally.add(name, 0, 1, f"there is no tests/fuzz/{name}.c")

    def run_one(target):
        program = BUILD / "fuzz" / target
        folders, missing = seeds(target)
        if not program.exists() or missing:
            return 1, f"no corpus {' '.join(missing)}" if missing else "does not build"
        found = BUILD / "fuzz" / "found" / target
        found.mkdir(parents=True, exist_ok=True)
        words = ROOT / f"tests/fuzz/{target}.dict"
        command = [program.absolute(), f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048",
                   f"-artifact_prefix={found.parent}/{target}-", *extra]
        command += [f"-dict={words}"] if words.exists() else []
        return run([*command, found.absolute(), *folders], f"fuzz-{target}", seconds * 2 + 120)

    for target, (status, output) in in_parallel(run_one, names):
        done = re.findall(r"^Done (\d+) runs", output, re.M)
        note = f"{done[-1]} inputs" if done else "see below"
        tally.add(target, int(status == 0), int(status != 0), note, output)
    return tally.close()


def stage_fuzz(name=None):
    seconds = int(os.environ.get("FUZZ_SECONDS", "60"))
    return fuzz_stage(f"fuzz targets, {seconds} s each", seconds, [], name)


def stage_fuzz_smoke(name=None):
    return fuzz_stage("fuzz targets over their corpus, and 2 s more", 2, ["-seed=1"], name)


def stage_lint(name=None):
    tally = Tally("lint")
    status, output = run([sys.executable, "tests/lint/lint.py"] + ([name] if name else []), "lint", env=LINT)
    cases = re.findall(r"^(ok|FAIL) ([\w-]+)(.*(?:\n(?!ok |FAIL ).*)*)", output, re.M)
    for word, check, reason in cases:
        tally.add(check, int(word == "ok"), int(word != "ok"), "" if word != "ok" else reason.strip(), reason.lstrip(": "))
    if status not in (0, 1) or not cases or (status == 1 and not tally.failed):
        tally.add("lint", 0, 1, f"exit status {status}", output)
    return tally.close()


def pytest_cases(report):
    """(passed, failed) of a JUnit report. A skipped test has not shown anything: it counts as failed."""
    passed = failed = 0
    for case in xml.etree.ElementTree.parse(report).iter("testcase"):
        if any(case.find(kind) is not None for kind in ("failure", "error", "skipped")):
            failed += 1
        else:
            passed += 1
    return passed, failed


def stage_system(_name=None):
    tally = Tally("system tests")
    make(tally, "programs")
    report = log_path("system").with_suffix(".xml")
    report.unlink(missing_ok=True)
    env = {
        "LOTSE_BUILD": str(BUILD.absolute()), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", **SANITIZERS,
    }
    command = [sys.executable, "-m", "pytest", "-v", "-rs", "--tb=short", "-p", "no:cacheprovider", "-o",
               "console_output_style=classic", f"--junitxml={report}", "tests/setup/install_test.py", "tests/system"]
    if os.environ.get("T"):
        command += ["-k", os.environ["T"]]
    status = follow(command, log_path("system"), env)
    passed, failed = pytest_cases(report) if report.exists() else (0, 0)
    tally.passed += passed
    tally.failed += failed
    if status != 0 and not failed or not passed + failed:
        tally.add("pytest", 0, 1, f"exit status {status}", log_path("system").read_text(errors="replace"))
    return tally.close()


def follow(command, path, env):
    """Run and print each line as it comes, but for pytest's own headings and sums; keep all in a log."""
    boring = re.compile(r"^(=+ .*(passed|failed|error|starts|no tests ran).*=+|platform |rootdir|plugins|collecting|cachedir|-+ generated xml|\s*)$|^(platform|cachedir|rootdir|plugins|collecting|- generated)")
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, env={**os.environ, **env}, text=True, errors="replace")
    with open(path, "w", encoding="utf-8") as log:
        for line in process.stdout:
            log.write(line)
            if not boring.match(line.rstrip()):
                print(f"  {line.rstrip()}", flush=True)
    return process.wait()


LINT = {}  # what lint is told by its environment

STAGES = {
    "lint": stage_lint,
    "unit": stage_unit,
    "tsan": stage_tsan,
    "fuzz": stage_fuzz,
    "fuzz-smoke": stage_fuzz_smoke,
    "system": stage_system,
}
ALL = ["lint", "unit", "tsan", "fuzz-smoke", "system"]


def stage(name, argument):
    """A stage that breaks is one failed case, whatever broke."""
    try:
        return STAGES[name](argument)
    except Exception as error:  # pylint: disable=broad-except
        tally = Tally(f"{name} broke")
        tally.add(name, 0, 1, repr(error))
        return tally.close()


def main(arguments):
    if not arguments or arguments[0] not in [*STAGES, "all"]:
        sys.exit(__doc__)
    name = arguments[1] if len(arguments) > 1 else None
    LOGS.mkdir(parents=True, exist_ok=True)
    if arguments[0] == "all" and not os.environ.get("LOTSE_LONG"):
        LINT["LOTSE_LINT"] = "quick"
    tallies = [stage(s, name) for s in (ALL if arguments[0] == "all" else [arguments[0]])]
    failed = sum(t.failed for t in tallies)
    print(f"\n{sum(t.passed for t in tallies)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    # A shell that starts us in the background makes us deaf to it, and with us every test that is about Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
