#!/bin/bash
# How long a database takes to save, beside mariadb-dump and mydumper, and to bring back: benches/dump.sh [MIB]
# Makes a private MariaDB on a socket, sysbench's tables (about 500 MB) in it, and runs all in turn, three times.
# The bar: we take at most half of `mariadb-dump --single-transaction --quick | zstd -1`, and less than 128 MiB.
# Needs mariadb-server, sysbench and zstd; mydumper where it is there.
set -eu
cd "$(dirname "$0")/.."
rounds=3 tables=4 rows=$((${1:-500} * 1200))

ours=${ENTRACTE_BENCH:-$(cargo bench --no-run --bench dump --message-format=json |
  sed -n 's/.*"executable":"\([^"]*\/dump-[^"]*\)".*/\1/p' | tail -1)}
place=$(mktemp -d /var/tmp/entracte-bench-XXXXXX)
pid=
trap 'if [ -n "$pid" ]; then kill "$pid"; wait "$pid" || :; fi; rm -rf "$place"' EXIT
mkdir "$place/tmp" "$place/ours"
mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db --user="$(id -un)" \
  --datadir="$place/data" >"$place/install.log" 2>&1
mariadbd --no-defaults --skip-log-bin --skip-networking --user="$(id -un)" --datadir="$place/data" \
  --tmpdir="$place/tmp" --socket="$place/sock" --pid-file="$place/pid" --innodb-buffer-pool-size=1G \
  --innodb-flush-log-at-trx-commit=0 --innodb-log-file-size=512M >"$place/log" 2>&1 &
pid=$!
client="--no-defaults --user=root --socket=$place/sock"
until mariadb $client -e 'SELECT 1' >"$place/out" 2>&1; do sleep 0.2; done
mariadb $client -e 'CREATE DATABASE bench'
sysbench oltp_read_write --db-driver=mysql --mysql-socket="$place/sock" --mysql-user=root --mysql-db=bench \
  --tables=$tables --table-size=$rows --threads=2 prepare >"$place/out"
url="mysql://root@localhost/bench?socket=$place/sock"

# Prints the seconds of a command, then what it prints.
timed() {
  local name=$1 begun ended
  shift
  begun=$(date +%s.%N)
  "$@" >"$place/out" 2>&1 || { cat "$place/out" >&2; exit 1; }
  ended=$(date +%s.%N)
  echo "$name $(echo "$ended - $begun" | bc) $(tail -1 "$place/out")" | tee -a "$place/times"
}
theirs() { mariadb-dump $client --single-transaction --quick bench | zstd -1 -q -f -o "$place/theirs.zst"; }
sums() { for table in $(seq $tables); do "$ours" sum "$url" "sbtest$table"; done; }
median() { grep "^$1 " "$place/times" | cut -d' ' -f2 | sort -n | sed -n "$(((rounds + 1) / 2))p"; }

theirs
for _ in $(seq $rounds); do
  timed theirs theirs
  timed ours "$ours" dump "$url" "$place/ours"
  if command -v mydumper >/dev/null; then
    timed mydumper mydumper --user=root --socket="$place/sock" --database=bench --threads="$(nproc)" \
      --compress --outputdir="$place/mydumper"
    rm -rf "$place/mydumper"
  fi
  timed check "$ours" check "$url" "$place/ours"
done
timed checksum_table mariadb $client -N -e "CHECKSUM TABLE bench.sbtest1"
timed sum "$ours" sum "$url" sbtest1
mariadb $client -N -e "CHECKSUM TABLE bench.sbtest1, bench.sbtest2, bench.sbtest3, bench.sbtest4" >"$place/before"
mariadb $client -e "DELETE FROM bench.sbtest1 WHERE id % 7 = 0; DROP TABLE bench.sbtest2"
timed restore "$ours" restore "$url" "$place/ours"
mariadb $client -N -e "CHECKSUM TABLE bench.sbtest1, bench.sbtest2, bench.sbtest3, bench.sbtest4" >"$place/after"
cmp "$place/before" "$place/after" && echo "the restored tables are equal by CHECKSUM TABLE"
timed by_hand bash -c "zstd -dc '$place/theirs.zst' | mariadb $client bench"
ls -l "$place/theirs.zst" "$place/ours/dump.sql.zst" | awk '{print $5, $9}'
echo "medians: theirs $(median theirs) s, ours $(median ours) s, ratio $(echo "scale=3; $(median ours) / $(median theirs)" | bc)"
