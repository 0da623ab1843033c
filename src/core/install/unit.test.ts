import { expect, test } from 'vitest'
import { unitName, unitText } from './unit.ts'

test('a node is a unit that leaves tasks alone when it is stopped', async () => {
  const text = unitText({
    program: ['/usr/local/bin/gantry'],
    command: 'agent',
    settingsFile: '/var/lib/gantry/gantry.yaml',
    volume: '/var/lib/gantry',
  })
  await expect(text).toMatchFileSnapshot('../../../test/golden/install/gantry.service')
})

test('words of a unit’s command mean what they say', () => {
  const settingsFile = '/srv/a b/100%/$HOME/"x"/gantry.yaml'
  const text = unitText({ program: ['/bin/gantry'], command: 'up', settingsFile, volume: '/srv/a b/100%' })
  expect(text).toContain('ExecStart=/bin/gantry up --config "/srv/a b/100%%/$$HOME/\\"x\\"/gantry.yaml"\n')
  expect(text).toContain('Description=Gantry node in /srv/a b/100%%\n')
})

test('each volume has a unit of its own', () => {
  expect(unitName('/var/lib/gantry')).toBe('gantry.service')
  expect(unitName('/srv/my gantry/2')).toBe('gantry-srv-my-gantry-2.service')
})
