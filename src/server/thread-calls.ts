/** Calls between threads: each side calls methods of the other one by name, and gets the result or the error. */
import type { MessagePort, Worker } from 'node:worker_threads';
import { VolfileError } from '../volfile/volfile-error.ts';

type Methods = Record<string, (argument: any) => unknown>;

interface Message {
  readonly id: number;
  readonly method?: string;
  readonly argument?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
  /** Where a {@link VolfileError} points to. Structured cloning keeps the message of an error and not its class. */
  readonly where?: string;
}

interface Waiting {
  resolve(result: any): void;
  reject(error: unknown): void;
}

/** One side of the calls between two threads. */
export class ThreadCalls {
  readonly #port: MessagePort | Worker;
  readonly #waiting = new Map<number, Waiting>();
  #id = 0;
  #gone: Error | undefined;

  /** The other side may call `methods`. Arguments and results are copied by structured cloning. */
  constructor(port: MessagePort | Worker, methods: Methods) {
    this.#port = port;
    port.on('message', (message: Message) => {
      if (message.method === undefined) this.#answered(message);
      else void this.#answer(message, methods[message.method]!);
    });
  }

  /** Calls a method of the other side. Rejects with the error that it throws, or when the other thread has ended. */
  call<R>(method: string, argument?: unknown): Promise<R> {
    if (this.#gone) return Promise.reject(this.#gone);
    const id = ++this.#id;
    return new Promise<R>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#port.postMessage({ id, method, argument } satisfies Message);
    });
  }

  /** Calls a method whose result is not needed. */
  tell(method: string, argument?: unknown): void {
    this.#port.postMessage({ id: 0, method, argument } satisfies Message);
  }

  /** Called when the other thread has ended: calls that wait for a result fail with `error`. */
  close(error: Error): void {
    this.#gone = error;
    for (const waiting of this.#waiting.values()) waiting.reject(error);
    this.#waiting.clear();
  }

  #answered({ id, result, error, where }: Message): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error instanceof Error && where !== undefined) waiting?.reject(VolfileError.again(where, error));
    else if (error !== undefined) waiting?.reject(error);
    else waiting?.resolve(result);
  }

  async #answer({ id, argument }: Message, method: (argument: unknown) => unknown): Promise<void> {
    let reply: Message;
    try {
      reply = { id, result: await method(argument) };
    } catch (error) {
      reply = { id, error, ...(error instanceof VolfileError && { where: error.where }) };
    }
    if (id !== 0) this.#port.postMessage(reply);
  }
}
