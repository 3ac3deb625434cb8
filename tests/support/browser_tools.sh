#!/bin/bash
# Brings what drives the browser (playwright-core, axe-core, ajv; tests/console/browser/package.json)
# into the cache, by npm and by the digests of the lock file, and prints the folder that holds it.
# Done once: without the network afterwards.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=${ENTRACTE_TEST_CACHE:-$here/../../target/test-cache}
mkdir -p "$cache"
cache=$(cd "$cache" && pwd)
wanted=$here/../console/browser
# What was installed is known by what was asked for.
recipe=$(cat "$wanted/package.json" "$wanted/package-lock.json" | sha256sum | cut -c1-16)
tools=$cache/browser-tools-$recipe
exec 9>"$cache/.browser-tools.lock"
flock 9
if [ ! -d "$tools" ]; then
  making=$cache/browser-tools.making
  rm -rf "$making"
  mkdir "$making"
  cp "$wanted/package.json" "$wanted/package-lock.json" "$making/"
  (cd "$making" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier >npm.log 2>&1) || {
    tail -n 20 "$making/npm.log" >&2
    echo "browser tools: npm could not bring what drives the browser" >&2
    exit 1
  }
  chmod -R u=rwX,go=rX "$making"
  mv "$making" "$tools"
  for old in "$cache"/browser-tools-*; do [ "$old" = "$tools" ] || rm -rf "$old"; done
fi
echo "$tools"
