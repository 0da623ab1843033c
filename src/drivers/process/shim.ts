import { createHash } from 'node:crypto'
import { access, chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../durable-text.ts'

/**
 * The script that stands between Gantry and a program, so that the program outlives Gantry and its end is recorded
 * while nobody watches. It is the same for every task; all that differs comes as arguments or in the environment.
 *
 * - `supervise STATE LOGS RUN [PROCS-FILE...] -- PROGRAM [ARGUMENT...]` writes `shim`, so that nobody else begins a run,
 *   runs the program, and writes `exit`: the run and its exit status (128 + n for signal n).
 * - `run`, with the same arguments, becomes the program: joins the control groups, writes `started` and executes it.
 *   What hinders it before is left in `refusal`.
 * - `join [PROCS-FILE...] -- PROGRAM [ARGUMENT...]` joins the control groups and executes it.
 * - `terminal` sizes the terminal it runs in and executes the words in GANTRY_ARG_0 and so on.
 */
const SHIM = `#!/bin/sh
# Runs one program for Gantry and records its start and its end. Names begin with gantry_ because the variables of
# the program pass through this script.
set -f
umask 077
gantry_tools=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# Sets gantry_start to the start time of a process, in ticks since boot.
gantry_start_of() {
  read -r gantry_line <"/proc/$1/stat" || return 1
  set -- \${gantry_line##*) }
  shift 19
  gantry_start=$1
}

gantry_join() {
  while [ "$1" != -- ]; do
    printf '%s\\n' "$$" >"$1" || exit 125
    shift
  done
}

gantry_mode=$1
shift
case $gantry_mode in
supervise)
  # Caught, not ignored: the program must start with the default. In the foreground, because a program in the
  # background would start with the interrupt signal ignored.
  trap : HUP INT QUIT TERM PIPE
  gantry_start_of "$$" && read -r gantry_boot </proc/sys/kernel/random/boot_id || exit 1
  printf '%s\\n' "$3 $$ $gantry_start $gantry_boot" >"$1/shim" || exit 1
  /bin/sh "$0" run "$@"
  gantry_status=$?
  gantry_tries=0
  until printf '%s\\n' "$3 $gantry_status" >"$1/exit.tmp" && PATH=$gantry_tools mv -f "$1/exit.tmp" "$1/exit"; do
    # A full disk may have room again; a task that was removed does not come back.
    gantry_tries=$((gantry_tries + 1))
    [ -d "$1" ] && [ "$gantry_tries" -lt 60 ] || exit 1
    PATH=$gantry_tools sleep 1
  done
  PATH=$gantry_tools sync "$1/exit"
  exit 0
  ;;
run)
  gantry_state=$1 gantry_logs=$2 gantry_run=$3
  shift 3
  exec 2>"$gantry_state/refusal"
  gantry_join "$@"
  while [ "$1" != -- ]; do shift; done
  shift
  exec >>"$gantry_logs/stdout.log" 3>>"$gantry_logs/stderr.log" || exit 125
  gantry_start_of "$$" || exit 125
  gantry_text="$gantry_run $$ $gantry_start"
  gantry_start_of "$PPID" || exit 125
  read -r gantry_boot </proc/sys/kernel/random/boot_id || exit 125
  printf '%s\\n' "$gantry_text $PPID $gantry_start $gantry_boot" >"$gantry_state/started.tmp" || exit 125
  PATH=$gantry_tools sync "$gantry_state/started.tmp"
  PATH=$gantry_tools mv -f "$gantry_state/started.tmp" "$gantry_state/started" || exit 125
  unset PWD OLDPWD SHLVL
  umask 022
  exec "$@" 2>&3 3>&-
  ;;
join)
  gantry_join "$@"
  while [ "$1" != -- ]; do shift; done
  shift
  unset PWD OLDPWD SHLVL
  umask 022
  exec "$@"
  ;;
terminal)
  PATH=$gantry_tools stty echo rows "$GANTRY_ROWS" cols "$GANTRY_COLUMNS"
  gantry_index=0 gantry_count=$GANTRY_ARGS
  while [ "$gantry_index" -lt "$gantry_count" ]; do
    # The only thing put into the text that is evaluated is our own number.
    eval "set -- \\"\\$@\\" \\"\\$GANTRY_ARG_$gantry_index\\"; unset GANTRY_ARG_$gantry_index"
    gantry_index=$((gantry_index + 1))
  done
  unset GANTRY_SHIM GANTRY_ROWS GANTRY_COLUMNS GANTRY_ARGS PWD OLDPWD SHLVL
  exec "$@"
  ;;
esac
exit 125
`

/**
 * Puts the script into the data directory and returns its path. The name carries its hash, so that tasks that an older
 * or newer Gantry started keep the script they run under.
 */
export async function installShim(dataDir: string): Promise<string> {
  const hash = createHash('sha256').update(SHIM).digest('hex').slice(0, 12)
  const path = join(dataDir, `shim-${hash}.sh`)
  try {
    await access(path)
  } catch {
    // Not there yet, or not readable: written anew either way.
    await replaceFile(path, SHIM)
    await chmod(path, 0o755)
  }
  return path
}
