#!/bin/sh
# Runs cases that tests/run-guests planned, and leaves what came of them. It judges nothing, and needs nothing but a
# POSIX shell with the tools of busybox, so the same script runs on this machine and in a nested one.
#
#   sh guest-exec.sh PLAN RESULTS WORD...      each WORD a case to run; or disks: make the disks that the cases need;
#                                              or all: make the disks, run all cases in the order of the plan
#
#   PLAN/list           a line for each case: its limit in seconds, its name
#   PLAN/cases/CASE     a script that runs it; may use $FAULTVISOR, $DISKS, $KERNELS, $RESULT
#   PLAN/disks/NAME     a script that makes $DISKS/NAME.tar
#   PLAN/kernels/       kernels that cases bring: $KERNELS
#   RESULTS/CASE/       stdout, stdout.sum (SHA-256 and bytes), stderr, status, seconds, and what the case itself writes;
#                       status comes last: without it there is no result
#
# Environment: FAULTVISOR, DISKS (a folder); SLOWER multiplies the limits; BRIEF=1 drops output of more than a page, leaving its sum;
# GUARD, words before each run, to end it when this script is killed; SEND=1 prints each result as a line, too: result CASE and
# its folder as a compressed tar archive in base 64.
set -u

plan=$1
results=$2
shift 2
KERNELS=$plan/kernels
export DISKS FAULTVISOR KERNELS RESULT

uptime_seconds() {
    cut -d' ' -f1 /proc/uptime
}

make_disks() {
    for script in "$plan"/disks/*; do
        disk=$DISKS/${script##*/}.tar
        if [ -f "$script" ] && ! [ -e "$disk" ]; then
            sh "$script" || echo "cannot make $disk" >&2
        fi
    done
}

run_case() {
    limit=$1
    name=$2
    RESULT=$results/$name
    rm -rf "$RESULT"
    mkdir -p "$RESULT"
    start=$(uptime_seconds)
    # shellcheck disable=SC2086 # GUARD is words
    ${GUARD-} timeout -k 5 "$((limit * ${SLOWER:-1}))" sh "$plan/cases/$name" \
        >"$RESULT/stdout" 2>"$RESULT/stderr" </dev/null
    status=$?
    echo "$start $(uptime_seconds)" | awk '{ printf "%.2f\n", $2 - $1 }' >"$RESULT/seconds"
    bytes=$(wc -c <"$RESULT/stdout")
    echo "$(sha256sum <"$RESULT/stdout" | cut -c1-64) $((bytes))" >"$RESULT/stdout.sum"
    [ "${BRIEF:-0}" = 0 ] || [ "$bytes" -le 4096 ] || rm "$RESULT/stdout"
    echo $status >"$RESULT/status"
    echo "ran $name, status $status, $(cat "$RESULT/seconds") s"
    [ "${SEND:-0}" = 0 ] || echo "result $name $(tar -C "$results" -czf - "$name" | base64 | tr -d '\n')"
}

limit_of() {
    awk -v name="$1" '$2 == name { print $1 }' "$plan/list"
}

mkdir -p "$results" "$DISKS"
for word in "$@"; do
    case $word in
    disks)
        make_disks
        ;;
    all)
        make_disks
        while read -r limit name; do
            run_case "$limit" "$name"
        done <"$plan/list"
        ;;
    *)
        run_case "$(limit_of "$word")" "$word"
        ;;
    esac
done
