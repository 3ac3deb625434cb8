#!/bin/sh
# Two tables of 2 million rows that differ in 20, on one private MariaDB:
# `compare` against `CHECKSUM TABLE` on both, medians of three runs each, in turn.
# Usage: benches/compare.sh [PROGRAM] [ROWS]; PROGRAM is an optimised entracte.
set -eu

program=${1:-target/release/entracte}
rows=${2:-2000000}
folder=$(mktemp -d)
export TMPDIR="$folder/tmp"
mkdir "$TMPDIR"
user=$(id -un)
mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db \
    --user="$user" --datadir="$folder/data" >/dev/null
mariadbd --no-defaults --skip-log-bin --bind-address=127.0.0.1 --skip-name-resolve --skip-networking \
    --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=1500M --innodb-log-file-size=512M \
    --user="$user" --datadir="$folder/data" --socket="$folder/sock" --pid-file="$folder/pid" \
    >"$folder/log" 2>&1 &
server=$!
trap 'kill "$server"; wait "$server" || true; rm -rf "$folder"' EXIT
client() { mariadb --no-defaults --user=root --socket="$folder/sock" "$@"; }
until client --execute='SELECT 1' >/dev/null 2>&1; do sleep 0.2; done

client --execute="
CREATE DATABASE a CHARACTER SET utf8mb4; CREATE DATABASE b CHARACTER SET utf8mb4;
CREATE TABLE a.sbtest1 (id INT NOT NULL AUTO_INCREMENT PRIMARY KEY, k INT NOT NULL DEFAULT 0,
    c CHAR(120) NOT NULL DEFAULT '', pad CHAR(60) NOT NULL DEFAULT '', KEY k_1 (k));
USE a;
INSERT INTO a.sbtest1 SELECT seq, FLOOR(RAND(7) * $rows), CONCAT_WS('-', MD5(seq), MD5(seq + 1), MD5(seq + 2), LEFT(MD5(seq + 3), 20)),
    CONCAT(MD5(seq + 4), LEFT(MD5(seq + 5), 27)) FROM seq_1_to_$rows;
CREATE TABLE b.sbtest1 LIKE a.sbtest1;
INSERT INTO b.sbtest1 SELECT * FROM a.sbtest1;
UPDATE b.sbtest1 SET c = CONCAT('x', SUBSTR(c, 2)) WHERE id % ($rows DIV 20) = 7;
ANALYZE TABLE a.sbtest1, b.sbtest1;" >/dev/null

seconds() {
    from=$(date +%s%N)
    "$@" >"$folder/said" || true
    echo "$((($(date +%s%N) - from) / 1000000))"
}
compared() {
    "$program" --json compare "mysql://root@localhost/a?socket=$folder/sock" "mysql://root@localhost/b?socket=$folder/sock" --database
}
for run in 1 2 3; do
    seconds client --execute='CHECKSUM TABLE a.sbtest1, b.sbtest1' >>"$folder/checksums"
    seconds compared >>"$folder/compares"
    grep -q '"only_a": *0, *"only_b": *0, *"different": *20,' "$folder/said" || { echo "wrong: $(cut -c1-400 "$folder/said")"; exit 1; }
done
median() { sort -n "$1" | sed -n 2p; }
checksum=$(median "$folder/checksums")
compare=$(median "$folder/compares")
echo "CHECKSUM TABLE on both: $checksum ms; compare: $compare ms; ratio $(echo "scale=2; $compare / $checksum" | bc)"
