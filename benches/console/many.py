"""Lays down hundreds of small sites with a past (updates, a watch), asks a console for its list of
them, and lets `tick --all` go through them. Prints seconds.

python3 benches/console/many.py ENTRACTE [SITES]
"""
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

program, sites = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 300
above = Path(tempfile.mkdtemp(prefix="entracte-many-"))
above.chmod(0o755)
home = above / "home"
environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}


def entracte(*arguments, exits=(0,)):
    ran = subprocess.run([program, "--json", *map(str, arguments)], env=environment, capture_output=True, text=True)
    assert ran.returncode in exits, (arguments, ran)
    return json.loads(ran.stdout)["result"]


def release(version):
    folder = above / f"release-{version}"
    (folder / "lib").mkdir(parents=True)
    for number in range(20):
        (folder / "lib" / f"{number}.php").write_text(f"<?php return {number * int(version)};\n")
    (folder / "VERSION").write_text(version + "\n")
    return folder


def template(first, others):
    site = above / "shop-000"
    shutil.copytree(first, site)
    entracte("init", site, "--profile", "generic", "--release", first)
    for number, folder in enumerate(others):
        at = ["--site", site]
        entracte(*at, "stage", "--from", folder, "--complete", "--version", str(number + 2))
        plan = entracte(*at, "plan")
        entracte(*at, "approve", plan["id"])
        entracte(*at, "apply", "--foreground")
        entracte(*at, "commit")
    entracte("--site", site, "watch", exits=(0, 7))
    return site


def copies(site):
    state = above / ".entracte-shop-000"
    settings = (state / "entracte.toml").read_text()
    for number in range(1, sites):
        name = f"shop-{number:03}"
        subprocess.run(["cp", "-a", site, above / name], check=True)
        subprocess.run(["cp", "-a", state, above / f".entracte-{name}"], check=True)
        (above / f".entracte-{name}" / "entracte.toml").write_text(settings.replace("shop-000", name))
    return [above / f"shop-{number:03}" for number in range(sites)]


def ask(host, method, path, headers):
    connection = http.client.HTTPConnection(host)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer, answer.read()


def pages(folders):
    listed = above / "list"
    listed.write_text("".join(f"{folder}\n" for folder in folders))
    began = time.monotonic()
    console = subprocess.Popen([program, "console", "--list", listed], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        link = console.stdout.readline().strip()
        print(f"console of {sites} sites answers after {time.monotonic() - began:.2f} s")
        host, path = link.removeprefix("http://").split("/", 1)
        entered, _ = ask(host, "POST", "/" + path, {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"})
        cookie = entered.getheader("set-cookie").split(";")[0]
        for page in ["/", "/", "/?page=2", "/?only=needs", "/sites/shop-007", "/sites/shop-007/history"]:
            began, worked = time.monotonic(), work(console.pid)
            answer, body = ask(host, "GET", page, {"Cookie": cookie})
            took, worked = time.monotonic() - began, work(console.pid) - worked
            print(f"{page:26} {answer.status} {len(body):8} bytes {took:6.2f} s, {worked:6.2f} s of a processor")
        peak = [line for line in Path(f"/proc/{console.pid}/status").read_text().splitlines() if "VmHWM" in line]
        print("console", *peak)
    finally:
        console.send_signal(signal.SIGINT)
        console.wait()


def work(pid):
    """Seconds of a processor, whatever else the machine does."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ticks(folders):
    config = home / ".config/entracte"
    config.mkdir(parents=True, mode=0o700, exist_ok=True)
    (config / "sites").write_text("".join(f"{folder.parent}/.entracte-{folder.name}\n" for folder in folders))
    (config / "sites").chmod(0o600)
    for turn in ["first", "second, nothing due"]:
        began = time.monotonic()
        answer = entracte("tick", "--all", exits=(0, 1, 5, 6))
        exits = sorted({site["exit"] for site in answer["sites"]})
        print(f"tick --all, {turn}: {len(answer['sites'])} sites, exits {exits}, {time.monotonic() - began:.2f} s")


try:
    home.mkdir()
    began = time.monotonic()
    folders = copies(template(release("1"), [release(version) for version in "234"]))
    print(f"laid down in {time.monotonic() - began:.1f} s")
    pages(folders)
    ticks(folders)
finally:
    shutil.rmtree(above)
