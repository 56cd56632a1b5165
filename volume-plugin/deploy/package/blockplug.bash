# bash completion for blockplug: its subcommands and options, as its own --help lists them.
_blockplug() {
  local current=${COMP_WORDS[COMP_CWORD]} word help before=()
  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] || before+=("$word")
  done
  help=$(blockplug "${before[@]}" --help 2>/dev/null) || return
  if [[ $current == -* ]]; then
    word=$(grep -oE '(^  |,)--?[a-z][a-z-]*' <<<"$help" | tr -d ' ,')
  else
    word=$(awk '/^Subcommands:/ {below = 1; next} !/^  / {below = 0} below && /^  [a-z]/ {print $1}' <<<"$help")
  fi
  mapfile -t COMPREPLY < <(compgen -W "$word" -- "$current")
  # Nothing of ours: a file, as for --file.
  ((${#COMPREPLY[@]})) || compopt -o default 2>/dev/null
}
complete -F _blockplug blockplug
