#!/usr/bin/env python3
"""The hash engine and the plan beside what others use for the same, in the same run.

Usage: benches/peers/engine.py ENTRACTE [TREE]

ENTRACTE is a release build (`cargo build --release`). TREE is any tree, copied
into a temporary folder; without one, a tree of 20,000 files is made. Each row
is the median of RUNS runs taken in turn; a ratio under 1 means that entracte
is faster. Peers that are not installed are left out and named.
"""

import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 5
FILES = 20_000


def make_tree(folder):
    chance = random.Random(1)
    for number in range(FILES):
        path = folder / f"m{number // 200:03}" / f"file-{number:05}.php"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(chance.randbytes(chance.choice([400, 2_000, 9_000, 30_000])))


def timed(argv, folder, accepted):
    start = time.monotonic()
    done = subprocess.run(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    took = time.monotonic() - start
    if done.returncode not in accepted:
        sys.exit(f"{argv} ended with {done.returncode}: {done.stderr.decode()[-400:]}")
    return took


def compare(job, ours, peers, folder, goal):
    """Runs all of them in turn and prints a row for each peer."""
    peers = {name: argv for name, argv in peers.items() if shutil.which(argv[0])}
    columns = {"entracte": ours, **peers}
    times = {name: [] for name in columns}
    for run in range(RUNS + 1):
        for name, argv in columns.items():
            took = timed(argv, folder, (0, 7))
            if run:  # the first warms the caches
                times[name].append(took)
    mine = statistics.median(times["entracte"])
    for name in peers:
        theirs = statistics.median(times[name])
        print(f"| {job} | {mine:.3f} | {name} | {theirs:.3f} | {mine / theirs:.2f} | {goal} |")
    if not peers:
        print(f"| {job} | {mine:.3f} | no peer is installed | | | {goal} |")


def adopt(entracte, folder):
    """A site with a release beside it that differs in a few files."""
    site, release = folder / "parent" / "site", folder / "release"
    site.parent.mkdir()
    shutil.copytree(folder / "tree", site, symlinks=True)
    shutil.copytree(folder / "tree", release, symlinks=True)
    changed = [path for path in sorted(release.rglob("*")) if path.is_file() and not path.is_symlink()][:7]
    for path in changed:
        path.write_bytes(path.read_bytes() + b"changed\n")
    quiet = dict(check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    subprocess.run([entracte, "init", site, "--profile", "generic", "--release", folder / "tree"], **quiet)
    subprocess.run([entracte, "--site", site, "stage", "--from", release, "--version", "2", "--complete"], **quiet)
    return site, release


def main():
    entracte = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory(prefix="entracte-peers-") as name:
        folder = pathlib.Path(name)
        tree = folder / "tree"
        if len(sys.argv) > 2:
            shutil.copytree(sys.argv[2], tree, symlinks=True)
        else:
            make_tree(tree)
        files = [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink()]
        size = sum(path.stat().st_size for path in files)
        print(f"{len(files)} files, {size / 1e6:.0f} MB, {os.cpu_count()} processors, median of {RUNS} runs\n")
        print("| job | entracte s | peer | peer s | ratio | goal |\n|---|---|---|---|---|---|")
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
        git = {"git --version": ["git", "--version"]}
        compare("start-up: --help", [entracte, "--help"], git, folder, "-")


main()
