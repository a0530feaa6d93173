#!/usr/bin/env bash
# Usage: scripts/deploy.sh [options]
#
# Brings Plant Automation up in containers on this machine, from this folder: makes .env, builds the image, starts it,
# waits until it is healthy and prints the link that makes the first account. A second run changes nothing.
# Needs Docker with Compose 2.24 or newer.
#
#   --demo          also two simulated plants on port 8001, apart from your data
#   --tls DOMAIN    also Caddy on ports 80 and 443, with a certificate for DOMAIN
#   --pull          take the published image of this version instead of building one from these sources
#   --upgrade       first copy the database and .env into backups/; for after a `git pull`
#   --no-start      make .env and the image, start nothing
#   --dry-run       say what would be done, and do nothing
#   --allow-root    run as root all the same; a member of the group `docker` needs no root
#
# .env (mode 0600) is never overwritten: what is missing is appended. Exit codes: 1 something is missing or wrong
# here, 2 wrong arguments, 3 the containers did not become healthy.
set -euo pipefail
umask 077

usage() { sed -n '2,/^set/s/^# \{0,1\}//p' "$0" | sed '$d'; }
say() { printf '%s\n' "$*"; }
fail() { # fail CODE MESSAGE…
  local code=$1 line
  shift
  printf 'scripts/deploy.sh: %s\n' "$1" >&2
  shift
  for line in "$@"; do printf '  %s\n' "$line" >&2; done
  exit "$code"
}

demo='' domain='' pull='' upgrade='' no_start='' dry_run='' allow_root=''
while [ $# -gt 0 ]; do
  case "$1" in
    -h | --help) usage; exit ;;
    --demo) demo=yes ;;
    --tls)
      [ $# -gt 1 ] || fail 2 '--tls needs a domain, such as plants.example.org'
      domain=$2
      shift
      ;;
    --pull) pull=yes ;;
    --upgrade) upgrade=yes ;;
    --no-start) no_start=yes ;;
    --dry-run) dry_run=yes ;;
    --allow-root) allow_root=yes ;;
    *) fail 2 "unknown argument '$1' (see --help)" ;;
  esac
  shift
done
[[ -z $domain || $domain =~ ^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$ ]] \
  || fail 2 "'$domain' is no domain: letters, digits, dots and hyphens are allowed, and no https:// before it"
[ "$(id -u)" != 0 ] || [ -n "$allow_root" ] \
  || fail 1 'run it as a person who may use Docker, not as root' \
    'sudo usermod -aG docker YOUR-NAME, then sign in again; or --allow-root if root is what you mean'
cd "$(dirname "$0")/.."

command -v docker >/dev/null || fail 1 'there is no docker on this machine' 'https://docs.docker.com/engine/install/ says how to get it'
version=$(docker compose version --short 2>/dev/null) \
  || fail 1 'docker has no compose' 'Debian, Ubuntu, Raspberry Pi OS:  sudo apt-get install docker-compose-plugin'
version=${version#v}
[ "$(printf '%s\n' 2.24.0 "${version%%[-+]*}" | sort -V | head -n 1)" = 2.24.0 ] \
  || fail 1 "Compose is $version; 2.24.0 or newer is needed"

# Says each command that changes something, and runs it unless this is a dry run.
run() {
  say "+ $*"
  [ -n "$dry_run" ] || "$@"
}

value_of() { # value_of KEY: what .env has for it
  [ -f .env ] || return 0
  sed -n "s/^$1=//p" .env | tail -n 1 | tr -d "\"'"
}

has() { [ -f .env ] && grep -q "^$1=" .env; }

# Appends a setting that .env does not have, whatever its value is where it does.
add() { # add KEY VALUE COMMENT
  has "$1" && return
  if [ -n "$dry_run" ]; then
    say "+ add $1 to .env"
    return
  fi
  # What is there may lack the end of its last line.
  [ ! -s .env ] || [ -z "$(tail -c 1 .env)" ] || echo >>.env
  printf '# %s\n%s=%s\n' "$3" "$1" "$2" >>.env
  say "Added $1 to .env."
}

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

make_settings() {
  if [ -n "$domain" ] && has PLANT_DOMAIN && [ "$(value_of PLANT_DOMAIN)" != "$domain" ]; then
    fail 1 "PLANT_DOMAIN in .env is $(value_of PLANT_DOMAIN), not $domain: change it there, nothing is overwritten here"
  fi
  if [ ! -e .env ] && [ -z "$dry_run" ]; then
    (set -o noclobber && echo '# Settings of this installation; .env.example lists them all.' >.env)
  fi
  add PLANT_METRICS_TOKEN "$(random)" 'Opens /metrics to Prometheus. Made at random.'
  if [ -n "$domain" ]; then
    add PLANT_DOMAIN "$domain" 'The name that Caddy has a certificate for.'
  fi
  [ -n "$dry_run" ] || [ "$(stat -c %a .env 2>/dev/null || stat -f %Lp .env)" = 600 ] || run chmod 600 .env
}

# The database as a file of its own, and .env, while the server may go on.
back_up() {
  local folder
  if ! docker volume inspect plant-automation-data >/dev/null 2>&1; then
    say 'There is no database yet, so nothing to back up.'
    return
  fi
  folder=backups/$(date -u +%Y%m%dT%H%M%SZ)
  say "+ back up the database and .env into $folder"
  [ -z "$dry_run" ] || return 0
  mkdir -p "$folder"
  # A container of its own: it does not matter whether the server runs. What an earlier run left behind, that was cut
  # short, must not stand in the way.
  # shellcheck disable=SC2016  # the container's shell fills these in
  "${compose[@]}" run --rm --no-deps -T backend sh -c \
    'rm -f /data/.copy; plant-backend backup /data/.copy >&2 && cat /data/.copy; code=$?; rm -f /data/.copy; exit $code' \
    >"$folder/plant.db.part" && [ "$(head -c 15 "$folder/plant.db.part")" = 'SQLite format 3' ] || {
    rm -r "$folder"
    fail 1 'the database could not be backed up; nothing was changed'
  }
  mv "$folder/plant.db.part" "$folder/plant.db"
  [ ! -f .env ] || cp -p .env "$folder/env"
}

address() {
  local name
  name=$(value_of PLANT_DOMAIN)
  if [ -n "$name" ]; then
    printf 'https://%s' "$name"
    return
  fi
  name=$(value_of PLANT_PUBLISH)
  [ -n "$name" ] && [ "$name" != 0.0.0.0 ] || name=$(hostname -I 2>/dev/null | awk '{print $1}')
  printf 'http://%s:%s' "${name:-127.0.0.1}" "$(value_of PLANT_PORT | grep . || echo 8000)"
}

# The link is in the log until somebody has used it; it holds for a day.
introduce() {
  local link people
  people=$("${compose[@]}" exec -T backend plant-backend user list)
  say
  say "Plant Automation answers at $(address)"
  if [ -z "$people" ]; then
    link=$("${compose[@]}" logs --no-color --since 24h backend | grep -oE '/web/setup#[A-Za-z0-9_-]+' | tail -n 1) || true
    if [ -n "$link" ]; then
      say 'Make the first account within a day, once, at'
      say "  $(address)$link"
    else
      say 'Its set-up link has expired; docker compose restart backend, then run this again.'
    fi
  fi
  [ -z "$demo" ] || say 'The demo is on port 8001; docker compose logs demo shows its password.'
}

compose=(docker compose)
make_settings
[ -z "$(value_of PLANT_DOMAIN)$domain" ] || compose+=(--profile tls)
[ -z "$demo" ] || compose+=(--profile demo)
[ -z "$upgrade" ] || back_up
if [ -n "$pull" ]; then
  run "${compose[@]}" pull
else
  # The base is looked up anew for an upgrade only: a second run shall change nothing.
  run "${compose[@]}" build ${upgrade:+--pull}
fi
[ -z "$no_start" ] || exit 0
if ! run "${compose[@]}" up --detach --wait --wait-timeout 180; then
  "${compose[@]}" logs --no-color --tail 50 >&2 || true
  fail 3 'the containers did not become healthy; their last words are above'
fi
[ -n "$dry_run" ] || introduce
