import { expect, test } from 'vitest'
import { redactArgv } from './redact-argv.ts'

test.each([
  ['ps -a --filter name=web', 'ps -a --filter name=web'],
  ['run -e A=1 --env B=2 -eC=3 --env=D=4 x', 'run -e A=*** --env B=*** -eC=*** --env=D=*** x'],
  ['run -e HOME x', 'run -e HOME x'],
  ['login -u me -p hush host', 'login -u me -p *** host'],
  ['login -phush --username=me', 'login -p*** --username=me'],
  ['run -p 80:80 x', 'run -p 80:80 x'],
  ['login --password hush', 'login --password ***'],
  ['login --password=hush', 'login --password=***'],
  ['build --build-arg TOKEN=t .', 'build --build-arg TOKEN=*** .'],
  ['exec web env DB_PASSWORD=x sh', 'exec web env DB_PASSWORD=*** sh'],
  ['pull https://me:hush@registry/x', 'pull https://me:***@registry/x'],
])('`docker %s` is recorded as `docker %s`', (argv, recorded) => {
  expect(redactArgv(argv.split(' ')).join(' ')).toBe(recorded)
})
