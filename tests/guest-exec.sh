#!/bin/sh
# Runs cases that tests/run-guests planned, and leaves what came of them. It judges nothing, and needs nothing but a
# POSIX shell with the tools of busybox, so the same script runs on this machine and in a nested one.
#
#   sh guest-exec.sh PLAN RESULTS WORD...      each WORD a case to run; or disks: make the disks that the cases need;
#                                              or all: make the disks, run all cases in the order of the plan
#
#   PLAN/list           a line for each case: its name
#   PLAN/limits/CASE    its limit in seconds
#   PLAN/cases/CASE     a script that runs it; may use $FAULTVISOR, $DISKS, $KERNELS, $RESULT
#   PLAN/disks/NAME     a script that makes $DISKS/NAME.tar
#   PLAN/kernels/       kernels that cases bring: $KERNELS
#   RESULTS/CASE/       stdout, stdout.sum (MD5 and bytes), stderr, status, uptimes (before and after), and what the case itself writes;
#                       status comes last: without it there is no result
#
# Environment: FAULTVISOR, DISKS (a folder); SLOWER multiplies the limits; BRIEF=1 drops output of more than 16 KiB, leaving its sum;
# GUARD, words before each run, to end it when this script is killed; SEND=1 prints the results as lines, too: results and
# the folders of some cases as a compressed tar archive in base 64; BATCH, how many cases a line (1).
set -u

plan=$1
results=$2
shift 2
KERNELS=$plan/kernels
export DISKS FAULTVISOR KERNELS RESULT

# On an emulated machine a process more a case is a minute more in all: what the shell can do, it does.
set_uptime() {
    read -r uptime _ </proc/uptime
}

make_disks() {
    for script in "$plan"/disks/*; do
        disk=$DISKS/${script##*/}.tar
        if [ -f "$script" ] && ! [ -e "$disk" ]; then
            sh "$script" || { echo "cannot make $disk" >&2 && rm -rf "$disk"; } # a part of it may do by accident
        fi
    done
}

# What the cases since the last time have left: the sum of what each printed, and last its status. The tools are started once
# for all of them.
finish_cases() {
    [ "$ended" ] || return 0
    # shellcheck disable=SC2086 # names of cases, without spaces
    (cd "$results" && printf '%s/stdout\n' $ended | tee "$own.names" | xargs md5sum >"$own.sums" && # a fifth of SHA-256's cost
        xargs wc -c <"$own.names" >"$own.sizes")
    while read -r sum file && read -r bytes _ <&3; do
        echo "$sum $bytes" >"$results/$file.sum"
        [ "${BRIEF:-0}" = 0 ] || [ "$bytes" -le 16384 ] || rm "$results/$file"
    done <"$results/$own.sums" 3<"$results/$own.sizes"
    for name in $ended; do
        read -r status <"$results/$name/ended"
        echo "$status" >"$results/$name/status"
    done
    # shellcheck disable=SC2086
    [ "${SEND:-0}" = 0 ] || echo "results $(tar -C "$results" -czf - $ended | base64 -w 0)"
    ended=
}

run_case() {
    name=$1
    read -r limit <"$plan/limits/$name"
    RESULT=$results/$name
    mkdir "$RESULT" 2>/dev/null || { rm -rf "$RESULT" && mkdir "$RESULT"; }
    set_uptime
    start=$uptime
    # shellcheck disable=SC2086 # GUARD is words
    ${GUARD-} timeout -k 5 "$((limit * ${SLOWER:-1}))" sh "$plan/cases/$name" \
        >"$RESULT/stdout" 2>"$RESULT/stderr" </dev/null
    status=$?
    set_uptime
    echo "$start $uptime" >"$RESULT/uptimes"
    echo $status >"$RESULT/ended"
    echo "ran $name, status $status, from $start to $uptime"
    ended="$ended $name"
    # shellcheck disable=SC2086
    set -- $ended
    [ $# -lt "${BATCH:-1}" ] || finish_cases
}

ended=
own=.executor-$$ # others may work in the same folder
mkdir -p "$results" "$DISKS"
for word in "$@"; do
    case $word in
    disks)
        make_disks
        ;;
    all)
        make_disks
        while read -r case; do
            run_case "$case"
        done <"$plan/list"
        ;;
    *)
        run_case "$word"
        ;;
    esac
done
finish_cases
