#!/usr/bin/env bash
# Usage: scripts/chromium.sh [PYTHON]
# Prints the path of a Chromium that starts, for the browser tests; installs one when there is none.
# Looks at $CHROMIUM, PATH, Playwright's own; then installs the system's package (root, apt-get) or
# Playwright's build. Everything but the path goes to stderr. Exit 1: no Chromium to be had.
set -euo pipefail

python=${1:-python3}

say() { echo "chromium: $*" >&2; }
starts() { [ -n "$1" ] && "$1" --version >/dev/null 2>&1; }

found() {
    if starts "$1"; then
        echo "$1"
        exit 0
    fi
}

look_on_path() {
    local name
    for name in chromium chromium-browser google-chrome google-chrome-stable; do
        found "$(command -v "$name" || true)"
    done
}

look_at_playwright() {
    found "$("$python" -c '
from playwright.sync_api import sync_playwright

with sync_playwright() as playwright:
    print(playwright.chromium.executable_path)
' 2>/dev/null || true)"
}

if [ -n "${CHROMIUM:-}" ]; then
    found "$(command -v "$CHROMIUM" || true)"
    say "\$CHROMIUM is '$CHROMIUM', which does not start"
    exit 1
fi
look_on_path
look_at_playwright

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "installing the system's package"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update && apt-get install --yes --no-install-recommends chromium; } >&2 </dev/null ||
        say "apt-get did not install chromium"
    look_on_path
fi

say "installing Playwright's build"
"$python" -m playwright install chromium >&2 </dev/null || say "playwright did not install chromium"
look_at_playwright

say "none found and none could be installed; set CHROMIUM to the path of one"
exit 1
