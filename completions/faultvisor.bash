# Completion for faultvisor(1) in bash. The options are read from each command's --help.

# The options that a command's --help lists, long ones.
_faultvisor_options() {
    "$1" "$2" --help 2>/dev/null | sed -n 's/^ *\(-[A-Za-z], \)\{0,1\}\(--[a-z][a-z-]*\).*/\2/p'
    echo --help
}

_faultvisor_commands() {
    "$1" --help 2>/dev/null | sed -n 's/^  \([a-z][a-z]*\)  .*/\1/p'
}

# The lines below --mode in run's --help.
_faultvisor_modes() {
    "$1" run --help 2>/dev/null | sed -n '/--mode /,/--memory/s/^ \{20,\}\([a-z][a-z]*\)  .*/\1/p'
}

# The options of a command, and those of run where it takes them: all but some.
_faultvisor_all_options() {
    _faultvisor_options "$1" "$2"
    case $2 in
    compare | sweep) _faultvisor_options "$1" run | grep -Evx -e '--(mode|stats|stats-json|trace)' ;;
    esac
    echo --
}

# The words of a list, but those that stand before the comma already.
_faultvisor_words_left() {
    local word
    for word in $1; do
        case ",$2" in *",$word,"*) ;; *) echo "$word" ;; esac
    done
}

# What may follow an option; status 1: a word of no kind that is known.
_faultvisor_value() {
    local words=
    case $2 in
    -M | --mode | --modes) words=$(_faultvisor_modes "$1") ;;
    -p | --policy) words='clock fifo lru random' ;;
    --format) words='table json csv markdown' ;;
    -c | --class) words='minor major cow protection hidden' ;;
    -d | --disk | -k | --kernel | -s | --swap | -o | --output | --svg | --stats-json | --trace)
        mapfile -t COMPREPLY < <(compgen -f -- "$3")
        return
        ;;
    -m | --memory | --shadow-memory | --seed | -t | --timeout | --disk-error | -f | --fault | -j | --jobs | --repeat) return ;;
    *) return 1 ;;
    esac
    local list=${3%"${3##*,}"} # what goes before the last comma, of lists
    mapfile -t COMPREPLY < <(compgen -P "$list" -W "$(_faultvisor_words_left "$words" "$list")" -- "${3##*,}")
}

_faultvisor() {
    local command=${COMP_WORDS[0]} current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} i
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_faultvisor_commands "$command") --help --version" -- "$current")
        return
    fi
    for ((i = 2; i < COMP_CWORD; i++)); do
        [ "${COMP_WORDS[i]}" != -- ] || return # what follows is a program of the disk
    done
    if [ "$current" = = ]; then # --option=value is three words to bash
        current=
    elif [ "$before" = = ]; then
        before=${COMP_WORDS[COMP_CWORD - 2]}
    fi
    _faultvisor_value "$command" "$before" "$current" && return
    case ${COMP_WORDS[1]},$current in
    *,-*) mapfile -t COMPREPLY < <(compgen -W "$(_faultvisor_all_options "$command" "${COMP_WORDS[1]}")" -- "$current" | sort -u) ;;
    report,* | trace,*) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    esac
}

complete -o filenames -F _faultvisor faultvisor
