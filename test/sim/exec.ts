import type { ExecRequest, ExecSession } from '../../src/ports/runtime.ts'
import type { SimContainer } from './container.ts'

type Output = { readonly stream: 'stdout' | 'stderr'; readonly data: Uint8Array }

/** A program run inside a container. Its first argument says what it does; an unknown one ends as a shell would say. */
export class SimExec implements ExecSession {
  readonly exit: Promise<number>
  readonly output: AsyncIterable<Output>
  readonly #chunks: Output[] = []
  readonly #echo: boolean
  #wake: () => void = () => undefined
  #finish: (code: number) => void = () => undefined
  #ended = false

  constructor(container: SimContainer, request: ExecRequest, serving: boolean) {
    this.exit = new Promise((resolve) => {
      this.#finish = resolve
    })
    this.output = this.#read()
    this.#echo = request.argv[0] === 'cat'
    const code = this.#begin(container, request, serving)
    if (code !== null) this.#end(code)
    else container.onEnd.push(() => this.#end(137))
  }

  write(data: Uint8Array): void {
    if (this.#echo) this.#print('stdout', data)
  }

  endInput(): void {
    this.#end(0)
  }

  resize(): void {
    // Nothing that runs here has a size.
  }

  abort(): void {
    this.#end(137)
  }

  /** Its exit code if it ends at once. */
  #begin(container: SimContainer, request: ExecRequest, serving: boolean): number | null {
    const [program = '', first = '', second = ''] = request.argv
    const say = (stream: Output['stream'], text: string): void => {
      if (text !== '') this.#print(stream, new TextEncoder().encode(`${text}\n`))
    }
    switch (program) {
      case 'exit':
        return Number(first)
      case 'print':
        say('stdout', first)
        say('stderr', second)
        return 0
      case 'print-variable':
        say('stdout', request.env[first] ?? container.order.spec.env[first] ?? '')
        return 0
      case 'is-terminal':
        return request.tty ? 0 : 3
      case 'healthy':
        return serving ? 0 : 1
      case 'repair':
        container.repaired = first === 'well'
        return first === 'well' ? 0 : 1
      case 'cat':
      case 'wait':
        return null
      default:
        say('stderr', `${program}: not found`)
        return 127
    }
  }

  #print(stream: Output['stream'], data: Uint8Array): void {
    this.#chunks.push({ stream, data })
    this.#wake()
  }

  #end(code: number): void {
    this.#ended = true
    this.#finish(code)
    this.#wake()
  }

  async *#read(): AsyncGenerator<Output> {
    for (;;) {
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) yield chunk
      else if (this.#ended) return
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
    }
  }
}
