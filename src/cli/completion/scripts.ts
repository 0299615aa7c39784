/**
 * What a shell reads once to complete `vxlane`. All of them ask `vxlane completion SHELL -- WORD...` at each key press
 * and know nothing of commands themselves, so they fit every version.
 */
export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/**
 * Readline has its own idea of words, which end at `=` and `:`: the words are those of the line, and what it has of the
 * last one already is cut off the candidates. Names of files are quoted here, which the other two do by themselves.
 */
const BASH = `# Completion of vxlane for bash, printed by "vxlane completion bash".
_vxlane() {
  local line=\${COMP_LINE:0:COMP_POINT} breaks=\${COMP_WORDBREAKS//[^=:]/} known='' candidate
  local -a words
  read -a words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  [[ -n $breaks ]] && known=\${words[-1]%"\${words[-1]##*[$breaks]}"}
  COMPREPLY=()
  while IFS= read -r candidate; do
    [[ $candidate == *[=/] ]] && compopt -o nospace
    candidate=\${candidate#"$known"}
    [[ $candidate == *[!A-Za-z0-9@%+=:,./_-]* ]] && printf -v candidate %q "$candidate"
    COMPREPLY+=("$candidate")
  done < <(vxlane completion bash -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _vxlane vxlane
`;

const ZSH = `#compdef vxlane
# Completion of vxlane for zsh, printed by "vxlane completion zsh".
_vxlane() {
  local line text entry
  local -a whole unfinished
  while IFS= read -r line; do
    text=\${line%%$'\\t'*}
    entry=\${text//:/\\\\:}
    [[ $line == *$'\\t'* ]] && entry+=:\${line#*$'\\t'}
    if [[ $text == *[=/] ]]; then unfinished+=("$entry"); else whole+=("$entry"); fi
  done < <(vxlane completion zsh -- "\${(@Q)words[2,CURRENT-1]}" "$PREFIX" 2>/dev/null)
  _describe -t words vxlane whole
  _describe -t words vxlane unfinished -S ''
}
if [[ $funcstack[1] == _vxlane ]]; then _vxlane "$@"; else compdef _vxlane vxlane; fi
`;

const FISH = `# Completion of vxlane for fish, printed by "vxlane completion fish".
function __vxlane_candidates
    set -l words (commandline -opc)
    set -e words[1]
    vxlane completion fish -- $words (commandline -ct | string collect --allow-empty) 2>/dev/null
end
complete -c vxlane -f -a '(__vxlane_candidates)'
`;

export const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
