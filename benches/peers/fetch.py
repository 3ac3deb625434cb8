#!/usr/bin/env python3
"""A release over a bad line: entracte beside what others use for the same, in the same run.

Usage (as root): benches/peers/fetch.py ENTRACTE [OLD NEW]

ENTRACTE is a release build. OLD and NEW are two trees of one application; without them, a tree of 5,000 files is
made and 500 of them are changed. nginx and an rsync daemon serve them through a line of 60 ms, 1 % loss and
100 Mbit/s. Each row is the median of BENCH_RUNS (5) runs taken in turn; bytes are what went over the line with all headers.

  time: at most 1.15 of one curl of a prebuilt tar.zst of just the changed files, at most 0.8 of the rsync daemon
        and of curl over HTTP/2, in parallel
  bytes: at most 0.6 of `rsync -z` into the old tree, at most 1.3 of `zstd --patch-from` of the two trees
  requests: at most 8
"""

import filecmp
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from line import Line

RUNS = int(os.environ.get("BENCH_RUNS", "5"))
#: Of `zstd --patch-from`; level 19, that of our packs, takes some minutes for trees of 100 MB.
PATCH_LEVEL = 12
FILES, CHANGED = 5_000, 500
WORDS = "function return array string public static echo include class foreach null true $this->get $value".split()


def make_tree(folder):
    chance = random.Random(1)
    for number in range(FILES):
        path = folder / f"m{number // 100:03}" / f"file-{number:05}.php"
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = (" ".join(chance.choices(WORDS, k=8)) + f" // {chance.getrandbits(48):x}\n" for _ in range(chance.choice([8, 40, 180])))
        path.write_text("<?php\n" + "".join(lines))


def change_tree(folder):
    chance = random.Random(2)
    for path in sorted(folder.rglob("*.php"))[:: FILES // CHANGED]:
        lines = path.read_text().splitlines(keepends=True)
        lines[chance.randrange(1, len(lines))] = f"    changed(0x{chance.getrandbits(64):x});\n"
        path.write_text("".join(lines))


def differing(old, new):
    """Paths of the files that are new or changed."""
    for path in sorted(path for path in new.rglob("*") if path.is_file() and not path.is_symlink()):
        name = path.relative_to(new)
        if not (old / name).is_file() or not filecmp.cmp(old / name, path, shallow=False):
            yield str(name)


def run(argv, **options):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True, **options)
    if done.returncode not in (0, 3):
        sys.exit(f"{argv} ended with {done.returncode}: {done.stderr[-800:]}{done.stdout[-400:]}")
    return done.stdout


NGINX = """
daemon off; worker_processes 1; pid {place}/nginx.pid; error_log {place}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log {place}/access.log; default_type application/octet-stream; sendfile on;
  client_body_temp_path {place}/t1; proxy_temp_path {place}/t2; fastcgi_temp_path {place}/t3; uwsgi_temp_path {place}/t4; scgi_temp_path {place}/t5;
  keepalive_requests 100000; http2_max_requests 100000;
  server {{ listen {address}:8080; listen {address}:8443 ssl http2;
    ssl_certificate {place}/cert.pem; ssl_certificate_key {place}/key.pem; root {place}/www; }}
}}
"""

RSYNCD = """
use chroot = no
uid = root
gid = root
[new]
path = {place}/www/new
read only = yes
"""


class Bench:
    def __init__(self, place, entracte, old, new):
        self.place, self.entracte, self.old, self.new = place, entracte, old, new
        self.home = {**os.environ, "HOME": str(place / "home")}
        (place / "home").mkdir()
        (place / "www").mkdir()
        shutil.copytree(new, place / "www/new", symlinks=True)
        self.names = place / "names"
        self.changed = list(differing(old, new))
        self.names.write_text("".join(name + "\n" for name in self.changed))

    def prepare(self, address):
        """The prebuilt archive, certificates, the reference, and a site that stands at the old release."""
        self.url = f"https://{address}:8443"
        run(["tar", "-C", self.new, "-I", "zstd -19", "-cf", self.place / "www/changed.tar.zst", "-T", self.names])
        self.certify(address)
        reference, keys = self.place / "www/reference", self.place / "keys"
        entracte = lambda *words: run([self.entracte, *words], env=self.home)
        entracte("key", "new", "--keys", keys)
        for version, tree in (("1.0", self.old), ("2.0", self.new)):
            entracte("publish", tree, "--to", reference, "--version", version, "--keys", keys, "--product", "bench")

    def adopt(self, line):
        """A site that stands at the old release and follows the reference."""
        self.site = self.place / "site"
        shutil.copytree(self.old, self.site, symlinks=True)
        entracte = lambda *words: run(line.inside([self.entracte, "--site", self.site, *words]), env=self.home)
        run([self.entracte, "init", self.site, "--profile", "generic", "--release", self.old], env=self.home)
        settings = next(self.place.glob(".entracte-site/entracte.toml"))
        text = settings.read_text().replace("\nprofile =", '\nproduct = "bench"\nprofile =', 1)
        settings.write_text(text + f'\n[network]\nca_file = "{self.place}/ca.pem"\n')
        reference = self.url + "/reference/"
        entracte("trust", "add", reference, "--root", self.place / "www/reference/metadata/1.root.json")
        entracte("--yes", "update", "--from", reference, "--version", "1.0")

    def certify(self, address):
        """A certificate of the server's, signed by an authority of our own (`ca.pem`)."""
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        at = lambda name: self.place / name
        run(["openssl", "req", "-x509", *curve, "-days", "2", "-subj", "/CN=authority", "-keyout", at("ca.key"), "-out", at("ca.pem")])
        run(["openssl", "req", *curve, "-subj", "/CN=line", "-keyout", at("key.pem"), "-out", at("cert.csr")])
        at("san").write_text(f"subjectAltName=IP:{address}\n")
        run(["openssl", "x509", "-req", "-days", "2", "-in", at("cert.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"),
             "-CAcreateserial", "-extfile", at("san"), "-out", at("cert.pem")])

    def jobs(self, line):
        base, client = f"http://{line.address}:8080", self.place / "client"
        urls = self.place / "urls"
        urls.write_text("".join(f'url = "{self.url}/new/{name}"\noutput = "{client}/{name}"\n' for name in self.changed))
        return {
            "entracte": (None, [self.entracte, "--site", self.site, "--json", "stage", "--from", self.url + "/reference/"]),
            "curl of a tar.zst of the changed files": ("empty", ["sh", "-c", f"curl -sf {base}/changed.tar.zst | tar -C {client} -I zstd -xf -"]),
            "rsync daemon, changed files": ("empty", ["rsync", "-a", f"--files-from={self.names}", f"rsync://{line.address}:8730/new/", f"{client}/"]),
            "curl HTTP/2 in parallel": ("empty", ["curl", "-sf", "--parallel", "--parallel-max", "50", "--http2", "--cacert", self.place / "ca.pem", "--create-dirs", "-K", urls]),
            "rsync -z into the old tree": ("old", ["rsync", "-az", "--delete", f"rsync://{line.address}:8730/new/", f"{client}/"]),
        }

    def ready(self, what):
        """Whoever comes finds nothing of the last run. It is set aside, since ext4 makes files slowly where many were just removed."""
        client = self.place / "client"
        for left in (client, self.place / ".entracte-site/staging"):
            if left.exists():
                left.rename(tempfile.mkdtemp(prefix="aside-", dir=self.place) + "/left")
        if what == "old":
            shutil.copytree(self.old, client, symlinks=True)
        elif what == "empty":
            client.mkdir()
        os.sync()


def patch_from(place, old, new):
    """Bytes of `zstd --patch-from` of the two trees, each as one tar."""
    for name, tree in (("old", old), ("new", new)):
        run(["tar", "-C", tree, "--sort=name", "--mtime=@0", "--owner=0", "--group=0", "-cf", place / f"{name}.tar", "."])
    run(["zstd", "-q", f"-{PATCH_LEVEL}", "--long=31", f"--patch-from={place}/old.tar", place / "new.tar", "-o", place / "patch"])
    return (place / "patch").stat().st_size


def main():
    entracte = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="entracte-bench-", dir="/var/tmp") as folder:
        place = pathlib.Path(folder)
        place.chmod(0o755)
        if len(sys.argv) > 3:
            old, new = (pathlib.Path(tree).resolve() for tree in sys.argv[2:4])
        else:
            old, new = place / "old", place / "new"
            make_tree(old)
            shutil.copytree(old, new)
            change_tree(new)
        bench = Bench(place, entracte, old, new)
        with Line(delay_ms=30, loss=0.01, mbit=100) as line:
            bench.prepare(line.address)
            (place / "nginx.conf").write_text(NGINX.format(place=place, address=line.address))
            (place / "rsyncd.conf").write_text(RSYNCD.format(place=place))
            line.server(["nginx", "-c", str(place / "nginx.conf")], stderr=subprocess.DEVNULL)
            line.server(["rsync", "--daemon", "--no-detach", "--port=8730", f"--config={place}/rsyncd.conf"], stderr=subprocess.DEVNULL)
            time.sleep(1)
            bench.adopt(line)
            measure(bench, line)


def measure(bench, line):
    jobs = bench.jobs(line)
    times, sizes, said = {name: [] for name in jobs}, {name: [] for name in jobs}, None
    for _ in range(RUNS):
        for name, (what, argv) in jobs.items():
            bench.ready(what)
            before, begun = line.bytes(), time.monotonic()
            done = line.client([str(word) for word in argv], capture_output=True, text=True, env=bench.home)
            took = time.monotonic() - begun
            if done.returncode:
                sys.exit(f"{name} ended with {done.returncode}: {done.stderr[-800:]}{done.stdout[-800:]}")
            times[name].append(took)
            sizes[name].append(line.bytes() - before)
            if name == "entracte":
                said = json.loads(done.stdout)["result"]
    patch = patch_from(bench.place, bench.old, bench.new)
    mine, bytes_mine = statistics.median(times["entracte"]), statistics.median(sizes["entracte"])
    print(f"{len(bench.changed)} of {said['files']} files differ; entracte asked {said['requests']} times for {said['fetched_bytes']} bytes")
    print("| | seconds | entracte / it | bytes | entracte / it |\n|---|---|---|---|---|")
    for name in jobs:
        took, size = statistics.median(times[name]), statistics.median(sizes[name])
        print(f"| {name} | {took:.3f} | {mine / took:.2f} | {size:,.0f} | {bytes_mine / size:.2f} |")
    print(f"| zstd -{PATCH_LEVEL} --patch-from, the file alone | | | {patch:,} | {bytes_mine / patch:.2f} |")


if __name__ == "__main__":
    main()
