#!/usr/bin/python3
"""Check what a machine can check: lint.py [NAME]

Prints a line for each check, `ok NAME note` or `FAIL NAME: reason` with more lines below, and exits with 1 if one failed.
Looked at is what git knows (`git add` a new file to have it checked), as it lies in the work tree. What was found good is
remembered below $BUILD/lint by a hash of all that went into it, so that a second run is quick.
"""

import concurrent.futures
import hashlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("BUILD", "build"))
JOBS = os.cpu_count() or 1
SHOWN = 40  # complaints of one check
# `make test` has ten minutes: it leaves out clang's path analyzer, which takes nine tenths of the time, and looks at what is installed
# rather than at its tests. `make lint` and `make test-long` leave out nothing.
QUICK = os.environ.get("LOTSE_LINT") == "quick"

FOLDERS = ["base", "sip", "stun", "resolver", "registrar", "federation", "gateway"]
SERVICES = ["stun", "resolver", "registrar", "federation"]  # from outside: the door header alone
MAY_INCLUDE = {
    "base": ["base"],
    "sip": ["sip", "base"],
    "stun": ["stun", "base"],
    "resolver": ["resolver", "base"],
    "registrar": ["registrar", "sip", "base"],
    "federation": ["federation", "registrar", "resolver", "sip", "base"],
    "gateway": FOLDERS,
}

# Each foreign library is behind one file, OpenSSL behind two: digests and TLS. A number: how many files may know it.
LIBRARIES = [
    (re.compile(r"openssl/"), ["base/crypto.c", "base/tls.c"]),
    (re.compile(r"uv(/|\.h)"), ["base/loop.c"]),
    (re.compile(r"yaml\.h"), ["base/yaml.c"]),
    (re.compile(r"xxhash\.h"), ["base/hash.c"]),
    (re.compile(r"ares\w*\.h"), ["resolver/cares.c"]),
    (re.compile(r"lmdb\.h"), 1),
    (re.compile(r"curl/"), 1),
    (re.compile(r"jansson\.h"), 1),
    (re.compile(r"wslay/"), 1),
]
SYSTEM = re.compile(r"(sys|netinet|arpa|linux|net)/[\w-]+\.h|[a-z]+\.h")
FOREIGN = re.compile(r"ev\.h|event\.h|expat\.h|zlib\.h")  # looks like a system header, and is none

# What a reader elsewhere can't follow, or what is not done.
WORDS = [
    (re.compile(r"/work/|/tmp/lotse/|/home/\w+/"), "a path of one machine"),
    (re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "unfinished"),
    (re.compile(r"[ \t]+$"), "white space at the end of the line"),
    (re.compile(r"^(<<<<<<<|>>>>>>>|=======)( |$)"), "the marker of a conflict"),
]
WORDS_SKIP = re.compile(r"^tests/corpus/|^tests/fuzz/corpus/|^tests/lint/lint\.py$|\.(pem|key|png|der|bin|svg)$")


class Failed(Exception):
    """A check's complaints, a line each."""


def fail(complaints):
    lines = [line for complaint in complaints if complaint for line in complaint.splitlines()]
    if lines:
        more = [f"and {len(lines) - SHOWN} lines more"] if len(lines) > SHOWN else []
        raise Failed("\n".join(lines[:SHOWN] + more))


def run(command, text=None):
    """(exit status, stdout, stderr) of a command in the root."""
    done = subprocess.run([str(word) for word in command], cwd=ROOT, input=text or "", capture_output=True, text=True,
                          errors="replace", check=False, env={**os.environ, "MAKEFLAGS": "", "LC_ALL": "C"})
    return done.returncode, done.stdout, done.stderr


def files():
    """Paths of all files that git knows; without git, of all that lie there."""
    status, listed, _ = run(["git", "ls-files"])
    if status == 0 and listed:
        names = listed.splitlines()
    else:
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file()]
    hidden = re.compile(r"^(\.git|build)/|(^|/)__pycache__/")
    return sorted(n for n in names if not hidden.search(n) and (ROOT / n).is_file())


def code(*suffixes, tests=True):
    """Our C files."""
    folders = FOLDERS + (["tests"] if tests else [])
    return [n for n in files() if n.endswith(suffixes) and n.split("/")[0] in folders]


def text_of(name):
    return (ROOT / name).read_text(errors="replace")


def in_parallel(function, names):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        return list(pool.map(function, names))


def clang_flags():
    """How the Makefile calls clang, without sanitizers."""
    script = "include Makefile\nprint-flags:\n\t@printf '%s\\n' '$(call flags,fuzz)'\n"
    status, flags, error = run(["make", "-s", "-f", "-", "print-flags", f"BUILD={BUILD}"], script)
    if status != 0:
        raise Failed(f"make does not tell its flags\n{error}")
    return [f for f in shlex.split(flags) if not f.startswith("-fsanitize") and not f.startswith("-fno-sanitize")] + \
        ['-DLOTSE_VERSION="lint"']


def is_remembered(kind, name, *parts):
    """The file that says: this was good, with all this going into it. It exists where it was."""
    digest = hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:32]
    path = ROOT / BUILD / "lint" / kind / f"{name.replace('/', '-')}-{digest}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def remember(mark):
    """Only the newest of a file is kept."""
    for old in mark.parent.glob(mark.name[:-33] + "-" + "?" * 32):
        old.unlink(missing_ok=True)
    mark.touch()


def preprocessed(name, flags):
    status, text, error = run(["clang", *flags, "-E", name])
    return text if status == 0 else error


# ---------------------------------------------------------------------------- order: who may include whom


def home_of(name):
    """The folder whose rules hold for a file: its own, that of what it tests, or none."""
    parts = name.split("/")
    if parts[0] in FOLDERS:
        return parts[0]
    if parts[:2] == ["tests", "unit"] and len(parts) > 3:
        return parts[2]
    if parts[:2] == ["tests", "fuzz"]:
        return parts[2].split("_")[0]
    return None


def beside(name, included):
    """Helpers of tests may be called by where they lie beside the test."""
    near = os.path.normpath(f"{os.path.dirname(name)}/{included}")
    return near if name.startswith("tests/") and (ROOT / near).is_file() else included


def check_own(name, home, included):
    """What may `home` include of ours?"""
    folder = included.split("/")[0]
    if folder == "tests":
        return None if name.startswith("tests/") else f"{name}: includes {included}, which is for tests"
    if "/" not in included or folder not in FOLDERS:
        return f'{name}: includes "{included}"; write "folder/name.h"'
    if folder not in MAY_INCLUDE[home]:
        return f"{name}: includes {included}, but {home} may know only {', '.join(MAY_INCLUDE[home])}"
    if folder in SERVICES and folder != home and included != f"{folder}/{folder}.h":
        return f"{name}: includes {included}; from outside {folder} is its door, {folder}/{folder}.h, alone"
    if not (ROOT / included).is_file():
        return f"{name}: includes {included}, which is not there"
    return None


def check_foreign(name, header, users):
    for pattern, behind in LIBRARIES:
        if not pattern.match(header):
            continue
        users.setdefault(pattern.pattern, set()).add(name)
        if isinstance(behind, list) and name not in behind:
            return f"{name}: includes <{header}>, which only {' and '.join(behind)} may know"
        return None
    if not SYSTEM.fullmatch(header) or FOREIGN.fullmatch(header):
        return f"{name}: includes <{header}>; put the library behind one file, and into the list of tests/lint/lint.py"
    return None


def check_order():
    complaints, users = [], {}
    names = [n for n in code(".c", ".h") if home_of(n) in MAY_INCLUDE]
    for name in names:
        text = text_of(name)
        includes = [(bracket, beside(name, included) if bracket == '"' else included) for bracket, included in
                    re.findall(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', text, re.M)]
        for bracket, included in includes:
            if bracket == '"':
                complaints.append(check_own(name, home_of(name), included))
            elif not name.startswith("tests/"):
                complaints.append(check_foreign(name, included, users))
        if name.endswith(".h") and "#pragma once" not in text:
            complaints.append(f"{name}: lacks #pragma once")
        own = name[:-2] + ".h"
        if name.endswith(".c") and ('"', own) in includes[1:]:
            complaints.append(f"{name}: includes its own header not first")
    for pattern, behind in LIBRARIES:
        known = sorted(users.get(pattern.pattern, ()))
        if isinstance(behind, int) and len(known) > behind:
            complaints.append(f"{pattern.pattern}: known to {', '.join(known)}; a foreign library stays behind one file")
    fail(complaints)
    return f"{len(names)} files"


# ---------------------------------------------------------------------------- state, clang, tidy, cppcheck


def compile_one(name, flags):
    """Compile with clang: complaints, and the object."""
    text = preprocessed(name, flags)
    made = is_remembered("clang", name, " ".join(flags), text)
    if made.exists():
        return "", made
    status, _, error = run(["clang", *flags, "-O0", "-U_FORTIFY_SOURCE", "-c", name, "-o", f"{made}.o"])
    if status != 0:
        return error or f"{name}: clang failed", None
    remember(made)
    os.replace(f"{ROOT / made}.o", ROOT / made)
    return "", made


def check_clang():
    flags = clang_flags()
    # The fuzz targets' libraries are made by clang with the same warnings: where those are built anyway, they need not be twice.
    names = [n for n in code(".c") if not QUICK or n.startswith("tests/") or n == "gateway/main.c"]
    fail([complaint for complaint, _ in in_parallel(lambda n: compile_one(n, flags), names)])
    return f"{len(names)} files"


def mutable(name):
    """Variables of a file that can change and outlive a function: they lie in .data or .bss."""
    _, symbols, error = run(["objdump", "-t", f"{BUILD}/release/obj/{name[:-2]}.o"])
    found = re.findall(r"^\S+ .{7} (\.t?(?:data|bss)(?!\.rel\.ro)\S*|\*COM\*)\t\S+ +(?:\.hidden )?(\S+)$", symbols, re.M)
    return error + "\n".join(f"{name}: {variable} can change and outlives a function; pass state instead"
                             for section, variable in found if not variable.startswith("."))


def check_state():
    status, _, error = run(["make", "--no-print-directory", f"-j{JOBS}", f"BUILD={BUILD}", f"{BUILD}/lotse"])
    if status != 0:
        raise Failed(f"the program does not build\n{error}")
    names = code(".c", tests=False)
    fail(in_parallel(mutable, names))
    return f"{len(names)} files"


def tidy_one(name, flags, rules):
    which = ["--checks=-clang-analyzer-*"] if QUICK else []
    mark = is_remembered("tidy", name, " ".join(flags + which), rules, preprocessed(name, flags))
    if mark.exists():
        return ""
    status, found, error = run(["clang-tidy", "--quiet", *which, name, "--", *flags])
    if status == 0:
        remember(mark)
        return ""
    found = found.replace(f"{ROOT}/./", "").replace(f"{ROOT}/", "")
    return "\n".join(re.findall(r"^\S+: error: .*$", found, re.M)) or found or error


def check_tidy():
    flags = clang_flags()
    _, version, _ = run(["clang-tidy", "--version"])
    rules = version + text_of(".clang-tidy") + text_of("tests/.clang-tidy")
    names = code(".c", tests=not QUICK)
    found = in_parallel(lambda n: tidy_one(n, flags, rules), names)
    # A complaint about a header comes from each file that includes it.
    fail(dict.fromkeys(line for text in found for line in text.splitlines()))
    return f"{len(names)} files"


def check_cppcheck():
    # Said better by the sanitizers and clang's analyzer, or said of what is right.
    doubtful = ["autoVariables", "internalAstError", "legacyUninitvar", "ctuuninitvar", "ctunullpointer",
                "nullPointerRedundantCheck", "memleak", "missingIncludeSystem"]
    cache = ROOT / BUILD / "lint" / "cppcheck"
    cache.mkdir(parents=True, exist_ok=True)
    names = code(".c", tests=not QUICK)
    status, _, error = run(["cppcheck", "--quiet", f"-j{JOBS}", "--std=c11", "--enable=warning,performance,portability",
                            "--inline-suppr", "--error-exitcode=1", "--template={file}:{line}: {message} [{id}]",
                            f"--cppcheck-build-dir={cache}", "-D_GNU_SOURCE", '-DLOTSE_VERSION="lint"', "-I.",
                            *[f"--suppress={word}" for word in doubtful], *names])
    fail([error if status != 0 else ""])
    return f"{len(names)} files"


# ---------------------------------------------------------------------------- format, docs, shell, words


def check_format():
    names = code(".c", ".h")
    parts = [names[i::JOBS] for i in range(JOBS) if names[i::JOBS]]
    results = in_parallel(lambda part: run(["clang-format", "--dry-run", "-Werror", "--ferror-limit=1", *part]), parts)
    wrong = {m for _, _, error in results for m in re.findall(r"^(\S+?):\d+:\d+: error:", error, re.M)}
    wrong |= {error for status, _, error in results if status != 0 and "error:" not in error}
    fail([f"{name}: not as .clang-format wants it; make format T={name}" for name in sorted(wrong)])
    return f"{len(names)} files"


def dead_links(name):
    text = re.sub(r"^(```|~~~).*?^\1", "", text_of(name), flags=re.M | re.S)
    for target in re.findall(r"\]\(<?([^)\s>]+)>?[^)]*\)", text):
        path = target.split("#")[0]
        if path and not re.match(r"[a-z]+:", path) and not (ROOT / name).parent.joinpath(path).exists():
            yield f"{name}: the link to {target} leads nowhere"


def check_docs():
    pages = [n for n in files() if n.endswith(".md")]
    complaints = [link for name in pages for link in dead_links(name)]
    if (ROOT / "gateway/main.c").exists():
        program = BUILD / "lotse"
        status, _, error = run(["make", "-s", f"-j{JOBS}", f"BUILD={BUILD}", program])
        if status != 0:
            complaints.append(f"{program} does not build, so docs/configuration.md can't be compared\n{error}")
        else:
            status, text, error = run([program.absolute() if program.is_absolute() else f"./{program}", "check", "--doc"])
            if status != 0 or text != text_of("docs/configuration.md"):
                complaints.append(f"docs/configuration.md is not what `lotse check --doc` prints; write it again {error}")
    fail(complaints)
    return f"{len(pages)} pages"


def shebang(name):
    with open(ROOT / name, "rb") as file:
        return file.readline(100).decode(errors="replace")


def check_shell():
    complaints = []
    names = [n for n in files() if not n.startswith("tests/corpus/")]
    shells = [n for n in names if n.endswith(".sh") or re.match(r"#!.*\b(ba)?sh\b", shebang(n))]
    pythons = [n for n in names if n.endswith(".py") or re.match(r"#!.*python", shebang(n))]
    for name in shells:
        status, _, error = run(["bash", "-n", name])
        complaints.append(error if status != 0 else "")
    for name in pythons:
        try:
            compile(text_of(name), name, "exec", dont_inherit=True)
        except SyntaxError as error:
            complaints.append(f"{name}:{error.lineno}: {error.msg}")
    for name in shells + pythons:
        if shebang(name).startswith("#!") and not os.access(ROOT / name, os.X_OK):
            complaints.append(f"{name}: begins with #! and can't be executed; chmod +x")
    fail(complaints)
    return f"{len(shells)} of the shell, {len(pythons)} of Python"


def check_words():
    complaints = []
    names = [n for n in files() if not WORDS_SKIP.search(n)]
    for name in names:
        for number, line in enumerate(text_of(name).splitlines(), 1):
            complaints += [f"{name}:{number}: {what}" for pattern, what in WORDS if pattern.search(line)]
    fail(complaints)
    return f"{len(names)} files"


CHECKS = {
    "order": check_order,
    "words": check_words,
    "shell": check_shell,
    "format": check_format,
    "clang": check_clang,
    "state": check_state,
    "cppcheck": check_cppcheck,
    "tidy": check_tidy,
    "docs": check_docs,
}


def main(arguments):
    if len(arguments) > 1 or (arguments and arguments[0] not in CHECKS):
        sys.exit(f"{__doc__}\nChecks: {', '.join(CHECKS)}")
    status = 0
    for name in arguments or CHECKS:
        try:
            print(f"ok {name} {CHECKS[name]()}", flush=True)
        except (Failed, OSError) as error:
            status = 1
            print(f"FAIL {name}: {error}", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
