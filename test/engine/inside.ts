import type { Runtime } from '../../src/ports/runtime.ts'

/** Runs a program in a running container and returns what it printed on both streams, trimmed. */
export async function inside(runtime: Runtime, containerId: string, argv: readonly string[]): Promise<string> {
  const request = { argv, tty: false, stdin: false, env: {}, user: null, workingDir: null, size: null }
  const session = await runtime.exec(containerId, request)
  const decoder = new TextDecoder()
  let printed = ''
  for await (const { data } of session.output) printed += decoder.decode(data, { stream: true })
  await session.exit
  return printed.trim()
}
