#!/bin/bash
# How long a release takes to publish, beside `tar | zstd -3` and one SHA-256 pass, and how large packs are beside
# `zstd --patch-from` of the concatenated trees: benches/publish.sh [OLD NEW]
# The bars: 20,000 files in at most the time of both together; a pack of at most 1.3 times the patch.
# Ours ends on the disk, theirs need not: with BENCH_DIR=/dev/shm the two do the same.
# OLD and NEW are folders of two releases; ENTRACTE and ENTRACTE_BENCH name programs that are built already.
# Needs zstd, and openssl for one SHA-256 pass with the processor's instructions.
set -eu
cd "$(dirname "$0")/.."
files=20000 rounds=3

ours=${ENTRACTE:-$(cargo build --release --message-format=json | sed -n 's/.*"executable":"\([^"]*\/entracte\)".*/\1/p' | tail -1)}
bench=${ENTRACTE_BENCH:-$(cargo bench --no-run --bench publish --message-format=json |
  sed -n 's/.*"executable":"\([^"]*\/publish-[^"]*\)".*/\1/p' | tail -1)}
place=$(mktemp -d "${BENCH_DIR:-/var/tmp}/entracte-bench-XXXXXX")
trap 'rm -rf "$place"' EXIT
export HOME=$place

# A tree of many small files, as PHP applications are: words, repeated and shuffled.
python3 - "$place/tree" $files <<'PYTHON'
import os, random, sys
place, files = sys.argv[1], int(sys.argv[2])
random.seed(7)
words = [''.join(random.choices('abcdefghijklmnopqrstuvwxyz_$', k=random.randint(2, 11))) for _ in range(4000)]
for number in range(files):
    folder = f'{place}/{number % 40:02}/{number % 400:03}'
    os.makedirs(folder, exist_ok=True)
    size = min(int(random.lognormvariate(8.3, 1.2)), 600_000)
    text = []
    while size > 0:
        line = '    ' + ' '.join(random.choices(words, k=8)) + ';\n'
        text.append(line)
        size -= len(line)
    open(f'{folder}/{number}.php', 'w').write('<?php\n' + ''.join(text))
PYTHON
du -sh "$place/tree" | cut -f1

timed() {
  local name=$1 begun ended
  shift
  sync # What somebody else left in memory.
  begun=$(date +%s.%N)
  "$@" >"$place/out" 2>&1 || { cat "$place/out" >&2; exit 1; }
  ended=$(date +%s.%N)
  echo "$name $(echo "$ended - $begun" | bc)" | tee -a "$place/times"
}
median() { grep "^$1 " "$place/times" | cut -d' ' -f2 | sort -n | sed -n "$(((rounds + 1) / 2))p"; }
packed() { tar -C "$place/tree" -cf - . | zstd -3 -q -f -o "$place/theirs.zst"; }
hashed() { find "$place/tree" -type f -print0 | sort -z | xargs -0 cat | openssl dgst -sha256; }
published() { "$ours" publish "$place/tree" --to "$reference" --product bench --version 1 "$@"; }

packed
# Nothing is removed before the end: ext4 looks long for inodes where many were given back just now.
for round in $(seq $rounds); do
  timed tar_zstd packed
  timed sha256 hashed
  reference=$place/reference-$round
  timed publish published --draft
  reference=$place/small-$round
  timed publish_no_archive published --draft --no-archive
done
theirs=$(echo "$(median tar_zstd) + $(median sha256)" | bc)
echo "medians: theirs $theirs s, ours $(median publish) s ($(median publish_no_archive) s without archive)," \
  "ratio $(echo "scale=2; $(median publish) / $theirs" | bc)"

[ $# = 2 ] || exit 0
together() { (cd "$1" && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 cat) >"$2"; }
together "$1" "$place/old"
together "$2" "$place/new"
for level in 3 12 19; do
  timed "patch_$level" zstd -q -f -$level --long=31 --patch-from="$place/old" "$place/new" -o "$place/patch"
  echo "zstd -$level --patch-from: $(stat -c %s "$place/patch") bytes"
done
for size in 1 2 4 8 16; do
  timed "pack_$size" "$bench" pack "$1" "$2" $size
  echo "groups of $size MiB: bytes, content, memory: $(cat "$place/out")"
done
