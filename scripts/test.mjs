// `npm test`: installs what the tests need, then runs all of them. On Debian as root missing system packages are
// installed; elsewhere what must be skipped is named with the reason and the command that would enable it.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fail, installDependencies, mustRun, root, runtimeNode } from './runtime.mjs'
import { installSystemPackages } from './system-packages.mjs'

installDependencies()
installSystemPackages()
const node = runtimeNode()
const env = { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}:${process.env.PATH}` }
mustRun(process.execPath, [join(root, 'scripts', 'check.mjs'), '--static'], { env })
mustRun(process.execPath, [join(root, 'scripts', 'build.mjs')], { env })

const report = join(root, 'dist', 'test-report.json')
rmSync(report, { force: true })
const args = [
  join(root, 'node_modules', 'vitest', 'vitest.mjs'),
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
]
const run = spawnSync(node, [...args, ...process.argv.slice(2)], { cwd: root, stdio: 'inherit', env })
const counts = readCounts(report)
process.stdout.write(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`)
if (counts.skipped > 0 && process.env.CI) fail('In CI nothing may be skipped.', 1)
process.exit(run.status ?? 1)

function readCounts(path) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(path, 'utf8'))
    return { passed: numPassedTests, failed: numFailedTests, skipped: numPendingTests }
  } catch (error) {
    fail(`The tests wrote no report: ${error.message}`, 1)
  }
}
