import { createHash } from 'node:crypto'
import { access, chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { replaceFile } from '../durable-text.ts'

/**
 * The watchdog: a process of its own that looks once a second at a directory of deadlines and kills what has passed its own. It needs neither Gantry
 * nor an engine. `DIRECTORY` holds a file `<name>.deadline` for each container: seconds since boot, its id, and for a process the file that
 * says which program its run began with. It ends by itself when there has been nothing to watch for a minute.
 */
const SCRIPT = `#!/bin/sh
umask 077
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
dir=$1

start_of() {
  read -r line <"/proc/$1/stat" || return 1
  set -- \${line##*) }
  shift 19
  start=$1
}

# Kills every process of a container's control group.
kill_group() {
  for file in $(grep -lF -- "$1" /proc/[0-9]*/cgroup 2>/dev/null); do
    pid=\${file#/proc/}
    kill -9 "\${pid%/cgroup}" 2>/dev/null
  done
}

# Kills every process of the session that a program leads, if it is still that program, or has left its number to nobody.
kill_session() {
  read -r _ leader began _ _ boot <"$1" || return
  read -r now </proc/sys/kernel/random/boot_id
  [ "$boot" = "$now" ] || return
  if start_of "$leader" 2>/dev/null && [ "$start" != "$began" ]; then return; fi
  # Before its children: it must not see them end, and end as if all were well.
  kill -9 "$leader" 2>/dev/null
  for file in /proc/[0-9]*/stat; do
    read -r line 2>/dev/null <"$file" || continue
    set -- \${line##*) }
    [ "$4" = "$leader" ] || continue
    pid=\${file#/proc/}
    kill -9 "\${pid%/stat}" 2>/dev/null
  done
}

start_of "$$"
read -r boot </proc/sys/kernel/random/boot_id
printf '%s\\n' "$$ $start $boot" >"$dir/pid.tmp" && mv -f "$dir/pid.tmp" "$dir/pid" || exit 1
# Short of memory, the kernel had better choose another.
printf '%s\\n' -1000 2>/dev/null >/proc/self/oom_score_adj
idle=0
while [ "$idle" -lt 60 ]; do
  idle=$((idle + 1))
  [ -d "$dir" ] || exit 0
  read -r up _ </proc/uptime
  up=\${up%%.*}
  for order in "$dir"/*.deadline; do
    [ -e "$order" ] || continue
    idle=0
    read -r at id run <"$order" || continue
    # One that is just being written over is read again next time.
    read -r again _ <"$order" && [ "$at" = "$again" ] || continue
    [ "$up" -ge "$at" ] || continue
    kill_group "$id"
    [ -z "$run" ] || kill_session "$run"
    # A start that was on its way may still come.
    [ "$up" -lt $((at + 120)) ] || rm -f "$order"
  done
  sleep 1
done
`

/** Puts the script into a directory and returns its path, which changes with its text: one that runs keeps what it was started with. */
export async function installWatchdog(dataDir: string): Promise<string> {
  const hash = createHash('sha256').update(SCRIPT).digest('hex').slice(0, 12)
  const path = join(dataDir, `watchdog-${hash}.sh`)
  try {
    await access(path)
  } catch {
    // Not there yet, or not readable: written anew either way.
    await replaceFile(path, SCRIPT)
    await chmod(path, 0o755)
  }
  return path
}
