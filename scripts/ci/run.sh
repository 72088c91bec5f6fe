#!/usr/bin/env bash
# A step of action.yml: runs plans, or a suite, and leaves exit code and folder for the steps that follow.
set -o pipefail

refuse() {
  echo "::error title=eos-gauntlet::$1"
  exit 64
}

# Read as words, never as commands; only plans are expanded as globs.
read -r -d '' -a suite < <(printf '%s\0' "${SUITE:-}")
read -r -d '' -a args < <(printf '%s\0' "${ARGS:-}")
read -r -d '' -a patterns < <(printf '%s\0' "${PLAN:-}")
plans=()
for pattern in "${patterns[@]}"; do
  case "$pattern" in
    *[*?[]*)
      before=${#plans[@]}
      while IFS= read -r found; do plans+=("$found"); done < <(compgen -G "$pattern" | sort)
      [ ${#plans[@]} -gt "$before" ] || refuse "no plan is called $pattern"
      ;;
    *) plans+=("$pattern") ;;
  esac
done

case "${INCONCLUSIVE:-fail}" in
  fail | pass) ;;
  *) refuse "inconclusive: $INCONCLUSIVE is neither fail nor pass" ;;
esac
if [ ${#plans[@]} -gt 0 ] && [ ${#suite[@]} -gt 0 ]; then refuse 'give plan or suite, not both'; fi
if [ ${#plans[@]} -eq 0 ] && [ ${#suite[@]} -eq 0 ]; then refuse 'give plan or suite'; fi
out="${OUT:-gauntlet-out}"
if [ ${#plans[@]} -gt 0 ]; then
  [ -z "${CLIENTS:-}" ] || refuse 'clients belongs to suite'
  gauntlet run "${plans[@]}" --github --out "$out" "${args[@]}"
else
  clients=()
  [ -z "${CLIENTS:-}" ] || clients=(--client "$CLIENTS")
  gauntlet suite "${suite[@]}" --github --out "$out" "${clients[@]}" "${args[@]}"
fi
code=$?
{
  echo "exit-code=$code"
  echo "out=$out"
} >> "${GITHUB_OUTPUT:-/dev/null}"
if [ "$code" -eq 2 ] && [ "${INCONCLUSIVE:-fail}" = pass ]; then
  echo '::warning title=eos-gauntlet::INCONCLUSIVE: nothing was found, and nothing was proved'
  exit 0
fi
exit "$code"
