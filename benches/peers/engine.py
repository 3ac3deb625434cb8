#!/usr/bin/env python3
"""The hash engine and the plan beside what others use for the same, in the same run.

Usage: benches/peers/engine.py ENTRACTE [TREE]

ENTRACTE is a release build (`cargo build --release`). TREE is any tree, copied
into a temporary folder; without one, a tree of BENCH_FILES files (20,000) is
made. Each row is the median of BENCH_RUNS runs (5) taken in turn; a ratio under
1 means that entracte is faster. Peers that are not installed are left out and
named. With BENCH_COLD=1, as root, the kernel forgets all files before each run.
"""

import itertools
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = int(os.environ.get("BENCH_RUNS", 5))
FILES = int(os.environ.get("BENCH_FILES", 20_000))
COLD = os.environ.get("BENCH_COLD") == "1"


def make_tree(folder):
    chance = random.Random(1)
    for number in range(FILES):
        path = folder / f"m{number // 200:03}" / f"file-{number:05}.php"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.choice([400, 2_000, 9_000, 30_000])))


def files_below(folder):
    for at, folders, names in os.walk(folder):
        folders.sort()
        for path in (pathlib.Path(at, name) for name in sorted(names)):
            if path.is_file() and not path.is_symlink():
                yield path


def timed(argv, folder, accepted):
    """Seconds, and the most memory that it took, in MiB."""
    # Nobody waits for what another wrote.
    os.sync()
    if COLD:
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
    start = time.monotonic()
    child = subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    took = time.monotonic() - start
    if child.returncode not in accepted:
        sys.exit(f"{argv} ended with {child.returncode}")
    return took, used.ru_maxrss / 1024


def compare(job, ours, peers, folder, goal):
    """Runs all of them in turn and prints a row for each peer."""
    peers = {name: argv for name, argv in peers.items() if shutil.which(argv[0])}
    columns = {"entracte": ours, **peers}
    times, memory = {name: [] for name in columns}, 0
    for run in range(RUNS + 1):
        for name, argv in columns.items():
            took, most = timed(argv, folder, (0, 7))
            if run:  # the first warms the caches
                times[name].append(took)
            if name == "entracte":
                memory = max(memory, most)
    mine = statistics.median(times["entracte"])
    ours = f"| {job} | {mine:.3f} | {memory:.0f}"
    for name in peers:
        theirs = statistics.median(times[name])
        aim = goal[name] if isinstance(goal, dict) else goal
        print(f"{ours} | {name} | {theirs:.3f} | {mine / theirs:.2f} | {aim} |", flush=True)
    if not peers:
        print(f"{ours} | no peer is installed | | | |", flush=True)


def adopt(entracte, folder):
    """A site with a release beside it that differs in a few files."""
    site, release = folder / "parent" / "site", folder / "release"
    site.parent.mkdir()
    shutil.copytree(folder / "tree", site, symlinks=True)
    shutil.copytree(folder / "tree", release, symlinks=True)
    for path in itertools.islice(files_below(release), 7):
        path.write_bytes(path.read_bytes() + b"changed\n")
    quiet = dict(check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([entracte, "init", site, "--profile", "generic", "--release", folder / "tree"], **quiet)
    subprocess.run([entracte, "--site", site, "stage", "--from", release, "--version", "2", "--complete"], **quiet)
    return site, release


def watch(entracte, folder):
    """A site that nobody touched, looked at again."""
    site, quiet = folder / "watched" / "site", dict(check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    site.parent.mkdir()
    shutil.copytree(folder / "tree", site, symlinks=True)
    # Others keep what they know in a folder of their own, so that all look at the same files.
    # Git packs what it was given when the commit is done, and would have a processor while others are timed.
    git = ["git", "-c", "core.untrackedCache=false", "-c", "maintenance.auto=false", "-c", "gc.auto=0", "--git-dir", folder / "git", "--work-tree", site]
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "x"]):
        subprocess.run([*git, *words], **quiet)
    subprocess.run([entracte, "init", site, "--profile", "generic", "--release", folder / "tree"], **quiet)
    # The first watch gets to know the owner's files, the second finds all in order.
    for _ in range(2):
        subprocess.run([entracte, "--site", site, "watch"], **quiet)
    two_walks = f"ls -d {site}/*/ | xargs -P2 -n 64 sh -c 'find \"$@\" -printf \"%s %T@ %C@ %i\\n\" >/dev/null' walk"
    peers = {
        "git status": [*map(str, git), "status", "--porcelain"],
        "walk": ["sh", "-c", two_walks],
    }
    goals = {"git status": "0.7", "walk": "1.3", "restic backup": "0.06"}
    if shutil.which("restic"):
        (folder / "password").write_text("x")
        restic = ["restic", "-q", "-r", str(folder / "restic"), "--password-file", str(folder / "password")]
        subprocess.run([*restic, "init"], **quiet)
        subprocess.run([*restic, "backup", str(site)], **quiet)
        peers["restic backup"] = [*restic, "backup", str(site)]
    compare("watch again, nothing changed", [entracte, "--site", str(site), "watch"], peers, folder, goals)


def main():
    entracte = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory(prefix="entracte-peers-") as name:
        folder = pathlib.Path(name)
        tree = folder / "tree"
        if len(sys.argv) > 2:
            shutil.copytree(sys.argv[2], tree, symlinks=True)
        else:
            make_tree(tree)
        # What this script holds in memory would count as its children's.
        count = size = 0
        for path in files_below(tree):
            count, size = count + 1, size + path.stat().st_size
        print(f"{count} files, {size / 1e6:.0f} MB, {os.cpu_count()} processors, median of {RUNS} runs\n")
        cold = ", caches cold" if COLD else ""
        print(f"| job{cold} | entracte s | MiB | peer | peer s | ratio | goal |\n|---|---|---|---|---|---|---|")
        manifest = folder / "manifest.json"
        build = [entracte, "manifest", "build", str(tree), "--product", "p", "--version", "1", "-o", str(manifest)]
        subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
        openssl = "find tree -type f -print0 | xargs -0 -P2 -n 500 openssl dgst -sha256"
        hashing = {
            "rhash -r --sha256": ["rhash", "-r", "--sha256", str(tree)],
            "find, xargs -P2 openssl": ["sh", "-c", openssl],
        }
        compare("hash a tree into a manifest", build, hashing, folder, "0.5")
        verify = [entracte, "manifest", "verify", str(manifest), str(tree)]
        compare("hold a tree against a manifest", verify, hashing, folder, "0.5")
        shutil.copytree(tree, folder / "twin", symlinks=True)
        diff = {"diff -rq": ["diff", "-rq", str(tree), str(folder / "twin")]}
        compare("compare two equal trees", [entracte, "compare", str(tree), str(folder / "twin"), "--files"], diff, folder, "0.8")
        shutil.rmtree(folder / "twin")
        site, release = adopt(entracte, folder)
        plan = [entracte, "--site", str(site), "plan"]
        rsync = {"rsync -anc --delete": ["rsync", "-anc", "--delete", f"{release}/", f"{site}/"]}
        compare("plan a release with 7 changes", plan, rsync, folder, "0.3")
        watch(entracte, folder)
        git = {"git --version": ["git", "--version"]}
        compare("start-up: --help", [entracte, "--help"], git, folder, "-")


main()
