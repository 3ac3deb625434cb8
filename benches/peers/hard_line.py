#!/usr/bin/env python3
"""A release over a line that is as bad as lines are: does it come, and how much of it comes twice?

Usage (as root): benches/peers/hard_line.py ENTRACTE [OLD NEW]
Needs Python's `hpack` (of Debian: python3-hpack).

ENTRACTE is a release build. OLD and NEW are two trees of one application; without them small ones are made. The
line has 200 ms there and back and 3 % loss each way, every connection is cut each 2 s, and the server is restarted
twice. The release comes by pack, by objects and by archive, from nginx by plain HTTP/1.1 and from `entracte serve` by
HTTP/2 under TLS; for each a row says how many bytes of files were needed, carried to the client, and carried again.
Fails where more than 1 % came twice, or a release did not come.
"""

import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import fetch
from line import Line

PORT = 8099
CUT_SECONDS = 2
#: Seconds after the beginning at which the server goes away, and for how long.
RESTARTS, AWAY_SECONDS = (5, 13), 1.5
MOST_TWICE = 0.01
FILES, CHANGED = 600, 200
#: How each way is published, and whether the site has the old release.
WAYS = {"by pack": ([], True), "by objects": (["--no-archive", "--packs", "0"], True), "by archive": (["--packs", "0"], False)}
HERE = pathlib.Path(__file__).resolve().parent


NGINX = """
daemon off; worker_processes 1; pid {place}/nginx.pid; error_log {place}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; default_type application/octet-stream; sendfile on;
  client_body_temp_path {place}/t1; proxy_temp_path {place}/t2; fastcgi_temp_path {place}/t3; uwsgi_temp_path {place}/t4; scgi_temp_path {place}/t5;
  server {{ listen {address}:8080; root {place}/www; }}
}}
"""


def write_files(folder, numbers, seed):
    """Text that packs to half its size."""
    chance = random.Random(seed)
    for number in numbers:
        path = folder / f"m{number // 100:03}" / f"file-{number:05}.php"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(chance.randbytes(40).hex() + "\n" for _ in range(chance.choice([25, 100, 500]))))


class Server:
    """A server on the far side; restarted while the line is used."""

    def __init__(self, line, argv, port):
        self.line, self.argv, self.port, self.process = line, argv, port, None

    def start(self):
        self.process = self.line.server(self.argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def restart(self, begun, times, over):
        for moment in times:
            if over.wait(max(0, begun + moment - time.monotonic())):
                return
            self.process.kill()
            self.process.wait()
            over.wait(AWAY_SECONDS)
            self.start()


def make_certificate(place):
    """An authority, and what it signed for the cutter and for the server behind it."""
    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes".split()
    fetch.run(["openssl", "req", "-x509", *key, "-keyout", place / "ca.key", "-out", place / "ca.pem", "-subj", "/CN=bench", "-days", "2"])
    fetch.run(["openssl", "req", *key, "-keyout", place / "server.key", "-out", place / "server.csr", "-subj", "/CN=server"])
    (place / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    fetch.run(["openssl", "x509", "-req", "-in", place / "server.csr", "-CA", place / "ca.pem", "-CAkey", place / "ca.key",
               "-CAcreateserial", "-days", "1", "-extfile", place / "names", "-out", place / "server.pem"])
    return [str(place / "server.pem"), str(place / "server.key")]


def prepare(place, entracte, name, words, old, new, is_there, home):
    """A reference, and a site that believes it under both of its addresses, which are those of the cutter."""
    folder = place / name.replace(" ", "-")
    reference, keys, site = place / "www" / folder.name, folder / "keys", folder / "site"
    folder.mkdir()
    run = lambda *argv: fetch.run([entracte, *argv], env=home)
    run("key", "new", "--keys", keys)
    for version, tree in (("1.0", old), ("2.0", new)):
        run("publish", tree, "--to", reference, "--version", version, "--keys", keys, "--product", "bench", *words)
    site.mkdir()
    if is_there:
        shutil.copytree(old, site, symlinks=True, dirs_exist_ok=True)
        run("init", site, "--profile", "generic", "--release", old)
    else:
        run("init", site, "--profile", "generic")
    settings = folder / ".entracte-site/entracte.toml"
    settings.write_text(settings.read_text().replace("\nprofile =", '\nproduct = "bench"\nprofile =', 1)
                        + f'\n[network]\nca_file = "{place}/ca.pem"\n')
    urls = [f"http://127.0.0.1:{PORT}/{folder.name}/", f"https://127.0.0.1:{PORT}/"]
    for url in urls:
        run("--site", site, "trust", "add", url, "--root", reference / "metadata/1.root.json")
    if is_there:
        run("--site", site, "--yes", "update", "--from", reference, "--version", "1.0")
    return reference, [[str(entracte), "--site", str(site), "--json", "stage", "--from", url] for url in urls]


def over_the_line(line, server, argv, home, certificate=()):
    """Runs the client behind a cutter; what it said, what was carried, and how long it took."""
    cutter = [sys.executable, str(HERE / "cutter.py"), str(PORT), f"{line.address}:{server.port}", str(CUT_SECONDS), "1", *certificate]
    cutter = subprocess.Popen(line.inside(cutter), stdout=subprocess.PIPE, text=True)
    cutter.stdout.readline()
    over, begun = threading.Event(), time.monotonic()
    restarts = threading.Thread(target=server.restart, args=(begun, RESTARTS, over))
    restarts.start()
    done = line.client(argv, capture_output=True, text=True, env=home)
    took = time.monotonic() - begun
    over.set()
    restarts.join()
    cutter.terminate()
    carried = json.loads(cutter.stdout.readline())
    cutter.wait()
    return done, carried, took


def row(name, done, carried, took):
    """Prints what became of one way; whether it is as it should be."""
    share = carried["twice"] / max(carried["needed"], 1)
    print(f"| {name} | {took:.0f} | {carried['needed']:,} | {carried['carried']:,} | {share:.2%} | {carried['answers']} | {carried['cuts']} |", flush=True)
    if done.returncode:
        print(f"{name} ended with {done.returncode}: {done.stdout[-600:]}{done.stderr[-1500:]}", file=sys.stderr)
        return False
    said = json.loads(done.stdout)["result"]
    if said["fetched_bytes"] != carried["carried"]:
        print(f"{name}: entracte says that it fetched {said['fetched_bytes']:,} bytes", flush=True)
    return share <= MOST_TWICE


def main():
    entracte = pathlib.Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="entracte-bench-", dir="/var/tmp") as folder:
        place = pathlib.Path(folder)
        place.chmod(0o755)
        if len(sys.argv) > 3:
            old, new = (pathlib.Path(tree).resolve() for tree in sys.argv[2:4])
        else:
            old, new = place / "old", place / "new"
            write_files(old, range(FILES), seed=1)
            shutil.copytree(old, new)
            write_files(new, range(0, FILES, FILES // CHANGED), seed=2)
        (place / "www").mkdir()
        (place / "home").mkdir()
        certificate = make_certificate(place)
        home = {**os.environ, "HOME": str(place / "home")}
        jobs = {name: prepare(place, entracte, name, words, old, new, is_there, home) for name, (words, is_there) in WAYS.items()}
        with Line(delay_ms=100, loss=0.03, mbit=100) as line:
            (place / "nginx.conf").write_text(NGINX.format(place=place, address=line.address))
            plain = Server(line, ["nginx", "-c", str(place / "nginx.conf")], 8080)
            plain.start()
            time.sleep(1)
            print("| | seconds | bytes needed | bytes carried | carried again | answers | cuts |\n|---|---|---|---|---|---|---|")
            fine = []
            for name, (reference, (by_http, by_tls)) in jobs.items():
                fine.append(row(f"{name}, HTTP/1.1", *over_the_line(line, plain, by_http, home)))
                subprocess.run([*by_tls[:3], "discard"], env=home, check=True, capture_output=True)
                serve = [str(entracte), "serve", str(reference), "--listen", f"{line.address}:8443"]
                secure = Server(line, [*serve, "--certificate", certificate[0], "--key", certificate[1]], 8443)
                secure.start()
                time.sleep(1)
                fine.append(row(f"{name}, HTTP/2 with TLS", *over_the_line(line, secure, by_tls, home, certificate)))
                secure.process.terminate()
                secure.process.wait()
    return 0 if all(fine) else 1


if __name__ == "__main__":
    sys.exit(main())
