import { expect, test } from 'vitest'
import { loadAgentSections } from './load-agent-sections.ts'

const messages = (text: string): readonly string[] =>
  loadAgentSections(text, null).problems.map(({ message }) => message)

test('a file with only the agent’s sections needs no services', () => {
  const { sections, problems } = loadAgentSections(
    'cluster: { name: shop, discovery_port: 7001 }\ndata_dir: ./data',
    null,
  )
  expect(problems).toEqual([])
  expect(sections).toEqual({ cluster: { name: 'shop', discovery_port: 7001 }, data_dir: './data' })
})

test('the manifest in the same file is not looked at', () => {
  expect(loadAgentSections('cluster_name: shop\nservices: { web: { imagine: x } }', null)).toEqual({
    sections: { cluster_name: 'shop' },
    problems: [],
    notes: [],
  })
})

test('an empty file sets nothing', () => {
  expect(loadAgentSections('', null)).toEqual({ sections: {}, problems: [], notes: [] })
})

test('a wrong or unknown key makes all of it void', () => {
  const { sections } = loadAgentSections('cluster_name: shop\nlisten: ":80"', null)
  expect(sections).toEqual({})
  expect(messages('cluster_name: shop\nlisten: ":80"')).toEqual(['unknown key'])
  expect(messages('- a')).toEqual(['must be a mapping with the sections of an agent'])
  expect(messages('cluster: { discovery_port: none }')).toHaveLength(1)
})
