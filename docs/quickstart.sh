#!/bin/sh
# quickstart.sh BUILD -- the main job once, on sample data: a plant streams two weeks of telemetry
# into histd, the daemon is killed and restarted, the data is asked in KQL and a day is archived.
# Everything stays in BUILD/quickstart; run it again whenever you like.
set -eu
build=$1
here=$build/quickstart
machines=${QUICKSTART_MACHINES:-500}
days=${QUICKSTART_DAYS:-14}
daemon=

stop() {
    [ -z "$daemon" ] || kill -TERM "$daemon" 2>/dev/null || true
    [ -z "$daemon" ] || wait "$daemon" 2>/dev/null || true
    daemon=
}
trap stop EXIT
trap 'exit 130' INT TERM

step_start=$(date +%s%N)
step_name=
times=
step() {
    now=$(date +%s%N)
    [ -z "$step_name" ] || times="$times
  $(awk -v ns=$((now - step_start)) 'BEGIN { printf "%7.2f s", ns / 1e9 }')  $step_name"
    step_start=$now
    step_name=$1
    [ -z "$1" ] || printf '\n== %s\n' "$1"
}

start() {
    : >"$here/ready"
    "$build/histd" --data "$here/data" --tcp 127.0.0.1:0 --http 127.0.0.1:0 >"$here/ready" 2>>"$here/histd.log" &
    daemon=$!
    for _ in $(seq 1 300); do
        grep -q '^histd ready' "$here/ready" && break
        kill -0 "$daemon" 2>/dev/null || {
            tail -n 5 "$here/histd.log" >&2
            exit 3
        }
        sleep 0.1
    done
    tcp=$(sed -n 's/^histd ready tcp=\([^ ]*\).*/\1/p' "$here/ready")
    http=$(sed -n 's/^histd ready .*http=\([^ ]*\).*/\1/p' "$here/ready")
    [ -n "$tcp" ] || {
        echo "histd did not get ready; see $here/histd.log" >&2
        exit 3
    }
}

ask() {
    "$build/histcli" "http://$http" "$@"
}

rm -rf "$here"
mkdir -p "$here"

step "start histd on free ports with an empty folder"
start
echo "histd has process id $daemon, takes line protocol at $tcp and serves queries at http://$http"

step "stream $machines machines x $days days of minutes over TCP"
"$build/bench/plant" --machines "$machines" --days "$days" --faults "$here/injected.csv" --tcp "$tcp"
before=$(ask --format csv 'DeviceTelemetry | count' | tail -n 1)
echo "rows in the store: $before"

step "kill -9 the daemon and start it again"
kill -KILL "$daemon"
wait "$daemon" 2>/dev/null || true
start
after=$(ask --format csv 'DeviceTelemetry | count' | tail -n 1)
echo "rows before: $before, after: $after"
[ "$before" = "$after" ] || {
    echo "quickstart: rows were lost" >&2
    exit 1
}

step "the last hour, by type"
ask --format table 'DeviceTelemetry
| where Timestamp > ago(1h)
| summarize Rows=count(), Machines=dcount(DeviceId), AvgTemperature=round(avg(Temperature), 2), MaxVibration=max(Vibration) by DeviceType
| order by DeviceType asc'

step "a one-minute tumbling average, with the ends of its windows"
ask --format table 'DeviceTelemetry
| where Timestamp > ago(10m)
| summarize AvgTemperature=round(avg(Temperature), 3) by DeviceType, WindowStart=bin(Timestamp, 1m)
| extend WindowEnd = WindowStart + 1m
| project WindowEnd, DeviceType, AvgTemperature
| where DeviceType == "Furnace"
| order by WindowEnd asc'

step "an hourly verdict from average and deviation"
cat >"$here/verdict.kql" <<'KQL'
DeviceTelemetry
| where Timestamp > ago(1d) and DeviceType == "CNC-Machine"
| summarize Avg=avg(Temperature), Dev=stdev(Temperature) by DeviceId, Hour=bin(Timestamp, 1h)
| extend Status = case(Avg > 56 or Dev > 2, "CRITICAL", Avg > 42 or Dev > 1, "WARNING", "NORMAL")
| summarize Hours=count(), Machines=dcount(DeviceId), HighestAvg=round(max(Avg), 1), HighestDev=round(max(Dev), 1) by Status
| order by HighestDev desc
KQL
cat "$here/verdict.kql"
echo
ask --format table -f "$here/verdict.kql" | tee "$here/verdict.txt"
for verdict in CRITICAL WARNING NORMAL; do
    # A plant of less than five machines has no faults.
    [ "$machines" -lt 5 ] || grep -q "$verdict" "$here/verdict.txt" || {
        echo "quickstart: no hour is $verdict" >&2
        exit 1
    }
done

step "two weeks of one machine, downsampled and drawn"
ask --format chart 'DeviceTelemetry
| where DeviceId == "cnc-001"
| summarize avg(Temperature) by bin(Timestamp, 1h)
| render timechart'

step "anomalies of the last week"
cat >"$here/anomalies.kql" <<'KQL'
DeviceTelemetry
| where Timestamp > ago(7d)
| where DeviceType == "CNC-Machine"
| make-series
    AvgTemperature=avg(Temperature),
    AvgVibration=avg(Vibration),
    AvgPressure=avg(Pressure)
    on Timestamp
    step 1h
    by DeviceId
| extend
    TempAnomaly = series_decompose_anomalies(AvgTemperature, 1.5),
    VibrationAnomaly = series_decompose_anomalies(AvgVibration, 1.5)
| mv-expand Timestamp, AvgTemperature, TempAnomaly, AvgVibration, VibrationAnomaly
| where TempAnomaly <> 0 or VibrationAnomaly <> 0
| project
    DeviceId,
    Timestamp,
    AvgTemperature,
    TempAnomaly,
    AvgVibration,
    VibrationAnomaly
| order by Timestamp desc
KQL
cat "$here/anomalies.kql"
ask --format csv -f "$here/anomalies.kql" >"$here/found.csv"
echo
awk -F, '
function hour(text) { gsub(/"/, "", text); return substr(text, 1, 13) }
FNR == 1 { file++; next }
file == 1 { gsub(/"/, ""); key = $1; flagged[key "," hour($2) ",Temperature"] = ($4 != 0); flagged[key "," hour($2) ",Vibration"] = ($6 != 0); total += ($4 != 0) + ($6 != 0); next }
{
    if (FNR == 2) printf "%-10s %-12s %-17s %-17s  %s\n", "machine", "injected in", "from", "to", "found"
    hours = 0; hit = 0
    day = substr($3, 1, 11); at = substr($3, 12, 2) + 0
    n = split(span(substr($3, 1, 13), substr($4, 1, 13)), list, " ")
    for (i = 1; i <= n; i++) { hours++; if (flagged[$1 "," list[i] "," $2]) hit++ }
    printf "%-10s %-12s %-17s %-17s  %d of %d hours\n", $1, $2, substr($3, 1, 16), substr($4, 1, 16), hit, hours
    all += hours; hits += hit; if (hit > 0) faults++; injected++
}
END { printf "%d of %d injected faults found; %d flags in all, %d of them outside the injected hours\n", faults, injected, total, total - hits; exit faults < injected }
function span(from, to,    d, h, out) {
    d = substr(from, 1, 11); h = substr(from, 12, 2) + 0
    while (d sprintf("%02d", h) != to && guard++ < 100) { out = out d sprintf("%02d", h) " "; if (++h == 24) { h = 0; d = substr(to, 1, 11) } }
    guard = 0
    return out
}' "$here/found.csv" "$here/injected.csv"
echo "(a threshold of 1.5 also flags about 3 in 1,000 hours of plain noise; 3.0 flags the faults alone)"

step "archive a day as CSV and check it"
"$build/histcli" export "http://$http" --out "$here/archive" --from yesterday --to today >"$here/export.log"
tail -n 3 "$here/export.log"
[ -n "$(find "$here/archive" -name SHA256SUMS)" ] || {
    echo "quickstart: nothing was exported" >&2
    exit 1
}
(cd "$here/archive" && find . -name SHA256SUMS | while read -r sums; do (cd "$(dirname "$sums")" && sha256sum -c --quiet SHA256SUMS && echo "$(dirname "$sums"): checked"); done)

step ""
stop
printf '\n== time by step%s\n' "$times"
cat <<TXT

On disk: $(du -sh "$here/data" | cut -f1) for $after rows x 3 values. Try next:

  $build/histd --data $here/data &
  $build/histcli http://127.0.0.1:8086                                  # a prompt; .help, ^D leaves
  $build/histcli http://127.0.0.1:8086 '.show tables'
  $build/histcli http://127.0.0.1:8086 'DeviceTelemetry | summarize max(Temperature) by DeviceType'
  $build/histcli info $here/data
  $build/histcli verify $here/data
  rm -r $here                                                           # removes what this run left
TXT
