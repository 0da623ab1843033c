import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { allRoutes } from '../src/transport/http/routes.ts'
import { openApiBed, TOKEN } from './api-bed.ts'
import { ask } from './raw-request.ts'

const page = readFileSync('docs/reference/http.md', 'utf8')

interface Example {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly status: number
  readonly answer: string
}

function examples(): readonly Example[] {
  return [...page.matchAll(/```http\n([\s\S]*?)```/g)].map(([, block = '']) => {
    const [request = '', answer = ''] = block.split('\n\n')
    const [line = '', ...body] = request.split('\n')
    const [status = '', ...text] = answer.trimEnd().split('\n')
    const [method = '', path = ''] = line.split(' ')
    return { method, path, body: body.join('\n'), status: Number(status), answer: text.join('\n') }
  })
}

test('every example of the HTTP page does what the page says', async () => {
  await using bed = await openApiBed()
  expect(examples().length).toBeGreaterThan(8)
  for (const { method, path, body, status, answer } of examples()) {
    const headers = { authorization: `Bearer ${TOKEN}`, ...(body === '' ? {} : { 'content-type': 'application/json' }) }
    const got = await ask({ url: bed.url, method, path, headers, ...(body === '' ? {} : { body }) })
    expect(`${method} ${path}: ${got.status}`).toBe(`${method} ${path}: ${status}`)
    if (answer === '') expect(got.text).toBe('')
    else expect(JSON.parse(got.text.split('\n')[0] ?? '')).toMatchObject(JSON.parse(answer) as object)
  }
})

test('every path that the HTTP page names is a route', () => {
  const routes = allRoutes({ version: '', openapi: () => ({}), metrics: () => [] }).map(({ path }) => path)
  const known = routes.map((path) => path.replaceAll(/:\w+/g, '{}').replace('/api/v1', ''))
  const named = [...page.matchAll(/(?:`|GET |POST |DELETE )(\/[a-z][\w/{}.-]*)/g)].map(([, path = '']) => path)
  const unknown = named
    .map((path) => path.replaceAll(/\{\w+\}/g, '{}').replace('/api/v1', ''))
    .filter(
      (path) => path !== '' && !known.some((route) => new RegExp(`^${route.replaceAll('{}', '[^/]+')}$`).test(path)),
    )
  expect(unknown).toEqual([])
})
