#!/usr/bin/env bash
# A step of action.yml: puts `gauntlet` on the path of the steps that follow. VERSION is one of the npm package, or
# empty for the sources in ACTION_FOLDER.
set -euo pipefail

if [ -n "${VERSION:-}" ]; then
  folder="${RUNNER_TEMP:-/tmp}/eos-gauntlet"
  npm install --no-audit --no-fund --prefix "$folder" "eos-gauntlet@$VERSION"
  binaries="$folder/node_modules/.bin"
else
  # Its development dependencies too: they build it.
  (cd "$ACTION_FOLDER" && npm ci --no-audit --no-fund)
  binaries="${RUNNER_TEMP:-/tmp}/eos-gauntlet-bin"
  mkdir -p "$binaries"
  ln -sf "$ACTION_FOLDER/dist/gauntlet/cli.js" "$binaries/gauntlet"
  chmod +x "$ACTION_FOLDER/dist/gauntlet/cli.js"
fi
echo "$binaries" >> "$GITHUB_PATH"
"$binaries/gauntlet" --version
