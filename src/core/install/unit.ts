/** What a unit of systemd is made of. */
export interface UnitInput {
  /** The program and its first words, each an absolute path or a word. */
  readonly program: readonly string[]
  readonly command: 'up' | 'agent'
  readonly settingsFile: string
  readonly volume: string
}

/**
 * The unit of a node. Stopping it leaves tasks alone (KillMode=process): the next start adopts them. It keeps privileges that
 * tasks need: engines are asked over a socket, but process tasks are children of this unit and are confined with it. One that was
 * sent away (exit code 6) stays ended: it would be refused again.
 */
export function unitText({ program, command, settingsFile, volume }: UnitInput): string {
  const words = [...program, command, '--config', settingsFile]
  return `[Unit]
Description=Gantry node in ${volume.replaceAll('%', '%%')}
Wants=network-online.target
After=network-online.target docker.service containerd.service
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${words.map(quoted).join(' ')}
KillMode=process
KillSignal=SIGTERM
TimeoutStopSec=30
Restart=always
RestartPreventExitStatus=6
RestartSec=2
LimitNOFILE=1048576
TasksMax=infinity
Delegate=yes
OOMScoreAdjust=-500
ProtectClock=yes
ProtectKernelLogs=yes
ProtectHostname=yes
LockPersonality=yes
RestrictRealtime=yes

[Install]
WantedBy=multi-user.target
`
}

/** The name of a unit, one for each volume, so that two clusters on one machine do not disturb each other. */
export function unitName(volume: string): string {
  if (volume === '/var/lib/gantry') return 'gantry.service'
  const words = volume.split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  return `gantry-${words.join('-')}.service`
}

/** systemd splits at spaces, and reads % and $ as more than themselves. */
function quoted(word: string): string {
  const escaped = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[A-Za-z0-9_./:=@%$+-]+$/.test(word)
    ? escaped
    : `"${escaped.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`
}
