# Completion of longline(1) for bash: the commands and options that its own help names.

_longline() {
	local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD - 1]} command=() i
	COMPREPLY=()
	case $last in
	--database | --state | --token-file | -o)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	--nginx)
		mapfile -t COMPREPLY < <(compgen -d -- "$word")
		return
		;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--database) ((i++)) ;;
		-*) ;;
		*) ((${#command[@]} < 2)) && command+=("${COMP_WORDS[i]}") ;;
		esac
	done
	case ${command[0]-} in
	# One word and no more; what follows is a file, or nothing.
	backup | check | export | history | import | prune | restore | send | tail) command=("${command[0]}") ;;
	esac
	if [[ ${command[0]-} =~ ^(backup|import|restore)$ && $word != -* ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
	fi
	local help
	help=$("${COMP_WORDS[0]}" "${command[@]}" --help 2>/dev/null) || return
	if [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(awk '$1 ~ /^--?[a-z]/ { print $1 }' <<<"$help")" -- "$word")
	elif [[ $help == *" COMMAND "* ]]; then
		# The next word of each command that begins with those that are there.
		mapfile -t COMPREPLY < <(compgen -W "$(awk -v n="$((${#command[@]} + 1))" '/^  [a-z]/ { print $n }' <<<"$help" | sort -u)" -- "$word")
	fi
}
complete -F _longline longline
