#!/bin/sh
# test_histcli.sh BUILD -- histcli as people and scripts use it: queries, formats, errors and exit
# status, import, export, upkeep, the prompt under a pseudo terminal, and a daemon by its address.
set -u
build=$(cd "$1" && pwd)
cli=$build/histcli
script=$(cd "$(dirname "$0")/.." && pwd)/docs/quickstart.sh
here=$(mktemp -d)
passed=0
failed=0
skipped=0
daemon=
stop() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null
    [ -z "$daemon" ] || wait "$daemon" 2>/dev/null
    daemon=
}
trap 'stop; rm -rf "$here"' EXIT
trap 'exit 130' INT TERM
cd "$here" || exit 1
unset NO_COLOR COLUMNS LINES HISTCLI_HISTORY XDG_STATE_HOME
export LC_ALL=C.UTF-8 HOME="$here" TERM=xterm

# ok NAME COMMAND...: the command succeeds.
ok() {
    name=$1
    shift
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "not ok: $name"
    fi
}
# same NAME WANTED GOT
same() {
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        printf 'not ok: %s\n--- wanted\n%s\n--- got\n%s\n---\n' "$1" "$2" "$3"
    fi
}
# status NAME WANTED COMMAND...: exit status; stdout in out, stderr in err.
status() {
    name=$1
    wanted=$2
    shift 2
    "$@" >out 2>err </dev/null
    got=$?
    if [ "$got" -ne "$wanted" ]; then cat out err; fi
    same "$name" "$wanted" "$got"
}
# says NAME PATTERN FILE
says() {
    if grep -q -e "$2" "$3"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        printf 'not ok: %s\n--- wanted\n%s\n--- got\n%s\n---\n' "$1" "$2" "$(cat "$3")"
    fi
}

# ---- formats ----
row='print x=1, y="a,b", z=dynamic([1,2]), t=datetime(2026-01-01), n=int(null), e=""'
same "a pipe gets csv" "x,y,z,t,n,e
1,\"a,b\",\"[1,2]\",2026-01-01T00:00:00.0000000Z,," "$("$cli" :memory: "$row")"
same "tsv" "1	a,b	[1,2]" "$("$cli" :memory: --format tsv "$row" | tail -n 1 | cut -f 1-3)"
same "ndjson" '{"x":1,"y":"a,b","z":[1,2],"t":"2026-01-01T00:00:00Z","n":null,"e":""}' "$("$cli" :memory: --format ndjson "$row")"
ok "json is JSON" sh -c "'$cli' :memory: --format json '$row' | python3 -c 'import json,sys; d=json.load(sys.stdin); assert d[0][\"z\"]==[1,2] and d[0][\"n\"] is None'"
ok "kusto is the v1 answer" sh -c "'$cli' :memory: --format kusto '$row' | python3 -c 'import json,sys; t=json.load(sys.stdin)[\"Tables\"]; assert len(t)==1 and t[0][\"Columns\"][0]=={\"ColumnName\":\"x\",\"DataType\":\"Int64\",\"ColumnType\":\"long\"} and t[0][\"Rows\"][0][0]==1'"
ok "kusto of two results ends with a table of contents" sh -c "'$cli' :memory: --format kusto 'print 1; print 2' | python3 -c 'import json,sys; t=json.load(sys.stdin)[\"Tables\"]; assert len(t)==3 and t[2][\"Rows\"][1][1]==\"QueryResult\"'"
same "a table in a pipe has no lines around it and right-aligned numbers" "  x  y       n
---  ---  ----
100  a    null
  2  bcd     5" "$("$cli" :memory: --format table 'datatable(x:long,y:string,n:int)[100,"a",int(null),2,"bcd",5]')"
same "line" "x = 1
y = a,b" "$("$cli" :memory: --format line "$row" | head -n 2)"
same "markdown escapes what it would read" '| a\|b |' "$("$cli" :memory: --format markdown 'print x="a|b"' | tail -n 1)"
status "an unknown format is wrong usage" 2 "$cli" :memory: --format xml 'print 1'
says "the formats are named" "ndjson" err

# ---- where queries come from ----
same "standard input" "3" "$(echo 'print a=3' | "$cli" :memory: | tail -n 1)"
same "-c again and again" "a
1
b
2" "$("$cli" :memory: -c 'print a=1' -c 'print b=2')"
printf '// a comment\nprint a=1\n| extend b=2\n\n.format ndjson\nprint c=3\n' >script.kql
same "-f runs a script with commands of histcli" 'a,b
1,2
{"c":3}' "$("$cli" :memory: -f script.kql)"
printf '.read script.kql\nprint d=4\n' >outer.kql
same ".read" '{"d":4}' "$("$cli" :memory: -f outer.kql | tail -n 1)"
same "a parameter" "8" "$("$cli" :memory: --param n=7 'declare query_parameters(n:long); print n+1' | tail -n 1)"
ok "an empty script is fine" sh -c "printf '\n// nothing\n' | '$cli' :memory:"

# ---- errors and exit status ----
status "a semantic error" 1 "$cli" :memory: 'print x=1
| where Foo > 1'
says "its code and message" "^error ESEMANTIC: .*Foo" err
says "its line and column" "line 2, column 9" err
says "the source line" "^  2 | | where Foo > 1" err
says "the mark under the token" "^    |         ^~~$" err
same "nothing on standard output" "" "$(cat out)"
status "a syntax error" 1 "$cli" :memory: 'print x=1 | | take 1'
status "a script stops at its first error" 1 "$cli" :memory: -c 'bad bad' -c 'print 1'
same "and asks no more" "" "$(cat out)"
printf 'print 1\n.format csv\nprint 2\n| where Foo\n' >bad.kql
status "an error in a file" 1 "$cli" :memory: -f bad.kql
says "has the file's line" "bad.kql, line 4" err
for text in 'print x=(1' 'print "abc' "print 'abc" 'print 1 |' 'print 1 | // end' 'print @"a' 'print ```a' 'print dynamic({"a":[1'; do
    status "incomplete: $text" 4 "$cli" :memory: "$text"
done
for text in 'print a | extend b = (a + ;' 'print x=[1;' 'print (1; print "x' 'let f = (x:long) { print (x; }; f(1)'; do
    status "no text that follows mends: $text" 1 "$cli" :memory: "$text"
    says "its place is marked" "^    |  *^" err
done
status "a semicolon in a body" 0 "$cli" :memory: 'let f = () { let x = 1; print x }; f'
status "a body that goes on" 4 "$cli" :memory: 'let f = () { print 1;'
for text in 'print "a)("' "print '|'" 'print 1 // (' 'print @"\"' 'print "\")" '; do
    status "complete: $text" 0 "$cli" :memory: "$text"
done
status "no database" 2 "$cli"
status "too many arguments" 2 "$cli" :memory: 'print' '1'
status "an unknown option" 2 "$cli" --nope :memory: 'print 1'
status "no folder" 3 "$cli" ./nothing 'print 1'
mkdir other && echo x >other/file
status "a folder that is no store" 3 "$cli" ./other 'print 1'
status "nobody listens" 3 "$cli" http://127.0.0.1:9 'print 1'
says "which is said" "cannot reach" err
status "a bad address" 3 "$cli" http:// 'print 1'
status "--help" 0 "$cli" --help
status "--version" 0 "$cli" --version
status "a full disk is an error" 1 sh -c "'$cli' :memory: 'print 1' >/dev/full"

# ---- import ----
python3 - >a.lp <<'PY'
for i in range(20000):
    s = ['"x"', '""', '"q\\"u,\\\\o\nte"'][i % 3]
    extra = f",s={s}" if i % 4 else ""
    print(f"Dev,id=d{i % 10},kind=k\\ {i % 3} t={i * 0.1},n={i}i,ok={'true' if i % 2 else 'false'}{extra} {1763600000000000000 + i * 10_000_000_001}")
PY
status "import of line protocol" 0 "$cli" import db a.lp
same "its summary" "20000 rows accepted, 0 refused" "$(cat out)"
same "and the rows" "20000" "$("$cli" db 'Dev | count' | tail -n 1)"
gzip -k a.lp
cat a.lp | zstd -q -o a.lp.zst
status "gzip and zstd" 0 "$cli" import packed a.lp.gz a.lp.zst
same "writing again changes nothing" "20000" "$("$cli" packed 'Dev | count' | tail -n 1)"
status "standard input" 0 sh -c "zcat a.lp.gz | '$cli' import piped -"
printf 'Dev,id=a t=1 1000\nbad\nDev,id=a t="x" 2000\nDev,id=a t=2 3000' >some.lp
status "refused lines are an error" 1 "$cli" import some some.lp
same "which costs those lines" "2 rows accepted, 2 refused" "$(cat out)"
says "each with file and line" "^some.lp:2: " err
says "and the reason" "^some.lp:3: .*real.*string" err
status "precision" 0 sh -c "echo 'P v=1 1763600000' | '$cli' import prec --precision s -"
same "scales times" "2025-11-20T00:53:20.0000000Z" "$("$cli" prec 'P | project Timestamp' | tail -n 1)"
head -c 20000 a.lp.gz >cut.gz
status "a packed file that is cut off" 1 "$cli" import cut cut.gz
says "is said to be" "cut off" err
cat >flip.py <<'PY'
# flip.py CLI PACKED SEEN: one bit flipped in many places; all of the file comes in or none of it.
import os, shutil, subprocess, sys
cli, packed, seen = sys.argv[1:]
whole = open(packed, "rb").read()
places = {*range(12), *range(len(whole) - 9, len(whole)), *range(12, len(whole), len(whole) // 12)}
ask = lambda kql: subprocess.run([cli, "flipdb", "--format", "csv", kql], capture_output=True, text=True).stdout.split()[-1]
bad = refused = 0
for number, at in enumerate(sorted(places)):
    hurt = bytearray(whole); hurt[at] ^= 1 << (at % 8)
    name = "flipped" + os.path.splitext(packed)[1]
    open(name, "wb").write(hurt)
    shutil.rmtree("flipdb", ignore_errors=True)
    piped = number % 4 == 3 and at >= 4 # Without a name the first bytes alone say what it is.
    run = subprocess.run([cli, "import", "flipdb", "-" if piped else name], input=hurt if piped else b"", capture_output=True)
    if run.returncode == 0: good = ask("F | summarize n=count(), s=sum(v)") == seen # Of no account, as the time in a gzip header.
    else:
        refused += 1
        good = ask(".show tables | count") == "0" and b"nothing of it" in run.stderr
    if not good: bad += 1; print("byte", at, "piped" if piped else "", run)
sys.exit(bad > 0 or refused < len(places) * 3 // 4)
PY
python3 -c 'for i in range(2000): print(f"F,h=h{i % 7} v={i},w={i * i % 9973} {1763600000000000000 + i}")' >f.lp
for pack in gzip zstd; do
    # Two members: the first is whole when the second is hurt.
    (head -n 1000 f.lp | $pack -c && tail -n 1000 f.lp | $pack -c) >"two.$pack" 2>/dev/null
done
mv two.gzip two.gz && mv two.zstd two.zst
ok "nothing of a damaged gzip file is stored" python3 flip.py "$cli" two.gz 2000,1999000.0
ok "nothing of a damaged zstd file is stored" python3 flip.py "$cli" two.zst 2000,1999000.0
status "a packed stream" 0 sh -c "cat two.zst | '$cli' import stream -"
same "comes in whole" "2000" "$("$cli" stream 'F | count' | tail -n 1)"
ok "and leaves no file behind" sh -c "mkdir spool && cat two.gz | TMPDIR=\$PWD/spool '$cli' import stream - >/dev/null && rmdir spool"
status "a place for it is needed" 1 sh -c "cat two.gz | TMPDIR=/nowhere '$cli' import stream -"
says "and named" "temporary file in /nowhere" err
ok "a stream may come byte by byte" sh -c "(head -c 1 two.gz; sleep 0.2; tail -c +2 two.gz) | '$cli' import stream - | grep -q '^2000 rows'"
status "a name without the content" 1 sh -c "cp f.lp not.gz; '$cli' import named not.gz"
status "a missing file" 1 "$cli" import db nothing.lp
status "--reference is refused" 2 "$cli" import db --reference a.lp
says "with the reason" "reference tables" err
printf 'at,Room,Floor,Temp,Note,On\n2026-01-01T00:00:00Z,101,1,20.5,"",true\n2026-01-01T00:01:00Z,102,1,x,,false\n2026-01-01T00:02:00Z,101,1,,,\n' >rooms.csv
status "csv: a bad value costs its row" 1 sh -c "head -n 2 rooms.csv | '$cli' import csv --format csv --table Rooms --time at --tags Room,Floor - && '$cli' import csv --table Rooms --time at --tags Room,Floor rooms.csv"
says "and is told with line and column" "rooms.csv:3: column 'Temp'" err
same "csv rows" "101,1,20.5
101,1," "$("$cli" csv 'Rooms | order by Timestamp asc | project Room, Floor, Temp' | tail -n 2)"
status "csv without a time" 1 sh -c "printf 'a,b\n1,2\n' | '$cli' import csv --format csv --table X -"

# ---- export ----
status "export" 0 "$cli" export db --out lake
same "a day a folder" "date=2025-11-20
date=2025-11-21
date=2025-11-22" "$(cd lake/default/Dev && printf '%s\n' date=*)"
ok "sha256sum -c" sh -c 'cd lake/default/Dev/_manifest && sha256sum -c --quiet SHA256SUMS'
same "columns: time, tags A-Z, fields A-Z" "Timestamp,id,kind,n,ok,s,t" "$(head -n 1 lake/default/Dev/date=2025-11-20/part-00000.csv)"
says "null is nothing" '^2025-11-20T00:53:20.000000000Z,"d0","k 0",0,false,,0.0$' lake/default/Dev/date=2025-11-20/part-00000.csv
says "the empty string is quoted" '^2025-11-20T00:53:30.000000001Z,"d1","k 1",1,true,"",0.1$' lake/default/Dev/date=2025-11-20/part-00000.csv
ok "the manifest is JSON with the rows" python3 - <<'PY'
import json, csv
rows = 0
for day in ("2025-11-20", "2025-11-21", "2025-11-22"):
    m = json.load(open(f"lake/default/Dev/_manifest/{day}.json"))
    rows += m["rows"]
    f = m["files"][0]
    assert sum(1 for _ in csv.reader(open("lake/default/Dev/" + f["name"]))) - 1 == m["rows"]
    assert [c["kind"] for c in m["columns"]] == ["time", "tag", "tag", "field", "field", "field", "field"]
assert rows == 20000
PY
find lake -type f -exec sha256sum {} + | sort >first
status "again" 0 "$cli" export db --out lake
find lake -type f -exec sha256sum {} + | sort >second
ok "gives the same bytes and names" cmp first second
status "--incremental" 0 "$cli" export db --out lake --incremental
says "has nothing to do" "^0 days, 0 rows, 0 bytes .* 3 days unchanged" out
echo 'Dev,id=late t=1 1763600000000000001' | "$cli" import db - >/dev/null
status "late data" 0 "$cli" export db --out lake --incremental
says "opens its day again" '"late"' lake/default/Dev/date=2025-11-20/part-00000.csv
ok "checksums follow" sh -c 'cd lake/default/Dev/_manifest && sha256sum -c --quiet SHA256SUMS'
status "another packing" 0 "$cli" export db --out lake --compress zstd
same "takes the place of the old one" "part-00000.csv.zst" "$(ls lake/default/Dev/date=2025-11-20)"
status "gzip" 0 "$cli" export db --out lake --compress gzip --from 2025-11-21 --to 2025-11-21T12:00:00Z
same "whole days in the range only" "part-00000.csv.zst part-00000.csv.gz part-00000.csv.zst" "$(cd lake/default/Dev && echo $(ls date=2025-11-20 date=2025-11-21 date=2025-11-22 | grep part))"
"$cli" export db --out lake2 >/dev/null
status "exports are read back" 0 sh -c "'$cli' import back --table Dev --tags id,kind lake2/default/Dev/*/part-00000.csv"
"$cli" export back --out lake3 >/dev/null
ok "and give the same bytes" sh -c 'for d in lake2/default/Dev/date=*; do sort "$d/part-00000.csv" >s2; sort "lake3/default/Dev/$(basename "$d")/part-00000.csv" >s3; cmp s2 s3 || exit 1; done'
status "parquet is not offered" 2 "$cli" export db --out lake --format parquet
says "and what is is named" "csv" err
status "--out is needed" 2 "$cli" export db
status "a time that is none" 2 "$cli" export db --out lake --from someday
status "now, today, yesterday" 0 "$cli" export db --out lake4 --from yesterday --to now
status "an unknown table" 1 "$cli" export db --out lake --table Nope
status "no store" 3 "$cli" export nothing --out lake
( flock 9 && "$cli" export db --out lake >out 2>err; echo $? >code ) 9>lake/.histcli-export.lock
same "a second export is refused" "1" "$(cat code)"
printf 'a/b\\ c,h=1 v=1 1763600000000000000\n' | "$cli" import names - >/dev/null
"$cli" export names --out lake5 >/dev/null
ok "names of tables are escaped in folders" test -d lake5/default/a%2Fb%20c
ok "a lock does not outlive its export" test ! -e lake5/.histcli-export.lock
status "an export that fails" 1 "$cli" export db --out lake7/deep --table Dev --table Nope
ok "keeps what is complete" sh -c 'cd lake7/deep/default/Dev/_manifest && sha256sum -c --quiet SHA256SUMS'
status "one that fails at once" 1 "$cli" export db --out lake8/deep --table Nope
ok "leaves nothing" test ! -e lake8
mkdir lake9
status "one that cannot write a day" 1 sh -c "trap '' XFSZ; ulimit -f 64; '$cli' export db --out lake9 --from 2025-11-21"
same "leaves what was there before it" "lake9" "$(find lake9)"
# The ends of time, and rows on both sides of the first midnight there is.
python3 - >ends.lp <<'PY'
day = 86400 * 10**9
first, last = -2**63 + 2, 2**63 - 1
midnight = (first // day + 1) * day
for ns in (first, midnight - 1, midnight, midnight + 10**9, 0, last // day * day - 1, last // day * day, last): print(f"E,h=a v=1 {ns}")
PY
"$cli" import ends ends.lp >/dev/null
status "export of the first and the last day" 0 "$cli" export ends --out lake10
says "has every row" "^5 days, 8 rows" out
same "of them" "date=1677-09-21 date=1677-09-22 date=1970-01-01 date=2262-04-10 date=2262-04-11" "$(cd lake10/default/E && echo date=*)"
same "rows of the last" '2262-04-11T00:00:00.000000000Z,"a",1.0
2262-04-11T23:47:16.854775807Z,"a",1.0' "$(tail -n +2 lake10/default/E/date=2262-04-11/part-00000.csv)"
for day in 1677-09-21,1677-09-22 2262-04-11,2262-04-12 2262-04-11,2262-04-11T01:00:00Z; do
    status "--from and --to around $day" 0 "$cli" export ends --out lake11 --from "${day%,*}" --to "${day#*,}"
    says "find its two rows" "^1 days, 2 rows" out
done
status "compact at the ends" 0 "$cli" compact ends
status "and again" 0 sh -c "'$cli' import ends ends.lp && '$cli' compact ends --cold"
status "export of what was compacted" 0 "$cli" export ends --out lake12
ok "gives the same rows" sh -c 'cd lake10/default/E && for d in date=*; do cmp $d/part-00000.csv ../../../lake12/default/E/$d/part-00000.csv || exit 1; done'
sed -i 's/"rows":2/"rows":3/' lake12/default/E/_manifest/1677-09-22.json
status "a manifest that is not what the table has" 0 "$cli" export ends --out lake12 --incremental
says "makes it all be written again" "^5 days, 8 rows, .* 0 days unchanged" out
python3 - >many.lp <<'PY'
for i in range(40000): print(f"M,h={i % 7} v={i} {1763600000000000000 + i}")
PY
ok "a file system that is full leaves no part" sh -c "'$cli' import many many.lp >/dev/null && ! (trap '' XFSZ; ulimit -f 64; '$cli' export many --out lake6 >/dev/null 2>&1) && [ ! -e lake6 ]"

# ---- upkeep ----
status "info" 0 "$cli" info db
says "tables" "^table Dev" out
says "rows" "rows 20001" out
python3 - >half.lp <<'PY'
for i in range(40000): print(f"H,h={i % 7} v={i * 7919 % 10007} {1763600000000000000 + i * 1000000007}")
PY
head -n 20000 half.lp | "$cli" import half - >/dev/null
"$cli" compact half >/dev/null
value=$("$cli" info half | grep 'bytes a value')
tail -n 20000 half.lp | "$cli" import half - >/dev/null
says "some rows are only in memory" "rows in memory 20000" - <<X
$("$cli" info half)
X
same "bytes a value are those of what is on disk" "$value" "$("$cli" info half | grep 'bytes a value')"
status "verify" 0 "$cli" verify db
status "compact" 0 "$cli" compact db --cold
same "all rows are there" "20001" "$("$cli" db 'Dev | count' | tail -n 1)"
says "bytes a value" "bytes a value" - <<X
$("$cli" info db)
X
status "backup" 0 "$cli" backup db copy
same "has all rows" "20001" "$("$cli" copy 'Dev | count' | tail -n 1)"
status "backup into what is there" 1 "$cli" backup db copy
python3 - copy/P-*.hp <<'PY'
import sys
# A merged part may still lie there unread: all of them are hurt.
for name in sys.argv[1:]:
    f = open(name, "r+b"); f.seek(0, 2); n = f.tell(); f.seek(n // 3); b = f.read(1); f.seek(n // 3); f.write(bytes([b[0] ^ 16]))
PY
status "a flipped bit" 1 "$cli" verify copy
same "a problem names its file once" "0" "$(grep -c 'P-.*P-' out)"
status "info of nothing" 3 "$cli" info nothing
status "two folders are one too many" 2 "$cli" info db copy

# ---- empty answers, charts ----
status "an empty answer" 0 "$cli" db --format table 'Dev | where Timestamp > datetime(2030-01-01)'
says "says where the newest row is" "no rows; newest row of Dev is at 2025-11-22T" err
for format in csv tsv json ndjson markdown line chart kusto; do
    status "an empty answer as $format" 0 "$cli" db --format $format 'Dev | where Timestamp > datetime(2030-01-01)'
    says "says it beside" "^no rows; newest row of Dev" err
    ok "not inside" sh -c "! grep -q newest out"
done
for text in 'let x=Dev; x | where t < 0' 'let d=1d; let a=(Dev | where t < 0); let x = materialize(a | take 5);
// ; let x = Nope;
x | where t > 0' 'let x = 5; let x2=["Dev"]; x2 | where t < x - 9'; do
    status "$text" 0 "$cli" db "$text"
    says "names the table" "^no rows; newest row of Dev is" err
done
chart='range t from datetime(2026-01-01) to datetime(2026-01-02) step 1h | extend h=hourofday(t) | project t, value=iff(h == 5, real(null), todouble(h % 12)), valueAnomaly=iff(h == 11, 1, 0)'
golden='15 +
   |
   |
   |
   |                      ^                        *
10 +                    ***                      ***
   |                  **   *                   **  *
   |                **     *                 **     *
   |              **       *               **       *
   |            **          *            **         *
 5 +                        *          **           *
   |        *               *        **             *
   |      **                *      **                *
   |    **                   *   **                  *
   |  **                     * **                    *
 0 +**                       **                      *
   ++-----------+------------+-----------+-----------+
    01-01     06:00        12:00       18:00     01-02
    2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z
 * value  last 0  min 0  max 11  1 marked ^v'
COLUMNS=54 LINES=24 "$cli" :memory: --format chart --ascii "$chart" >drawn 2>err
same "a chart, to the letter" "$golden" "$(cat drawn)"
says "a mark at the anomaly" '\^' drawn
ok "no line is wider than the terminal" sh -c "awk 'length > 54 { exit 1 }' drawn"
ok "braille where UTF-8 is" sh -c "'$cli' :memory: --format chart '$chart' | grep -q '⡀\|⠤\|⠒\|⣀\|⢀\|⠊'"
ok "no colour in a pipe" sh -c "! '$cli' :memory: --format chart '$chart' | grep -q \"\$(printf '\\033')\""
status "make-series is drawn" 0 "$cli" :memory: --format chart --ascii 'range t from datetime(2026-01-01) to datetime(2026-01-02) step 10m | extend k=iff(hourofday(t)<12,"a","b") | make-series c=count() on t from datetime(2026-01-01) to datetime(2026-01-02) step 1h by k'
says "a line a series" "^ 2 b" out
status "bars" 0 "$cli" :memory: --format chart --ascii 'datatable(k:string, v:long)["a",1,"bb",2] | render barchart'
says "the longest is full" "^bb |####" out
status "what cannot be drawn is a table" 0 "$cli" :memory: --format chart 'print x="a"'
says "with a notice" "no chart" err
same "render changes nothing in a pipe" "x
1" "$("$cli" :memory: 'print x=1 | render table')"

# ---- the sample data of the quickstart ----
sed -n '/^cat >.*verdict.kql/,/^KQL/p' "$script" | sed '1d; /^KQL/d' >verdict.kql
for hour in 0 8 16; do
    end=$((1763596800 + hour * 3600))
    rm -rf plant
    "$build/bench/plant" --machines 50 --days 1 --end $end --quiet | grep CNC | "$cli" import plant - >/dev/null
    sed "s/ago(1d)/datetime($(date -u -d @$((end - 86400)) +%FT%T))/" verdict.kql >asked.kql
    same "all verdicts in the day that ends at $hour" "CRITICAL NORMAL WARNING" "$("$cli" plant -f asked.kql | tail -n +2 | cut -d, -f 1 | sort | xargs)"
done

# ---- the prompt ----
cat >prompt.py <<'PY'
import os, pty, re, select, signal, subprocess, sys, termios, time
cli, db = sys.argv[1], sys.argv[2]
good = bad = 0
def check(name, condition, seen=""):
    global good, bad
    if condition: good += 1
    else:
        bad += 1
        print("not ok: " + name + "\n--- saw\n" + repr(seen[-600:]))
class Prompt:
    def __init__(self, *args, **env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(env)
            os.execv(cli, [cli, *args])
        self.seen = self.rest = ""
    def until(self, text, seconds=10):
        """Waits for the text; what follows it is left for the next call."""
        end = time.time() + seconds
        while True:
            found = re.search(text, self.rest)
            if found or time.time() > end: break
            if select.select([self.fd], [], [], 0.1)[0]:
                try: data = os.read(self.fd, 65536)
                except OSError: break
                if not data: break
                self.rest += data.decode("utf-8", "replace")
        self.seen = self.rest
        self.rest = self.rest[found.end():] if found else ""
        return found is not None
    def send(self, text): os.write(self.fd, text.encode())
    def end(self):
        for _ in range(100):
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid: return os.waitstatus_to_exitcode(status)
            self.until("\0", 0.05)
            time.sleep(0.05)
        os.kill(self.pid, 9); os.waitpid(self.pid, 0)
        return None
p = Prompt(db, HISTCLI_HISTORY="state/deep/history")
check("a prompt", p.until("kql> "), p.seen)
p.send("print x=1;\n")
check("a semicolon ends a query; a table has lines around it", p.until("│ 1 │"), p.seen)
p.until("kql> ")
p.send("print y=2\n")
check("a query goes on", p.until(r"   \| "), p.seen)
p.send("| extend z=3\n\n")
check("an empty line ends it", p.until("│ 2 │ 3 │"), p.seen)
p.until("kql> ")
p.send("let a = 5;\n")
check("let waits for its query", p.until(r"   \| "), p.seen)
p.send("print a + 1;\n")
check("and is used by it", p.until("│\\s+6 │"), p.seen)
p.until("kql> ")
p.send("print (1\n)\n;\n")
check("an open bracket goes on", p.until("│\\s+1 │"), p.seen)
p.until("kql> ")
p.send("Nope | take 1;\n")
check("an error does not end the prompt", p.until("error E") and p.until("kql> "), p.seen)
p.send(".tables\n")
check(".tables", p.until("Dev"), p.seen)
p.send(".schema Dev\n")
check(".schema", p.until(r"kind\s+string\s+tag"), p.seen)
p.send(".help\n")
check(".help", p.until(r"\.quit"), p.seen)
p.send(".timer on\nprint 1;\n")
check(".timer", p.until("rows, .* ms"), p.seen)
p.send(".show tables\n")
check(".show goes to the engine", p.until("TableName"), p.seen)
subprocess.run([cli, "import", db, "-"], input=b"New v=1 1\n", stdout=subprocess.DEVNULL)
p.send("New | count;\n")
check("new data is seen", p.until("│\\s+1 │"), p.seen)
p.until("kql> ")
p.send("print abc")
time.sleep(0.3)
p.send("\x03")
check("^C clears the line", p.until("kql> "), p.seen)
p.send("print 7;\n")
check("and the next is fine", p.until("│\\s+7 │"), p.seen)
p.until("kql> ")
p.send("range x from 1 to 1000000000000 step 1 | summarize sum(x);\n")
time.sleep(1.0)
p.send("\x03")
check("^C cancels a query", p.until("interrupted|cancel", 10), p.seen)
p.send("print 8;\n")
check("and the prompt lives on", p.until("│\\s+8 │"), p.seen)
p.until("kql> ")
p.send("Dev | summarize avg(t) by bin(Timestamp, 1h) | render timechart;\n")
check("render draws on a terminal", p.until("last [0-9]"), p.seen)
p.until("kql> ")
if os.environ.get("NO_EDIT") is None:
    check("the terminal is raw before the prompt is drawn", not termios.tcgetattr(p.fd)[3] & termios.ICANON)
p.send("\x04")
check("^D leaves with 0", p.end() == 0, p.seen)
try:
    mode = os.stat("state/deep/history").st_mode & 0o777
    text = open("state/deep/history").read()
except OSError:
    mode, text = None, ""
if os.environ.get("NO_EDIT") is None:
    check("the history is 0600", mode == 0o600, repr(mode))
    check("and has the queries", "print" in text, text)
p = Prompt(db, HISTCLI_HISTORY="")
p.until("kql> ")
p.send(".quit\n")
check(".quit leaves", p.end() == 0, p.seen)
p = Prompt(db, "range x from 1 to 1000000000000 step 1 | summarize sum(x)")
time.sleep(1.0)
p.send("\x03")
check("^C of one query is 130", p.end() == 130, p.seen)
print(f"{good} passed, {bad} failed")
PY
python3 prompt.py "$cli" db >prompt.out 2>&1
grep -v passed prompt.out
counts=$(grep passed prompt.out || echo "0 passed, 1 failed")
passed=$((passed + $(echo "$counts" | sed 's/ passed.*//')))
failed=$((failed + $(echo "$counts" | sed 's/.*, \([0-9]*\) failed/\1/')))

# ---- a daemon ----
if "$build/histd" --data served --tcp off --http 127.0.0.1:0 >ready 2>histd.log & then daemon=$!; fi
for _ in $(seq 1 100); do
    grep -q '^histd ready' ready && break
    sleep 0.1
done
http=$(sed -n 's/^histd ready .*http=\([^ ]*\).*/\1/p' ready)
if [ -z "$http" ]; then
    echo "# SKIP a daemon: histd did not start"
    skipped=1
else
    url=http://$http
    status "import into a daemon" 0 "$cli" import "$url" a.lp
    same "counts" "20000 rows accepted, 0 refused" "$(cat out)"
    status "lines that a daemon refuses" 1 "$cli" import "$url" some.lp
    same "are counted" "2 rows accepted, 2 refused" "$(cat out)"
    same "a query" "20002" "$("$cli" "$url" 'Dev | count' | tail -n 1)"
    same "the address may end with a slash" "20002" "$("$cli" "$url/" 'Dev | count' | tail -n 1)"
    all='print b=true, i=int(1), l=long(9007199254740993), r=0.1, nan=real(nan), inf=real(-inf), d=decimal(1.5), s="ä\"\n", t=datetime(2026-01-01T00:00:00.1234567Z), p=time(1.02:03:04.5), g=guid(74be27de-1e4e-49d9-b579-fe0b331d3642), y=dynamic({"a":[1,null,"x"]}), n=long(null)'
    for format in csv json table; do
        same "every type comes through, as $format" "$("$cli" :memory: --format $format "$all")" "$("$cli" "$url" --format $format "$all")"
    done
    same "many batches come through" "$("$cli" :memory: 'range x from 1 to 50000 step 1 | extend s=strcat("x", x)' | sha256sum)" "$("$cli" "$url" 'range x from 1 to 50000 step 1 | extend s=strcat("x", x)' | sha256sum)"
    same "several results" "a
1
b
2" "$("$cli" "$url" 'print a=1; print b=2')"
    status "an error of a daemon" 1 "$cli" "$url" 'print x=1
| where Foo > 1'
    says "has its place" "line 2, column 9" err
    says "and the mark" '\^~~' err
    status "a command" 0 "$cli" "$url" '.show tables'
    says "its answer" "Dev" out
    same "a parameter" "8" "$("$cli" "$url" --param n=7 'declare query_parameters(n:long); print n+1' | tail -n 1)"
    status "an empty answer" 0 "$cli" "$url" --format table 'Dev | where Timestamp > datetime(2030-01-01)'
    says "says where the newest row is" "newest row of Dev is at 2025-11-22T" err
    status "a chart" 0 "$cli" "$url" --format chart --ascii 'Dev | summarize avg(t) by bin(Timestamp, 1h) | render timechart'
    says "with its legend" "avg_t  last" out
    status "a chart of arrays" 0 "$cli" "$url" --format chart --ascii 'Dev | make-series avg(t) on Timestamp step 1h'
    says "with its legend" "avg_t  last" out
    status "export by URL" 0 "$cli" export "$url" --out far --table Dev
    ok "sha256sum -c" sh -c 'cd far/default/Dev/_manifest && sha256sum -c --quiet SHA256SUMS'
    same "all rows" "20002" "$(cat far/default/Dev/date=*/part-00000.csv | python3 -c 'import csv,sys; print(sum(1 for r in csv.reader(sys.stdin) if r[0] != "Timestamp"))')"
    "$cli" import "$url" ends.lp >/dev/null
    status "the first and the last day by URL" 0 "$cli" export "$url" --out far --table E
    ok "have the same rows" sh -c 'cd lake10/default/E && for d in date=*; do cmp $d/part-00000.csv ../../../far/default/E/$d/part-00000.csv || exit 1; done'
    status "--incremental needs a folder" 2 "$cli" export "$url" --out far --incremental
    same "the folder of a running daemon is readable" "20002" "$("$cli" served 'Dev | count' | tail -n 1)"
    status "but not writable" 3 "$cli" import served a.lp
    status "nor to be compacted" 3 "$cli" compact served
    status "nor to be backed up" 3 "$cli" backup served served2
    stop
    status "a daemon that is gone" 3 "$cli" "$url" 'print 1'
fi

# ---- broken answers ----
cat >fake.py <<'PY'
import http.server, sys
answers = {
    "cut": b'{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"x","DataType":"Int64","ColumnType":"long"}],"Rows":[[1],[2]',
    "text": b'hello',
    "type": b'{"Tables":[{"TableName":"T","Columns":[{"ColumnName":"x","ColumnType":"long"}],"Rows":[["abc"]]}]}',
    "row": b'{"Tables":[{"TableName":"T","Columns":[{"ColumnName":"x","ColumnType":"long"}],"Rows":[[1,2]]}]}',
    "unknown": b'{"Tables":[{"TableName":"T","Columns":[{"ColumnName":"x","ColumnType":"rune"}],"Rows":[]}]}',
    "inside": b'{"Tables":[{"TableName":"T","Columns":[{"ColumnName":"x","ColumnType":"long"}],"Rows":[[1],{"OneApiErrors":[{"error":{"code":"X","message":"went wrong"}}]}]}]}',
    "four": b'{"Tables":[{"TableName":"Table_0","Columns":[{"ColumnName":"x","DataType":"Int64"}],"Rows":[[41],[42]]},{"TableName":"Table_1","Columns":[{"ColumnName":"Value","DataType":"String"}],"Rows":[["{\\"Visualization\\":null}"]]},{"TableName":"Table_2","Columns":[{"ColumnName":"Severity","DataType":"Int32"},{"ColumnName":"StatusDescription","DataType":"String"}],"Rows":[[4,"ok"]]},{"TableName":"Table_3","Columns":[{"ColumnName":"Ordinal","DataType":"Int64"},{"ColumnName":"Kind","DataType":"String"},{"ColumnName":"Name","DataType":"String"}],"Rows":[[0,"QueryResult","PrimaryResult"]]}]}',
}
class H(http.server.BaseHTTPRequestHandler):
    def log_message(self, *a): pass
    def table(self, kql):
        """A table that counts three rows and gives two."""
        import json
        shape, rows = [["Timestamp", "datetime"], ["v", "real"]], []
        if kql.endswith("| project ColumnName, ColumnType"): shape, rows = [["ColumnName", "string"], ["ColumnType", "string"]], shape
        elif kql.endswith("| count"): shape, rows = [["Count", "long"]], [[3]]
        elif kql.endswith("| project Day"): shape, rows = [["Day", "datetime"]], [["2026-01-01T00:00:00Z"]]
        elif "T07:00:00" in kql.split("<=")[0]: rows = [["2026-01-01T07:00:01Z", 1.5], ["2026-01-01T07:00:02Z", 2.5]]
        return json.dumps({"Tables": [{"TableName": "T", "Columns": [{"ColumnName": n, "ColumnType": t} for n, t in shape], "Rows": rows}]}).encode()
    def do_POST(self):
        import json
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["csl"] == "busy":
            self.send_response(503); self.end_headers(); self.wfile.write(b"come back later"); return
        answer = answers[body["csl"]] if body["csl"] in answers else self.table(body["csl"])
        self.send_response(200); self.end_headers()
        try:
            for i in range(len(answer)):
                self.wfile.write(answer[i:i + 1])
        except OSError:
            pass
s = http.server.HTTPServer(("127.0.0.1", 0), H)
print(s.server_port, flush=True)
s.serve_forever()
PY
python3 fake.py >port &
daemon=$!
for _ in $(seq 1 50); do
    [ -s port ] && break
    sleep 0.1
done
fake=http://127.0.0.1:$(cat port)
same "an answer of four tables, byte by byte" "x
41
42" "$("$cli" "$fake" four)"
status "an answer that is cut off" 1 "$cli" "$fake" cut
says "is told" "cut off" err
status "an answer that is no JSON" 1 "$cli" "$fake" text
status "a value of another type" 1 "$cli" "$fake" type
status "a row of another width" 1 "$cli" "$fake" row
status "an unknown type" 1 "$cli" "$fake" unknown
status "an error inside of rows" 1 "$cli" "$fake" inside
says "is told" "went wrong" err
status "a busy daemon" 1 "$cli" "$fake" busy
says "is told" "503.*come back later" err
status "an export of fewer rows than there are" 1 "$cli" export "$fake" --out short --table Short
says "is told" "has 3 rows in these days, but 2 were exported" err

if [ "$skipped" -gt 0 ]; then echo "$passed passed, $failed failed, $skipped skipped"; else echo "$passed passed, $failed failed"; fi
[ "$failed" -eq 0 ]
